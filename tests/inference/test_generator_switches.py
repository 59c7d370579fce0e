"""Each switch of the generator turns off what it says and nothing else; weights from before the switches still load."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.affinity import CODE_SIZE
from inference.conditions import BEAT_CHANNELS, CHANNELS, beat_channels
from inference.crop import CROP, KNOTS, Person
from inference.denoiser import REACH
from inference.engine import Engine
from inference.generator import Generator, GeneratorConfig
from inference.model_folder import SHIPPED
from inference.runtimes.on_torch import TorchNetworks
from inference.settings import EngineSettings
from inference.training.ablation import ROWS
from inference.weights_file import load_weights, save_weights
from tests.inference.test_engine import pulse_train, windows


def generator(**switches) -> Generator:
    torch.manual_seed(0)
    return Generator(GeneratorConfig(**switches)).eval()


def told(beats=(100.0, 210.0, 320.0), pulse: float | np.ndarray = 0.0) -> torch.Tensor:
    channels = np.zeros((1, CHANNELS, CROP), np.float32)
    channels[0, :BEAT_CHANNELS] = beat_channels(np.array(beats), 0, CROP)
    channels[0, BEAT_CHANNELS] = pulse
    return torch.from_numpy(channels)


def person(affinity=1.0) -> Person:
    return Person(torch.zeros(1, KNOTS, CODE_SIZE), torch.zeros(1, 8), affinity * torch.eye(8).expand(1, KNOTS, 8, 8))


@torch.no_grad()
def blurred(model: Generator, seed=0, channels=None, who=None) -> torch.Tensor:
    z = torch.randn(1, 8, CROP, generator=torch.Generator().manual_seed(seed))
    given = model.denoiser.tell(told() if channels is None else channels, who or person())
    return model.denoiser.estimate(z, torch.full((1,), 0.5), given)[0]


def differ(one: torch.Tensor, other: torch.Tensor) -> bool:
    return float((one - other).abs().max()) > 1e-4


def responds(model: Generator) -> dict[str, bool]:
    """What moves the output."""
    base = blurred(model)
    return {
        "noise": differ(base, blurred(model, seed=1)),
        "beats": differ(base, blurred(model, channels=told(beats=(120.0, 200.0, 330.0)))),
        "pulse": differ(base, blurred(model, channels=told(pulse=1.0))),
        "affinity": differ(base, blurred(model, who=person(0.0))),
    }


@pytest.mark.parametrize(
    ("switches", "deaf"), [({}, set()), ({"use_noise": False}, {"noise"}), ({"use_dilation": False}, set()),
                           ({"use_beats": False}, {"beats"}), ({"blur": 0.0}, set())],
    ids=str,
)  # fmt: skip
def test_a_switch_silences_what_it_says_and_nothing_else(switches, deaf):
    found = responds(generator(**switches))
    assert {name for name, moves in found.items() if not moves} == deaf


def test_every_row_starts_from_the_same_weights():
    full = generator().state_dict()
    for config in ROWS.values():
        torch.manual_seed(0)
        own = Generator(config).state_dict()
        assert own.keys() == full.keys()
        assert all(torch.equal(own[name], full[name]) for name in full)


def reach(model: Generator) -> int:
    """Samples on either side of an impulse in the pulse that the blurred leads feel."""
    impulse = torch.zeros(CROP)
    impulse[CROP // 2] = 100.0
    moved = (blurred(model) - blurred(model, channels=told(pulse=impulse.numpy())))[0].abs().amax(0)
    felt = torch.nonzero(moved > 0)[:, 0]
    return int((felt - CROP // 2).abs().max())


def test_without_dilation_the_network_reaches_less_far():
    wide, narrow = reach(generator()), reach(generator(use_dilation=False))
    assert narrow < wide <= REACH
    assert wide - narrow >= 3  # one sample at the full rate, one at half of it


def test_the_band_too_is_not_told_the_beats():
    for use_beats in (True, False):
        model = generator(use_beats=use_beats)
        with torch.no_grad():
            one, other, pulse = (model.band(each, person()) for each in (told(), told(beats=(120.0,)), told(pulse=1.0)))
        assert differ(one, other) is use_beats
        assert differ(one, pulse)


def test_nothing_random_is_left_without_noise():
    weights = load_weights()
    segments = windows(pulse_train(14))[:1]
    for use_noise in (True, False):
        other = Generator(replace(weights.generator.config, use_noise=use_noise)).eval()
        other.load_state_dict(weights.generator.state_dict())
        networks = TorchNetworks(replace(weights, generator=other))
        one, two = (Engine(networks, EngineSettings(batch=4, seed=seed)).infer(segments) for seed in (0, 1))
        same = all(np.array_equal(a.leads_uv, b.leads_uv) for a, b in zip(one, two, strict=True))
        assert same is not use_noise


def test_weights_from_before_the_switches_load_with_all_on(tmp_path):
    folder = shutil.copytree(SHIPPED, tmp_path / "weights")
    facts = json.loads((folder / "model.json").read_text())
    before = ("blur", "groups", "use_affinity", "use_demographics", "use_contrastive")
    facts["generator"] = {name: facts["generator"][name] for name in before}
    (folder / "model.json").write_text(json.dumps(facts))
    loaded, shipped = load_weights(folder), load_weights()
    assert loaded.generator.config == GeneratorConfig(**facts["generator"])
    assert loaded.generator.config.use_noise
    assert loaded.generator.config.use_dilation
    assert loaded.generator.config.use_beats
    assert torch.equal(blurred(loaded.generator), blurred(shipped.generator))


def test_switches_are_written_and_read_back(tmp_path):
    beside, config = load_weights(), GeneratorConfig(0.0, 4, False, False, False, False, False, False)
    model = Generator(config).eval()
    save_weights(tmp_path, beside.head, model, beside.lead_scale, beside.typical.beat_mv)
    again = load_weights(tmp_path).generator
    assert again.config == config
    assert torch.equal(blurred(again), blurred(model))
