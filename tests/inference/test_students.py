"""A model with two denoisers: its files and hashes, and the one that serves."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.denoiser import Denoiser
from inference.diffusion import Process
from inference.errors import WeightsCorrupt, WeightsUnfit
from inference.generator import Generator, GeneratorConfig
from inference.model_folder import sha256
from inference.runtimes import load_networks
from inference.settings import EngineSettings
from inference.weights_file import load_weights
from tests.inference.students import moved, with_a_student, without_a_student, write


def same(one: Denoiser, other: Denoiser) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


def test_a_student_is_a_file_of_the_model_and_of_its_id(tmp_path):
    weights = load_weights()
    student = moved(weights.generator.denoiser)
    ids = [write(weights, tmp_path / str(i), one) for i, one in enumerate((student, moved(student), None))]
    assert len(set(ids)) == 3
    facts = json.loads((tmp_path / "0/model.json").read_text())
    assert facts["sha256"]["student.safetensors"] == sha256((tmp_path / "0/student.safetensors").read_bytes())
    read = load_weights(tmp_path / "0")
    assert same(read.denoiser("student"), student)
    assert same(read.denoiser("teacher"), weights.generator.denoiser)
    assert sum(one.stat().st_size for one in (tmp_path / "0").iterdir()) < 20e6


def test_a_model_without_a_student_serves_and_says_in_one_line_that_it_has_none(tmp_path):
    folder = without_a_student(tmp_path)
    assert not (folder / "student.safetensors").exists()
    model_id = load_networks(EngineSettings(weights=folder)).model_id
    with pytest.raises(WeightsUnfit) as caught:
        load_networks(EngineSettings(weights=folder, denoiser="student"))
    assert str(caught.value) == (
        f"{model_id} holds no student: set infer.engine.denoiser=teacher, or infer.engine.weights to a model with one"
    )


def test_the_denoiser_that_is_asked_for_serves_and_is_told_by_the_id(tmp_path):
    folder, made, rng = with_a_student(tmp_path), [], np.random.default_rng(0)
    channels, z = (rng.normal(size=(2, rows, 512)).astype(np.float32) for rows in (18, 8))
    for name in ("teacher", "student"):
        networks = load_networks(EngineSettings(weights=folder, denoiser=name))
        assert networks.model_id == networks.weights_id + {"teacher": "", "student": "-student"}[name]
        given = networks.array(channels)
        person = networks.person(*(networks.array(np.zeros(shape, np.float32)) for shape in ((2, 8), (2, 4, 16))))
        clean = networks.denoise(networks.array(z), torch.ones(2), networks.tell(given, person))
        with torch.no_grad():
            wanted = load_weights(folder).denoiser(name)(torch.from_numpy(z), torch.ones(2), given, person)[1]
        np.testing.assert_allclose(networks.values(clean), wanted, atol=1e-5)
        made.append(networks.values(clean))
    assert np.abs(made[0] - made[1]).max() > 1e-3


def test_a_student_is_built_as_its_teacher_is(tmp_path):
    weights, other = load_weights(), Generator(GeneratorConfig(use_noise=False, use_dilation=False)).eval()
    write(replace(weights, generator=other), tmp_path, moved(other.denoiser))
    student = load_weights(tmp_path).denoiser("student")
    assert not student.use_noise
    assert str(student) == str(other.denoiser) != str(weights.generator.denoiser)


@pytest.mark.parametrize(("change", "says"), [("flip", "student.safetensors is damaged"), ("other", "do not fit")])
def test_a_student_that_is_damaged_or_of_another_network_is_refused(tmp_path, change, says):
    folder = with_a_student(tmp_path)
    file = folder / "student.safetensors"
    if change == "flip":
        content = bytearray(file.read_bytes())
        content[-5] ^= 1
        file.write_bytes(bytes(content))
    else:
        smaller = Denoiser(Process())
        del smaller.last
        write(load_weights(), folder, smaller)
    with pytest.raises(WeightsCorrupt, match=says):
        load_weights(folder)
