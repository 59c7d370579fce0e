"""What training does with recordings that have holes, lack leads, come from another hospital or are of no use."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import wfdb

from inference.datasets.entry import Entry
from inference.datasets.manifest import write_manifest
from inference.datasets.parts import load_part
from inference.datasets.prepare import load_all, prepare
from inference.datasets.prepared import PreparedRecord, fingerprint
from inference.datasets.windows import windows_of
from inference.errors import CheckpointUnusable, DataMissing, ManifestUnusable, OutputUnusable
from inference.evaluation.cases import Case, load_cases, names_of
from inference.evaluation.chest import limb_projection
from inference.evaluation.controls import Population, constant
from inference.evaluation.score import score
from inference.generator import Generator, GeneratorConfig
from inference.swing import read_swing
from inference.training import beats, distil, generate, loop, stages
from inference.training.beats import Sampler, aligned, train_beats
from inference.training.crops import CropSampler, lead_scale, require_leads
from inference.training.distil import Distillation, train_student
from inference.training.generate import Objective, train_generator, usable_for_generator
from inference.training.loop import LoopSettings
from inference.training.stages import TrainSettings, train
from inference.weights_file import network_bytes
from stream.messages import LEADS
from stream.monitor_delay import read_monitor_delay
from tests.inference.recordings import ecg, heartbeats, pleth

BEATS = heartbeats(130, 5)
HOLES = {"PLETH": [(20, 22), (60.0, 60.1), (100, 115)], "II": [(35, 36)], "AVR": [(80, 95)], "V": []}
MONITOR = {"II": "II", "AVR": "aVR", "V": "V"}


def written(path: Path, signals: dict[str, np.ndarray], holes=None, fs: int = 125) -> Path:
    """A WFDB record whose holes, in s, are the format's invalid value."""
    for name, spans in (holes or {}).items():
        for start, stop in spans:
            signals[name][round(start * fs) : round(stop * fs)] = np.nan
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(signals)
    wfdb.wrsamp(
        path.name, fs, ["NU" if name == "PLETH" else "mV" for name in signals], list(signals),
        np.stack(list(signals.values()), 1), fmt=["16"] * count, adc_gain=[1000.0] * count, baseline=[0] * count,
        write_dir=str(path.parent),
    )  # fmt: skip
    return path


def bedside(path: Path, seconds: float = 125, holes=None, changed=None, fs: int = 125) -> Entry:
    times = np.arange(round(seconds * fs)) / fs
    signals = {
        "II": ecg(BEATS, times),
        "AVR": -ecg(BEATS, times, 0.75),
        "V": ecg(BEATS, times, -0.7),
        "PLETH": pleth(BEATS, times, 0.55),
    } | {name: np.full(len(times), value) for name, value in (changed or {}).items()}
    return Entry(written(path, signals, holes, fs), "mine", path.name, "train", "PLETH", MONITOR)


def twelve(path: Path) -> Entry:
    times = np.arange(1250) / 125
    signals = {name: ecg(BEATS, times, r) for name, r in zip(LEADS, np.linspace(0.5, 1.6, 12), strict=True)}
    return Entry(written(path, signals), "mine", path.name, "train", None, {name: name for name in LEADS})


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[PreparedRecord]:
    """One bedside recording with holes in every channel, two 12-lead ECGs."""
    folder = tmp_path_factory.mktemp("mine")
    entries = [bedside(folder / "holes", holes=HOLES), twelve(folder / "t1"), twelve(folder / "t2")]
    return [prepare(one) for one in entries]


def test_a_recording_with_holes_is_prepared(records):
    record = records[0]
    assert np.isfinite(record.ppg).all()
    assert np.isnan(record.leads_mv[1]).sum() == pytest.approx(128, abs=3)
    assert not record.usable[3]  # lead II has a hole there
    assert record.usable.sum() == 11
    assert record.lag_f1 > 0.8


def test_evaluation_counts_the_windows_of_a_recording_with_holes(records, tmp_path):
    entry = bedside(tmp_path / "holes", holes=HOLES)
    write_manifest([entry], tmp_path / "mine.csv")
    (case,) = load_cases(tmp_path / "mine.csv", tmp_path / "cache", entry.part)
    windows = windows_of(case.entry)
    starts = np.array([one.start_ns / 1e9 for one in windows])
    # a hole of 2 s ends the stretch, one of 0.1 s is bridged
    assert not ((starts + 10 > 20.1) & (starts < 21.9)).any()
    assert ((starts < 60) & (starts + 10 > 60.1)).any()
    nothing = score(case.record, constant(case.record))
    assert nothing.hr_failed == case.record.usable.sum() == records[0].usable.sum()


def test_batches_of_recordings_with_holes_are_finite(records):
    rng = np.random.default_rng(0)
    for tensor in Sampler(aligned(records))(rng, 64):
        assert torch.isfinite(tensor).all()
    chosen = usable_for_generator(records)
    assert len(chosen) == 3
    scale = lead_scale(chosen)
    assert np.isfinite(scale).all()
    sampler = CropSampler(chosen, scale)
    assert np.isfinite(sampler.population).all()
    batch = Objective(sampler, True).draw(rng, 64)
    assert all(torch.isfinite(tensor).all() for tensor in batch)
    mask = batch[Objective.keys.index("mask")]
    assert 0 < float(mask.mean()) < 1


def test_another_hospitals_sets_are_drawn_with_and_without_ppg(records):
    sampler = CropSampler(records, lead_scale(records))
    assert dict(zip(sampler.by_set, sampler.shares, strict=True)) == pytest.approx(
        {("mine", False): 0.40 / 0.65, ("mine", True): 0.25 / 0.65}
    )
    known = [replace(records[0], dataset="bidmc"), replace(records[0], dataset="cinc2015"), records[0]]
    known.append(replace(records[1], dataset="ptbxl"))
    sampler = CropSampler(known, lead_scale(known))
    assert list(sampler.by_set) == [("bidmc", True), ("cinc2015", True), ("ptbxl", False), ("mine", True)]


def test_a_lead_with_holes_everywhere_still_has_a_scale(records):
    holed = replace(records[1], leads_mv=np.where(np.arange(records[1].n) < 64, np.nan, records[1].leads_mv))
    assert lead_scale([holed]) == pytest.approx(lead_scale([records[1]]), rel=0.05)


def test_a_lead_that_nobody_has_is_refused_before_training(records):
    with pytest.raises(DataMissing, match=r"nothing of lead V1, V2, V3, V4, V5, V6 in the 1 recordings"):
        require_leads(records[:1])
    require_leads(records)
    without = np.where(np.arange(8)[:, None] == 4, np.nan, records[1].leads_mv)
    with pytest.raises(DataMissing, match="nothing of lead V3 in"):
        CropSampler([records[0], replace(records[1], leads_mv=without)], np.ones(8, np.float32))


def test_pulses_that_follow_no_beats_teach_nothing(records, tmp_path):
    short = replace(records[0], usable=np.arange(12) < 5)
    astray = replace(records[0], lag_f1=0.2)
    says = (
        "nothing to train on: 0 of 3 recordings with PPG can teach beats; left out: 1 with less than 60 s of trusted "
        "ECG, 2 whose pulses do not follow the beats"
    )
    with pytest.raises(DataMissing, match=says):
        train_beats([short, astray, astray, records[1]], tmp_path, LoopSettings(1, 1e-3))


def test_some_windows_have_no_pulse_and_no_beat(records, monkeypatch):
    with_ppg = aligned(records)
    drawn = [Sampler(with_ppg)(np.random.default_rng(seed), 32) for seed in range(6)]
    empty = [target for _, targets, _ in drawn for target in targets if not target.any()]
    assert 10 < len(empty) < 45  # of 192
    monkeypatch.setattr(beats, "_PULSELESS", 1.0)
    features, target, mask = Sampler(with_ppg)(np.random.default_rng(0), 8)
    assert not target.any()
    assert torch.equal(mask[0], mask[1])
    assert mask.max() == 1
    assert features[:, 0].std(1).min() > 0.3


def test_a_lost_pulse_has_no_beats_and_nothing_is_asked_at_its_border(records, monkeypatch):
    with_ppg = aligned(records)
    monkeypatch.setattr(beats, "_PULSELESS", 0.0)
    monkeypatch.setattr(beats, "_LOST", 1.0)
    monkeypatch.setattr(beats, "lose", lambda pulse, rng: (np.zeros_like(pulse), np.arange(len(pulse)) >= 700))
    features, target, mask = Sampler(with_ppg)(np.random.default_rng(0), 16)
    assert not features[:, 0].any()
    assert target[:, :700].any()
    assert not target[:, 700:].any()
    assert not mask[:, 699 - 64 : 699 + 64].any()
    assert mask[:, 800:900].any()


def test_the_generators_checkpoint_holds_its_configuration(records, tmp_path, monkeypatch):
    stages = []

    def untrained(model, draw, loss_of, settings, stage):
        stages.append(stage)
        return model

    monkeypatch.setattr(generate, "run_loop", untrained)
    config = GeneratorConfig(blur=3.0, use_affinity=False)
    train_generator(records, tmp_path, LoopSettings(1, 1e-3), config)
    assert stages[0].made_with == {"generator": config.as_dict(), "recordings": fingerprint(records)}
    assert stages[0].file(".ckpt") == tmp_path / "generator.ckpt"


def test_a_run_that_begins_again_begins_from_the_same_head(records, tmp_path, monkeypatch):
    monkeypatch.setattr(beats, "run_loop", lambda model, *_: model)
    one, other = (train_beats(records, tmp_path, LoopSettings(1, 1e-3)).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_generator_goes_on_to_the_last_bit(records, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "draw_losses", lambda *_: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    settings = LoopSettings(2, 1e-3, batch=4, save_every_s=-1)
    whole, *_ = train_generator(records, tmp_path / "whole", settings, GeneratorConfig())
    calls, real = [], Objective.__call__

    def stopped(self, model, batch):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, model, batch)

    monkeypatch.setattr(Objective, "__call__", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_generator(records, tmp_path / "again", settings, GeneratorConfig())
    again, *_ = train_generator(records, tmp_path / "again", settings, GeneratorConfig())
    torch.set_num_threads(threads)
    assert len(calls) == 3
    for one, other in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.isfinite(one).all()
        assert torch.equal(one, other)


def test_the_students_stage_goes_on_to_the_last_bit_and_only_from_the_same_teacher(records, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "draw_losses", lambda *_: None)
    monkeypatch.setattr(distil, "_TEACHER_CALLS", 3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    teacher, scale = Generator(GeneratorConfig()).eval(), lead_scale(records)
    before = network_bytes(teacher)
    settings = LoopSettings(2, 1e-3, batch=2, save_every_s=-1)
    whole = train_student(records, tmp_path / "whole", settings, teacher, scale)
    calls, real = [], Distillation.__call__

    def stopped(self, model, batch):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, model, batch)

    monkeypatch.setattr(Distillation, "__call__", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_student(records, tmp_path / "again", settings, teacher, scale)
    again = train_student(records, tmp_path / "again", settings, teacher, scale)
    torch.set_num_threads(threads)
    assert len(calls) == 3
    assert network_bytes(whole) == network_bytes(again) != network_bytes(teacher.denoiser)
    assert network_bytes(teacher) == before
    with pytest.raises(CheckpointUnusable, match=r"teacher was .*, is "):
        train_student(records, tmp_path / "again", settings, Generator(GeneratorConfig()), scale)


def test_other_recordings_have_another_fingerprint(records):
    assert fingerprint(records) == fingerprint(list(records))
    assert len({fingerprint(each) for each in (records, records[:2], records[::-1])}) == 3


FLAT_OR_GONE = [
    ({"seconds": 2}, "shorter than 10 s"),
    ({"changed": {"PLETH": np.nan}}, "all of the PPG is missing"),
    ({"holes": {"PLETH": [(0, 70)]}}, "more than half of the PPG is missing"),
    ({"changed": {"II": 0.3, "AVR": 0.0}}, "fewer than two ECG leads have a signal"),
    ({"changed": {"II": np.nan, "V": np.nan}}, "fewer than two ECG leads have a signal"),
]


@pytest.mark.parametrize(("made", "reason"), FLAT_OR_GONE)
def test_a_recording_of_no_use_has_a_reason(tmp_path, made, reason):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        prepare(bedside(tmp_path / "x", **made))


def test_a_flat_limb_lead_makes_no_false_ones(tmp_path):
    record = prepare(bedside(tmp_path / "x", changed={"AVR": 0.0}))
    assert np.isfinite(record.leads_mv[1]).all()
    assert np.isnan(record.leads_mv[0]).all()


def test_what_is_left_out_is_counted_by_reason(tmp_path, caplog):
    entries = [bedside(tmp_path / "good")]
    entries += [bedside(tmp_path / f"short{i}", seconds=2) for i in range(5)]
    entries += [bedside(tmp_path / "dark", changed={"PLETH": np.nan})]
    absent = replace(entries[0], path=tmp_path / "absent")
    for _ in range(2):  # the second time from what the cache remembers
        loaded = load_all([*entries, absent], tmp_path / "cache", jobs=1)
        assert [entry.name for entry, _ in loaded.pairs] == ["good"]
        assert loaded.counts() == (
            "1 of 8 recordings can be used; left out: 5 shorter than 10 s (short0, short1, short2 and 2 more); "
            "1 all of the PPG is missing (dark); 1 cannot be read (absent)"
        )
    assert [one.getMessage() for one in caplog.records][-2:-1] == ["dark is left out: all of the PPG is missing"]


def test_a_mended_recording_is_tried_again(tmp_path):
    entry = bedside(tmp_path / "x", seconds=2)
    assert not load_all([entry], tmp_path / "cache", jobs=1).pairs
    bedside(tmp_path / "x")
    (refused,) = (tmp_path / "cache").glob("*.refused")
    before = (tmp_path / "x.hea").stat().st_mtime - 10
    os.utime(refused, (before, before))
    assert load_all([entry], tmp_path / "cache", jobs=1).pairs


def test_records_of_one_name_are_not_mixed_up(tmp_path):
    entries = [bedside(tmp_path / "p1" / "ecg"), bedside(tmp_path / "p2" / "ecg", seconds=80)]
    entries = [replace(entry, subject=str(i)) for i, entry in enumerate(entries)]
    write_manifest(entries, tmp_path / "mine.csv")
    pairs = load_part(tmp_path / "mine.csv", tmp_path / "cache", entries[0].part)
    assert [(entry.subject, record.subject, record.n > 11_000) for entry, record in pairs] == [
        ("0", "0", True),
        ("1", "1", False),
    ]


def test_the_controls_of_an_evaluation_do_without_leads_that_nobody_has(records):
    population = Population.of([replace(records[0], lag_f1=0.95)])
    assert np.isfinite(population.beat_mv).all()
    assert (population.beat_mv[2:] == 0).all()
    assert population.delay_s == pytest.approx(0.55, abs=0.03)
    assert np.isnan(limb_projection(records[:1])).all()
    assert np.isfinite(limb_projection(records)).all()
    with pytest.raises(DataMissing, match="no pulses follow their beats"):
        Population.of(records[1:])


def test_every_case_has_a_name_of_its_own(records):
    paths = ["/a/p1/ecg", "/a/p2/ecg", "/b/p2/ecg", "/a/other", "/a/long", "/a/long"]
    spans = [None] * 4 + [(0.0, 60.0), (60.0, 90.0)]
    cases = [
        Case(Entry(Path(path), "mine", "1", "test", "PLETH", {}, span_s=span), records[0])
        for path, span in zip(paths, spans, strict=True)
    ]
    assert names_of(cases) == ["p1/ecg", "a/p2/ecg", "b/p2/ecg", "other", "long@0s", "long@60s"]
    assert names_of(cases[:1]) == ["ecg"]


def test_a_part_without_a_usable_recording_says_why(tmp_path):
    write_manifest([bedside(tmp_path / "x", seconds=12, changed={"PLETH": np.nan})], tmp_path / "mine.csv")
    with pytest.raises(DataMissing, match="0 of 1 recordings can be used; left out: 1 all of the PPG is missing"):
        load_part(tmp_path / "mine.csv", tmp_path / "cache", "train")
    with pytest.raises(DataMissing, match="no recording of the test part in"):
        load_part(tmp_path / "mine.csv", tmp_path / "cache", "test")


def test_training_refuses_what_it_cannot_do_before_anything_is_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr("inference.datasets.prepare.prepare", None)
    (tmp_path / "mine.csv").write_text("record,ppg,leads,dataset,subject\nx,PLETH,II=II,mine,1\n")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnusable, match=r"cannot write into .*file/runs \(Not a directory\): name another --out"):
        train(TrainSettings(tmp_path / "mine.csv", tmp_path / "file" / "runs"))
    with pytest.raises(ManifestUnusable, match="line 2: no record"):
        train(TrainSettings(tmp_path / "mine.csv", tmp_path / "runs"))
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_is_fitted_beside_the_weights_is_written_beside_them(tmp_path, monkeypatch):
    given = {}
    for name in ("require_leads", "usable_for_generator", "train_beats", "train_student", "typical_beat"):
        monkeypatch.setattr(stages, name, lambda *_: None)
    monkeypatch.setattr(stages, "load_part", lambda *_, **__: [(None, "record")])
    monkeypatch.setattr(stages, "train_generator", lambda *_: (None, None))
    monkeypatch.setattr(stages, "save_weights", lambda folder, *_: given.update(weights=folder) or "id")
    monkeypatch.setattr(stages, "fit_monitor_delay", lambda pairs: read_monitor_delay())
    monkeypatch.setattr(stages, "fit_swing", lambda *args: given.update(swing=args) or read_swing())
    assert train(TrainSettings(tmp_path / "data", tmp_path / "runs", seed=3)) == "id"
    assert given == {"weights": tmp_path / "runs/weights", "swing": ([(None, "record")], given["weights"], 3)}
    assert read_monitor_delay(tmp_path / "runs/monitor_delay.json") == read_monitor_delay()
    assert (tmp_path / "runs/swing.json").is_file()
    monkeypatch.setattr(stages, "fit_monitor_delay", lambda pairs: None)
    monkeypatch.setattr(stages, "fit_swing", lambda *_: None)
    train(TrainSettings(tmp_path / "data", tmp_path / "again"))
    assert not list((tmp_path / "again").glob("*.json"))
