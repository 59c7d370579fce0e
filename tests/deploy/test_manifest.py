"""p2es manifest: lists are written, counted and checked."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from inference.datasets.excerpts import Limits
from inference.datasets.manifest import read_manifest
from inference.datasets.open_sets import open_sets
from inference.errors import ManifestUnusable
from tests.inference.recordings import SegmentOf, heartbeats, write_monitor, write_segments

BEATS = heartbeats(80, 5)


def said(*options: object) -> str:
    done = CliRunner().invoke(app, ["manifest", *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_open_sets_are_listed_by_the_frozen_split(tmp_path):
    write_monitor(tmp_path / "bidmc", "bidmc01", BEATS, 0.55, 12, comment="<age>: 88 <sex>: M")
    write_monitor(tmp_path / "bidmc", "bidmc02", BEATS, 0.55, 12)
    out = tmp_path / "lists" / "open.csv"
    counts = said("open", tmp_path, "-o", out)
    assert counts.startswith(f"{out}: 2 recordings (0 without PPG): ")
    assert read_manifest(out) == open_sets(tmp_path)
    assert said("check", out) == counts


def test_limits_reach_the_source(tmp_path):
    for person in ("p000020", "p000021"):
        write_segments(
            tmp_path / "p00" / person, f"{person}-2183-04-28-17-47", BEATS,
            [SegmentOf(80, {"II": 1e3, "V": 1e3, "PLETH": 1e3})], stem=f"3{person[1:]}",
        )  # fmt: skip
    out = tmp_path / "m3.csv"
    assert "2 recordings" in said("mimic3", tmp_path, "-o", out)
    assert "1 recording (0 without PPG)" in said("mimic3", tmp_path, "-o", out, "--people", 1, "--minutes", 1)
    (entry,) = read_manifest(out)
    assert entry.span_s == (10.0, 70.0)


@pytest.mark.parametrize(("source", "more"), [("mimic3", {}), ("mimic4", {"--ecg": "ecg"})])
def test_every_option_reaches_the_source(tmp_path, monkeypatch, source, more):
    write_monitor(tmp_path / "bidmc", "bidmc01", BEATS, 0.55, 12)
    asked = []

    def listed(*arguments):
        asked.append(arguments)
        return open_sets(tmp_path)

    monkeypatch.setattr(f"inference.datasets.{source}.{source}", listed)
    options = {"--patients": "people.csv", "--minutes": 1.5, "--per-person": 2, "--people": 3, **more}
    said(source, tmp_path, "-o", tmp_path / "m.csv", *(each for pair in options.items() for each in pair))
    said(source, tmp_path, "-o", tmp_path / "m.csv")
    assert asked == [
        (tmp_path, *map(Path, more.values()), Path("people.csv"), Limits(1.5, 2, 3)),
        (tmp_path, *(None for _ in more), None, Limits()),
    ]
    for option in ("--minutes", "--per-person", "--people"):
        refused = CliRunner().invoke(app, ["manifest", source, str(tmp_path), "-o", "m.csv", option, "0"])
        assert refused.exit_code == 2
        assert f"Invalid value for '{option}'" in refused.output
    assert len(asked) == 2


def test_a_list_that_could_not_be_read_back_is_said_when_it_is_made(tmp_path, monkeypatch):
    write_monitor(tmp_path / "bidmc", "bidmc01", BEATS, 0.55, 12)
    monkeypatch.setattr("inference.datasets.open_sets.open_sets", lambda data: open_sets(data) * 2)
    with pytest.raises(ManifestUnusable, match="line 3: bidmc01 is already on line 2"):
        said("open", tmp_path, "-o", tmp_path / "open.csv")
