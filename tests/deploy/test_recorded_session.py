"""What the recorder wrote, replay reads: the same samples at the same times."""

import dataclasses

import numpy as np

from ingest.recordings import Recording, ReferenceLeads, read_recording
from ingest.session import ppg_chunks, reference_chunks
from sinks.recorder.process import Recorder
from sinks.settings import RecordSettings
from stream.messages import Demographics, Motion


def test_the_accelerometer_is_read_back_beside_the_ppg(tmp_path):
    rng = np.random.default_rng(1)
    times = np.rint(np.arange(2000) / 50 * 1e9).astype(np.int64)
    mg = rng.integers(-2000, 2000, (1500, 3)).astype(np.int16)
    kept = np.r_[0:500, 800:1500]
    plain = Recording(
        "p", "x", 0, True, 50.0, times, rng.integers(0, 99, 2000).astype(np.int32), 1.0, 0.0, "NU", int(times[-1])
    )
    recorder = Recorder(RecordSettings(tmp_path))
    sent = list(ppg_chunks(plain, "p", "d", 4_000_000_000))
    for one in sent:
        recorder.take(one)
    for seq, at in enumerate(kept.reshape(-1, 100)):  # it began 1.5 s after the PPG
        t0_ns = 4_000_000_000 + 1_500_000_000 + round(at[0] / 50 * 1e9)
        recorder.take(
            Motion("d", "p", sent[0].session, seq, t0_ns, 50.0, "mg", 4_000_000_000, mg[at].astype(np.float32))
        )
    recorder.close()
    read = read_recording(next(tmp_path.rglob("session.json")))
    assert read.motion is not None
    np.testing.assert_array_equal(read.motion.times_ns, 1_500_000_000 + kept * 20_000_000)
    np.testing.assert_array_equal(read.motion.samples_mg, mg[kept])
    again = np.concatenate([one.motion_mg for one in ppg_chunks(read, "p", "d")])
    np.testing.assert_array_equal(again, mg[kept])


def test_a_recorded_session_is_read_back_as_it_was(tmp_path):
    rng = np.random.default_rng(0)
    times = np.rint(np.arange(3000) / 125 * 1e9).astype(np.int64)
    kept = np.r_[0:1000, 1400:3000]
    truth = ReferenceLeads(("II", "V1"), 250.0, rng.normal(0, 0.3, (6000, 2)).round(3).astype(np.float32))
    made = Recording(
        "bed 7", "PLETH", 5 * 86_400_000_000_000, True, 125.0, times[kept],
        rng.integers(-(2**22), 2**22, 2600).astype(np.int32), 1 / 3, 7.25, "NU", int(times[-1]), -1, 0.25,
        Demographics(61.0, "F", None, 70.0), truth,
    )  # fmt: skip
    recorder = Recorder(RecordSettings(tmp_path))
    for one in [*ppg_chunks(made, "bed 7", "d", 4_000_000_000), *reference_chunks(made, "bed 7", "d", 4_000_000_000)]:
        recorder.take(one)
    recorder.close()
    (folder,) = (one.parent for one in tmp_path.rglob("session.json"))
    read = read_recording(folder)
    for item in dataclasses.fields(made):
        one, other = getattr(made, item.name), getattr(read, item.name)
        if item.name in ("samples", "times_ns"):
            np.testing.assert_array_equal(one, other)
        elif item.name == "reference":
            assert one.names == other.names
            np.testing.assert_allclose(one.samples_mv, other.samples_mv, atol=5e-4)
        else:
            assert one == other, item.name
