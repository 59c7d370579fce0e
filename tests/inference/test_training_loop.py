"""Training stopped and continued is training not stopped; a checkpoint that does not fit is refused."""

import builtins
import itertools
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inference.beat_network import BeatHead
from inference.errors import CheckpointUnusable
from inference.training import loop, losses
from inference.training.loop import LoopSettings, Stage, run_loop

STEPS = 110
MADE_WITH = {"recordings": "0123", "generator": {"blur": 2.0, "groups": 8}}


class Tiny(nn.Module):
    """Dropout, so that torch's own randomness counts too."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.SiLU(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def draw(rng: np.random.Generator, batch: int) -> list[Tensor]:
    x = rng.normal(size=(batch, 4)).astype(np.float32)
    return [torch.from_numpy(x), torch.from_numpy(x.sum(1, keepdims=True))]


def loss_of(model: nn.Module, batch: list[Tensor]) -> tuple[Tensor, dict[str, float]]:
    x, y = batch
    loss = (model(x) - y).square().mean()
    return loss, {"loss": loss.item()}


def killed_at(step: int, loss=loss_of):
    """The loss, until the process is told to stop in the middle of a step."""
    steps = itertools.count()

    def stops(model: nn.Module, batch: list[Tensor]) -> tuple[Tensor, dict[str, float]]:
        if next(steps) == step:
            raise KeyboardInterrupt
        return loss(model, batch)

    return stops


def tiny() -> Tiny:
    torch.manual_seed(5)
    return Tiny()


def run(out: Path, loss=loss_of, made_with: Mapping[str, Any] = MADE_WITH, **changed: Any) -> nn.Module:
    settings = replace(LoopSettings(STEPS, 1e-2, batch=4, save_every_s=1e9), **changed)
    return run_loop(tiny(), draw, loss, settings, Stage("tiny", out, made_with))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


@pytest.mark.parametrize(("kept", "stops"), [(1, [1]), (1, [60]), (7, [60]), (7, [60, 20, 3]), (40, [60]), (40, [99])])
def test_a_killed_run_that_goes_on_gives_the_same_to_the_last_bit(tmp_path, monkeypatch, kept, stops):
    monkeypatch.setattr(loop, "draw_losses", lambda *_: None)
    whole = run(tmp_path / "whole")
    # a clock that only the loop advances: a checkpoint every `kept` steps
    ticks = itertools.count()
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(ticks)))
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "again", killed_at(stop), save_every_s=kept - 0.5)
    again = run(tmp_path / "again", save_every_s=kept - 0.5)
    assert same(whole, again)
    log = (tmp_path / "whole" / "tiny.jsonl").read_bytes()
    assert [json.loads(line)["step"] for line in log.splitlines()] == [50, 100]
    assert (tmp_path / "again" / "tiny.jsonl").read_bytes() == log


def test_the_beat_head_goes_on_to_the_last_bit(tmp_path, monkeypatch):
    def features(rng: np.random.Generator, batch: int) -> list[Tensor]:
        return [torch.from_numpy(rng.normal(size=(batch, 3, 1280)).astype(np.float32))]

    def loss(model: nn.Module, batch: list[Tensor]) -> tuple[Tensor, dict[str, float]]:
        value = model(batch[0]).square().mean()
        return value, {"loss": value.item()}

    def head(out: Path, loss) -> nn.Module:
        torch.manual_seed(1)
        return run_loop(BeatHead(), features, loss, LoopSettings(4, 3e-3, batch=2, save_every_s=-1), Stage("b", out))

    whole = head(tmp_path / "whole", loss)
    with pytest.raises(KeyboardInterrupt):
        head(tmp_path / "again", killed_at(2, loss))
    assert same(whole, head(tmp_path / "again", loss))


def test_a_finished_stage_is_not_trained_again(tmp_path):
    whole = run(tmp_path)
    assert same(whole, run(tmp_path, killed_at(0)))


def test_the_checkpoint_holds_what_it_was_made_with(tmp_path):
    run(tmp_path)
    state = torch.load(tmp_path / "tiny.ckpt", weights_only=True)
    assert state["made_with"]["generator"] == {"blur": 2.0, "groups": 8}
    assert state["made_with"]["steps"] == STEPS
    assert "save_every_s" not in state["made_with"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"steps": 200}, "steps was 110, is 200"),
        ({"seed": 3}, "seed was 0, is 3"),
        ({"made_with": MADE_WITH | {"recordings": "4567"}}, "recordings was 0123, is 4567"),
        ({"made_with": MADE_WITH | {"generator": {"blur": 3.0}}}, r"generator was \{'blur': 2.0.*, is \{'blur': 3.0\}"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused_and_kept(tmp_path, changed, says):
    run(tmp_path)
    before = (tmp_path / "tiny.ckpt").read_bytes()
    with pytest.raises(CheckpointUnusable, match=says) as caught:
        run(tmp_path, **changed)
    assert f"{tmp_path / 'tiny.ckpt'}" in str(caught.value)
    assert "delete" in str(caught.value)
    assert (tmp_path / "tiny.ckpt").read_bytes() == before
    assert (tmp_path / "tiny.jsonl").read_text().count("\n") == 2


@pytest.mark.parametrize("size", [0, 10, 1000, -1])
def test_a_truncated_checkpoint_is_one_clear_line(tmp_path, size):
    run(tmp_path)
    path = tmp_path / "tiny.ckpt"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(
        CheckpointUnusable, match=r"tiny\.ckpt is damaged or of another version .*: delete it"
    ) as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_network_or_version_is_one_clear_line(tmp_path):
    run(tmp_path)
    settings = LoopSettings(STEPS, 1e-2, batch=4)
    with pytest.raises(CheckpointUnusable, match="of another version"):
        run_loop(nn.Linear(4, 1), draw, loss_of, settings, Stage("tiny", tmp_path, MADE_WITH))
    torch.save({"step": 3}, tmp_path / "tiny.ckpt")
    with pytest.raises(CheckpointUnusable, match=r"of another version \('made_with'\)"):
        run(tmp_path)


def test_the_losses_are_drawn_with_every_checkpoint(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(loop, "draw_losses", lambda journal, picture: drawn.append((journal.name, picture.name)))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, killed_at(3), save_every_s=-1)
    assert drawn == [("tiny.jsonl", "tiny.svg")] * 3


def test_the_plot_has_a_panel_for_each_figure(tmp_path):
    journal = tmp_path / "stage.jsonl"
    journal.write_text("".join(json.dumps({"step": 50 * k, "clean": 1 / k, "usage": 0.5}) + "\n" for k in (1, 2, 3)))
    losses.draw_losses(journal, tmp_path / "stage.svg")
    drawn = (tmp_path / "stage.svg").read_text()
    assert drawn.startswith("<?xml")
    assert "stage, step 150" in drawn
    assert [name in drawn for name in ("clean", "usage")] == [True, True]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["stage.jsonl", "stage.svg"]


def test_without_matplotlib_training_says_so_once_and_goes_on(tmp_path, monkeypatch, caplog):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(name=name)
        return real(name, *rest)

    losses._can_draw.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "one")
        run(tmp_path / "two")
    losses._can_draw.cache_clear()
    assert [one.message for one in caplog.records if "matplotlib" in one.message] == [
        "matplotlib is not installed: no plot of the losses is drawn; the .jsonl beside has the figures"
    ]
    assert not list(tmp_path.rglob("*.svg"))
    assert len(list(tmp_path.rglob("*.ckpt"))) == 2
