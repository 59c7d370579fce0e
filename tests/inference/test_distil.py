"""What the student is taught: the teacher's sample from the same noise and the same person, in one call and in two."""

import numpy as np
import pytest
import torch

from inference.crop import CROP
from inference.generator import Generator, GeneratorConfig
from inference.samplers import dpmpp_2m
from inference.training import distil
from inference.training.distil import Distillation, answers
from tests.inference.students import moved

BATCH = 2


class Crops:
    """In place of the sampler: the same batch for the same rng; leads 3 and 6 are nowhere there."""

    def __call__(self, rng: np.random.Generator, batch: int) -> dict[str, np.ndarray]:
        mask = np.ones((batch, 8, CROP), np.float32)
        mask[:, [3, 6]] = 0
        shapes = {"channels": (18, CROP), "person": (8,), "shapes": (4, 16), "beat": (8, 90)}
        drawn = {key: rng.normal(size=(batch, *shape)).astype(np.float32) for key, shape in shapes.items()}
        drawn["channels"][:, 0] = np.exp(-np.abs(drawn["channels"][:, 0]))
        return drawn | {"mask": mask, "beat_mask": np.ones((batch, 8), np.float32)}


@pytest.fixture(scope="module")
def teacher() -> Generator:
    torch.manual_seed(0)
    return Generator(GeneratorConfig()).eval()


def objective(teacher: Generator, temperature: float = 0.4) -> Distillation:
    return Distillation(Crops(), teacher, temperature)  # pyright: ignore[reportArgumentType]


def batch_of(one: Distillation) -> list[torch.Tensor]:
    return one.draw(np.random.default_rng(0), BATCH)


def told(teacher: Generator):
    torch.manual_seed(1)
    channels = torch.randn(BATCH, 18, CROP)
    person, _ = teacher.person(torch.randn(BATCH, 8), torch.randn(BATCH, 4, 16))
    return 0.4 * torch.randn(BATCH, 8, CROP), channels, person


@torch.no_grad()
def test_the_last_answer_is_the_sample_and_the_first_that_of_one_call(teacher):
    noise, channels, person = told(teacher)
    for calls in (1, 2, 4):
        given = answers(teacher.denoiser, noise, channels, person, calls)
        sample = dpmpp_2m(
            lambda z, t: teacher.denoiser(z, t, channels, person)[1], teacher.process, [noise],
            teacher.process.grid(calls),
        )  # fmt: skip
        assert len(given) == calls
        torch.testing.assert_close(given[-1], sample)
        torch.testing.assert_close(given[0], answers(teacher.denoiser, noise, channels, person, 1)[0])


def test_a_teacher_of_two_calls_has_nothing_to_teach_its_equal(teacher, monkeypatch):
    # so noise and person are the same on both sides
    monkeypatch.setattr(distil, "_TEACHER_CALLS", 2)
    one = objective(teacher)
    _, figures = one(teacher.denoiser, batch_of(one))
    assert figures["two calls"] == figures["other leads"] == 0 < figures["one call"]
    _, figures = one(moved(teacher.denoiser), batch_of(one))
    assert min(figures.values()) > 0


def test_only_leads_that_exist_teach(teacher):
    one, student = objective(teacher), moved(teacher.denoiser)
    loss, figures = one(student, batch_of(one))
    loss.backward()
    assert loss.item() == pytest.approx(figures["one call"] + figures["two calls"])
    gradient = student.get_parameter("give.bias").grad
    assert gradient is not None
    assert (gradient != 0).tolist() == [lead not in (3, 6) for lead in range(8)]
    assert all(each.grad is None for each in teacher.parameters())


def test_no_gradient_goes_from_the_second_call_into_the_first(teacher):
    noise, channels, person = told(teacher)
    first, second = answers(moved(teacher.denoiser), noise.detach(), channels.detach(), person, 2)
    assert torch.autograd.grad(second.sum(), first, allow_unused=True, retain_graph=True) == (None,)


def test_the_noise_has_the_temperature_that_serves(teacher, monkeypatch):
    drawn, real = [], answers
    monkeypatch.setattr(distil, "answers", lambda one, noise, *rest: (drawn.append(noise), real(one, noise, *rest))[1])
    for temperature in (0.4, 1.0):
        torch.manual_seed(2)
        one = objective(teacher, temperature)
        one(teacher.denoiser, batch_of(one))
    assert torch.equal(drawn[0], drawn[1])  # teacher's and student's
    torch.testing.assert_close(drawn[0] / 0.4, drawn[2])
    assert float(drawn[2].std()) == pytest.approx(1, abs=0.05)
