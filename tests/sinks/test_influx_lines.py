"""Line protocol: every sample once at its own time, nothing where the model abstained, nothing a tag could break."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sinks.influx.lines import (
    alert_lines,
    confirmed_lines,
    device_lines,
    estimate_lines,
    lag_lines,
    number_lines,
    pulse_lines,
)
from stream.lag import Lag
from stream.messages import (
    GRID_STEP_NS,
    LEADS,
    Abstention,
    Alert,
    Demographics,
    DeviceStatus,
    EcgSegment,
    Numerics,
    PpgSegment,
)

S = 1_000_000_000


def segment(start_ns=10 * S, patient="p", abstained=0, rate=60.0):
    leads = np.arange(256 * 12, dtype=np.int16).reshape(256, 12)
    leads[:abstained] = -32_768
    why = (Abstention(start_ns, start_ns + abstained * GRID_STEP_NS, "poor signal"),) if abstained else ()
    return EcgSegment(
        patient=patient, device="d", session="s", start_ns=start_ns, fs_hz=128, heart_rate_bpm=rate, confidence=0.9,
        findings=(), quality=0.75, reasons=(), abstained=why, model_id="m", steps=2, source="estimated", shift_ns=0,
        last=False, stages_ns={"closed": 20 * S, "inferred": 20 * S + 50_000_000}, leads_uv=leads,
        band_uv=np.zeros((256, 2), np.int16), beats_ns=np.array([start_ns + S // 2, start_ns + 3 * S // 2]),
        beat_confidence=np.array([0.9, 0.8], "f4"), rr_ms=np.array([np.nan, 1000], "f4"),
    )  # fmt: skip


def of(lines, measurement):
    return [one for one in lines if one.startswith(f"{measurement},")]


def test_every_sample_is_one_line_of_whole_microvolts_at_its_grid_time():
    lines = of(estimate_lines(segment()), "ecg12")
    assert len(lines) == 256
    assert lines[3] == (
        "ecg12,patient=p,device=d,source=estimated "
        + ",".join(f"{lead}={36 + k}i" for k, lead in enumerate(LEADS))
        + f",II_low=0i,II_high=0i {10 * S + 3 * GRID_STEP_NS}"
    )


def test_where_the_model_abstained_there_is_no_point():
    lines = estimate_lines(segment(abstained=128))
    assert len(of(lines, "ecg12")) == 128
    (window,) = of(lines, "segments")
    assert "abstained_s=1.0" in window
    assert 'reason="poor signal"' in window
    silent, known = of(lines, "vitals")
    assert "abstained=true" in silent
    assert "heart_rate" not in silent
    assert "heart_rate=60.0" in known


def test_vitals_stand_at_whole_seconds_with_the_interval_before():
    first, second = of(estimate_lines(segment()), "vitals")
    assert first.endswith(str(10 * S))
    assert "rr_ms" not in first  # no beat yet
    assert second.endswith(str(11 * S))
    assert "rr_ms" not in second  # the first beat's interval is not known
    third = of(estimate_lines(segment(start_ns=10 * S + S // 4 * 3)), "vitals")[1]
    assert third.endswith(str(12 * S))


def test_latency_alone_is_measured_and_stands_at_the_wall_clock():
    (line,) = of(estimate_lines(segment()), "latency")
    at = 20 * S + 50_000_000
    assert line == f"latency,patient=p,device=d window_ns={10 * S}i,window_to_estimate_ms=50.0 {at}"
    (later,) = confirmed_lines(segment(), 20 * S + 80_000_000)
    assert later == f"latency,patient=p,device=d window_ns={10 * S}i,window_to_write_ms=80.0 {at}"


@given(st.integers(0, 200), st.integers(1, 56))
def test_the_owned_pulse_is_written_where_it_was_measured(start, length):
    valid = np.ones(256, "u1")
    valid[::7] = 0
    window = PpgSegment(
        "p", "d", "s", 2 * S, 128, start, start + length, 256, 384, 72, 0.75, (), Demographics(), 0, 5, True,
        np.linspace(-1, 1, 256, dtype="f4"), valid, np.ones(3, "f4"), np.zeros((2, 16), "f4"),
    )  # fmt: skip
    times = [int(one.rsplit(" ", 1)[1]) for one in pulse_lines(window)]
    assert times == [2 * S + k * GRID_STEP_NS for k in range(start, start + length) if k % 7]


def numbers(rate: float | None = 71.0, spo2: float | None = None, rr=()):
    return number_lines(Numerics("d", "p", "s", 11 * S, rate, spo2, 0, np.array(rr, "f4")))


def test_the_devices_own_numbers_stand_when_they_came_and_each_interval_where_it_ended():
    assert numbers(spo2=97.0) == [f"numbers,patient=p,device=d heart_rate=71.0,spo2=97.0 {11 * S}"]
    assert numbers(rr=[800.0, 850.5, 845.0]) == [
        f"numbers,patient=p,device=d heart_rate=71.0,rr_ms=845.0 {11 * S}",
        f"numbers,patient=p,device=d rr_ms=800.0 {11 * S - 1_695_500_000}",
        f"numbers,patient=p,device=d rr_ms=850.5 {11 * S - 845_000_000}",
    ]
    assert (
        numbers(rate=None, rr=[800.0])
        == numbers(rate=None, rr=[800.0, np.inf, np.nan, 0.0])
        == [f"numbers,patient=p,device=d rr_ms=800.0 {11 * S}"]
    )


def test_a_device_that_told_nothing_gives_no_point():
    assert numbers(rate=None) == numbers(rate=float("nan"), rr=[0.0, np.nan, np.inf]) == []


@given(st.lists(st.floats(200, 3000, width=32), max_size=9), st.booleans())
def test_every_interval_is_one_point_and_they_follow_each_other(rr, known):
    lines = numbers(rate=60.0 if known else None, rr=rr)
    found = sorted(
        (int(one.rsplit(" ", 1)[1]), float(one.split("rr_ms=")[1].split(" ")[0])) for one in lines if "rr" in one
    )
    assert [value for _, value in found] == rr
    assert len(lines) == max(len(rr), known)
    for (before, _), (at, value) in pairwise(found):
        assert abs(at - before - 1e6 * value) <= 1
    assert not found or found[-1][0] == 11 * S


@given(st.text(min_size=1, max_size=12).filter(lambda one: one.isprintable()))
def test_no_name_breaks_out_of_its_tag(name):
    line = of(estimate_lines(segment(patient=name)), "segments")[0]
    plain = line.replace("\\\\", "").replace("\\,", "").replace("\\ ", "").replace("\\=", "")
    tags, fields, at = plain.split(" ")[0], plain.split(" ")[1], plain.split(" ")[-1]
    assert tags.count(",") == 2
    assert fields.startswith("quality=0.75")
    assert at == str(10 * S)


def test_unknown_values_are_left_out_and_text_is_quoted():
    alert = Alert(
        "i", "p", "d", "pause", "physiological", "high", "raised", False, 1, 2, None, float("nan"), "", 'a "b"\nc'
    )
    (line,) = alert_lines(alert)
    assert line.startswith("alerts,patient=p,device=d,rule=pause,priority=high,state=raised ")
    assert "value=" not in line
    assert "limit=" not in line
    assert 'text="a \\"b\\" c"' in line
    (status,) = device_lines(DeviceStatus("d", "p", "s", 7, None, "streaming", None, -60.0, 125.0, 1, 2, False))
    assert status == 'devices,patient=p,device=d state="streaming",gaps=1i,drops=2i,rssi_dbm=-60.0,fs_hz=125.0 7'
    assert lag_lines([Lag("infer", "ppg.segments", 3)], 9) == ["lag,reader=infer,topic=ppg.segments messages=3i 9"]
