"""The ablation table: rows are trained once and alike, judged once and alike; the page says what the figures say."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy.cli import app
from inference.datasets.entry import Entry
from inference.datasets.manifest import write_manifest
from inference.datasets.windows import windows_of
from inference.errors import CheckpointUnusable, DataMissing
from inference.evaluation import ablation_rows, ablation_run
from inference.evaluation.ablation_report import write_ablations
from inference.evaluation.ablation_rows import MEAN_BEAT, Way
from inference.evaluation.ablation_run import AblationReport, AblationRow, judge_ablations, spread_out
from inference.evaluation.cases import Case
from inference.evaluation.paired import paired
from inference.evaluation.run import EvaluationSettings
from inference.evaluation.score import Figures, figure_names
from inference.generator import Generator
from inference.settings import EngineSettings
from inference.training import ablation
from inference.training.ablation import FULL, ROWS, RowSettings, train_row, train_rows, trained_row
from inference.weights_file import load_weights
from stream.messages import Demographics
from tests.inference.test_training_data import bedside, twelve

RECORDS = [f"r{i}" for i in range(12)]
SUBJECTS = {name: f"s{i // 2}" for i, name in enumerate(RECORDS)}
CHEST = {f"p{i}": f"q{i}" for i in range(8)}


def figures(r: float) -> Figures:
    return Figures(**(dict.fromkeys(figure_names(), 0.5) | {"r_ii_lag": r}))


def row(name: str, shift: float, noise: float = 0.0, chest: float | None = 0.0) -> AblationRow:
    rng = np.random.default_rng(len(name))
    made = {each: figures(0.4 + i / 50 + shift + noise * rng.normal()) for i, each in enumerate(RECORDS)}
    told = {} if chest is None else {each: 0.6 + i / 50 + chest for i, each in enumerate(CHEST)}
    return AblationRow(name, made, told, 0.9 if name in ROWS else math.nan)


def report(*rows: AblationRow, not_run=()) -> AblationReport:
    sets = {"bidmc": RECORDS[:6], "cinc2015": RECORDS[6:]}
    subjects = {name: {each: SUBJECTS[each] for each in names} for name, names in sets.items()}
    training = RowSettings(Path("runs"), 1500)
    return AblationReport("p2es-0123456789", "test", training, EngineSettings(), rows, not_run, subjects, CHEST)


@pytest.fixture
def page(tmp_path):
    rows = [
        row(FULL, 0.0),
        row("no beat head", -0.3, chest=-0.2),
        row("no blur", 0.05),
        row("no affinity", 0.0, noise=0.05),
        row(MEAN_BEAT, -0.02, chest=None),
    ]
    write_ablations(report(*rows, not_run=["blur only", "no dilation"]), tmp_path, "p2es ablate --data DIR")
    return (tmp_path / "ablations.md").read_text(), json.loads((tmp_path / "ablations.json").read_text())


def lines(text: str, title: str) -> dict[str, str]:
    """The table under a heading, by the first cell."""
    part = text.split(f"## {title}")[1].split("\n## ")[0]
    return {line.split(" | ")[0].strip("| "): line for line in part.splitlines() if line.startswith("| ")}


def test_the_page_says_what_the_figures_say(page):
    text, _ = page
    assert "- **Pays**: being told the beats (bidmc -0.300, cinc2015 -0.300, V1-V6 r -0.200)." in text
    assert "- **Costs** (the row without it is better): the blur (bidmc +0.050, cinc2015 +0.050)." in text
    assert "- **Nothing shown**, every interval includes 0: the affinity matrices." in text
    assert "r of lead II: bidmc **+0.020 (+0.020 to +0.020)**, cinc2015 **+0.020" in text
    assert "Not run, for want of time: blur only, no dilation." in text
    assert "beat head of `p2es-0123456789`" in text
    assert "Repeat: `p2es ablate --data DIR`" in text
    assert "for 1,500 steps" in text


def test_an_interval_that_leaves_0_out_is_bold_and_no_other(page):
    text, _ = page
    found = lines(text, "bidmc: less the full row")
    assert "| **-0.300 (-0.300 to -0.300)** | +0.000 (+0.000 to +0.000) |" in found["no beat head"]
    assert "**" not in found["no affinity"]
    assert FULL not in found
    chest = lines(text, "V1-V6 r of 8 12-lead recordings")
    assert set(chest) == {"row", "no beat head", "no blur", "no affinity"}


def test_the_table_has_both_sets_beside_each_other(page):
    text, _ = page
    found = {line.split(" | ")[0].strip("| "): line for line in text.split("## What pays")[0].splitlines()}
    assert found[FULL].startswith(f"| {FULL} | 0.450 / 0.570 | 0.500 / 0.500 |")
    assert found[FULL].endswith("| 0.670 | 0.90 |")
    assert found[MEAN_BEAT].endswith("| - | - |")


def test_the_json_has_every_recording_and_no_nan(page):
    _, facts = page
    rows = {one["name"]: one for one in facts["rows"]}
    assert rows["no blur"]["less_full"]["bidmc"]["r_ii_lag"] == pytest.approx([0.05, 0.05, 0.05])
    assert len(rows[FULL]["records"]) == 12
    assert rows[MEAN_BEAT]["chest_less_full"] == [None, None, None]
    assert rows[FULL]["less_full"] == {}
    assert (facts["not_run"], facts["steps"], facts["engine"]["calls"]) == (["blur only", "no dilation"], 1500, 2)


VALUES = st.lists(st.floats(-1, 1), min_size=12, max_size=12)


@given(VALUES, VALUES, st.floats(-5, 5))
def test_only_the_difference_counts(one, other, shift):
    left, right = dict(zip(RECORDS, one, strict=True)), dict(zip(RECORDS, other, strict=True))
    found, turned = paired(left, right, SUBJECTS), paired(right, left, SUBJECTS)
    assert found.low <= found.mean + 1e-12
    assert found.mean <= found.high + 1e-12
    assert (turned.mean, turned.low, turned.high) == pytest.approx((-found.mean, -found.high, -found.low), abs=1e-9)
    moved = paired({k: v + shift for k, v in left.items()}, {k: v + shift for k, v in right.items()}, SUBJECTS)
    assert (moved.mean, moved.low, moved.high) == pytest.approx((found.mean, found.low, found.high), abs=1e-9)


def test_recordings_of_one_person_are_drawn_together():
    rng = np.random.default_rng(0)
    own = rng.normal(size=6)
    values = {name: float(own[i // 2]) for i, name in enumerate(RECORDS)}
    together = paired(values, dict.fromkeys(RECORDS, 0.0), SUBJECTS)
    apart = paired(values, dict.fromkeys(RECORDS, 0.0), {name: name for name in RECORDS})
    assert together.high - together.low > 1.2 * (apart.high - apart.low)


def test_what_is_not_known_of_both_is_not_compared():
    values = dict.fromkeys(RECORDS, 1.0) | {"r0": math.nan}
    base = dict.fromkeys(RECORDS[:-1], 0.5)
    found = paired(values, base, SUBJECTS)
    assert (found.mean, found.recordings, found.sign) == (0.5, 10, 1)
    assert paired({}, base, SUBJECTS).recordings == 0


@pytest.fixture
def training(monkeypatch):
    """Rows asked for; instead of training, the generator as it starts."""
    asked = []

    def untrained(records, out, settings, config):
        asked.append((out.name, settings.steps, settings.seed, config))
        out.mkdir(parents=True, exist_ok=True)
        (out / "generator.jsonl").write_text('{"step": 50, "usage": 0.5}\n{"step": 100, "usage": 0.75}\n')
        return Generator(config).eval(), np.ones(8, np.float32)

    monkeypatch.setattr(ablation, "train_generator", untrained)
    return asked


def test_a_row_is_trained_once_with_its_own_switches(training, tmp_path):
    beside, settings = load_weights(), RowSettings(tmp_path, 100, 3)
    one, again = (train_row("no blur", [], settings, beside) for _ in range(2))
    train_row(FULL, [], settings, beside)
    assert training == [("no-blur", 100, 3, ROWS["no blur"]), ("full", 100, 3, ROWS[FULL])]
    assert one.usage == again.usage == 0.75
    assert one.weights_id == again.weights_id
    assert again.generator.process.blur == 0


def test_a_row_of_other_settings_is_refused_and_names_them(training, tmp_path):
    settings = RowSettings(tmp_path, 100)
    assert trained_row(FULL, [], settings) is None
    train_row(FULL, [], settings, load_weights())
    with pytest.raises(CheckpointUnusable, match=r"full was trained with something else \(steps was 100, is 200\)"):
        train_row(FULL, [], replace(settings, steps=200), load_weights())
    path = tmp_path / "full" / "row.json"
    facts = json.loads(path.read_text())
    del facts["generator"]["use_beats"]  # a row from before the switch
    path.write_text(json.dumps(facts))
    assert trained_row(FULL, [], settings) is not None
    path.write_text(path.read_text()[:-20])
    with pytest.raises(CheckpointUnusable, match=r"row\.json is damaged: delete it"):
        trained_row(FULL, [], settings)


def cases_of(dataset: str, count: int) -> list[Case]:
    return [Case(Entry(Path(f"r{i}"), dataset, f"s{i}", "test", "PLETH", {}), cast(Any, i)) for i in range(count)]


def test_a_row_is_judged_once_until_what_it_is_made_of_changes(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(ablation_run, "score", lambda record, estimate: figures(estimate))
    monkeypatch.setattr(ablation_run, "fingerprint", lambda records: str(len(records)))
    cases = cases_of("bidmc", 3)

    def estimate(i):
        asked.append(i)
        return None if i == 1 else i / 10

    way = Way("full, calls: 4", {"row": "a"}, estimate, None, 0.5)
    for _ in range(2):
        found = ablation_run._judged(way, cases, [], tmp_path)
        assert {name: one.r_ii_lag for name, one in found.figures.items()} == {"r0": 0.0, "r2": 0.2}
        assert (found.usage, found.chest) == (0.5, {})
    assert asked == [0, 1, 2]
    ablation_run._judged(replace(way, made_with={"row": "b"}), cases, [], tmp_path)
    ablation_run._judged(replace(way, made_with={"row": "b"}), cases[:2], [], tmp_path)
    assert asked == [0, 1, 2, 0, 1, 2, 0, 1]


def test_a_capped_set_is_taken_evenly_over_its_order():
    cases = [*cases_of("bidmc", 3), *cases_of("cinc2015", 20)]
    assert [cases.index(one) for one in spread_out(cases, 5)] == [0, 1, 2, 3, 7, 12, 17, 22]
    assert spread_out(cases, None) == cases


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--row", "no noise"], "one of full, no blur"), (["--row", FULL, "--judge"], "leave one out")],
)
def test_options_that_cannot_be_meant_are_refused(options, says, tmp_path):
    done = CliRunner().invoke(app, ["ablate", "--data", str(tmp_path), "--out", str(tmp_path / "o"), *options])
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())
    assert not (tmp_path / "o").exists()


def test_every_row_is_judged_from_recordings_to_page(training, monkeypatch, tmp_path):
    # a short stretch of the windows is enough to see each row made
    monkeypatch.setattr(ablation_rows, "windows_of", lambda entry: windows_of(entry)[4:6])
    monkeypatch.setattr(ablation_rows, "_CALLS", (1,))
    monkeypatch.setattr(ablation_run, "score", lambda _, made: figures(float(np.isfinite(made.leads_mv).mean())))
    folder = tmp_path / "mine"
    old, young = Demographics(80, "F"), Demographics(30, "M")
    entries = [
        *(replace(bedside(folder / f"b{i}", 65), subject=f"b{i}", part="test", demographics=one)
          for i, one in enumerate((old, young))),
        *(replace(twelve(folder / f"t{i}"), subject=f"t{i}", part="test", demographics=one)
          for i, one in enumerate((old, young))),
        bedside(folder / "train", 65),
        twelve(folder / "train12"),
    ]  # fmt: skip
    write_manifest(entries, tmp_path / "mine.csv")
    wanted = EvaluationSettings(tmp_path / "mine.csv", tmp_path / "cache", "test")
    rows, head = RowSettings(tmp_path / "rows", 100), load_weights()
    with pytest.raises(DataMissing, match="the row 'full' is not trained"):
        judge_ablations(head, EngineSettings(batch=4), rows, wanted)
    train_rows([FULL], wanted.data, wanted.cache, rows, head, 1)
    found = judge_ablations(head, EngineSettings(batch=4), rows, wanted)
    assert {one.name: (len(one.figures), len(one.chest)) for one in found.rows} == {
        FULL: (2, 2),
        "full, calls: 1": (2, 2),
        "full, another person's age and sex": (2, 2),
        "full, another person's PPG": (2, 0),
        MEAN_BEAT: (2, 0),
        "pulse, population's delay and mean beat": (2, 0),
        "constant": (2, 0),
        "population's mean beat at true R peaks": (2, 2),
        "linear projection of the true I and II": (0, 2),
    }
    assert found.engine.typical_share == 0
    covered = {one.name: [each.r_ii_lag for each in one.figures.values()] for one in found.rows}
    assert covered[FULL] == covered["full, calls: 1"] == covered[MEAN_BEAT]
    assert max(covered[FULL]) < 0.1
    assert covered["constant"] != covered[FULL]
    assert len(found.not_run) == len(ROWS) - 1
    assert "ablations.md" in write_ablations(found, tmp_path, "p2es ablate")
