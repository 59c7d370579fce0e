"""The wrist on paper: docs/wrist.md for people, wrist.json with every figure of every recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from inference.evaluation.plain import write_page
from inference.evaluation.pulseless import SECONDS, Pulseless
from inference.evaluation.swings import Swung
from inference.evaluation.wrist_device import DeviceFigures
from inference.evaluation.wrist_run import StageRow, WristReport

__all__ = ["write_wrist"]

_STAGES = {
    "all": "whole recordings",
    "rest": "rest",
    "slow": "slow, 6 or 8 km/h",
    "fast": "fast, 12 or 15 km/h",
    "unscheduled": "unscheduled movement",
}
_STAGE_COLUMNS = (
    ("answered", "coverage", 3),
    ("HR MAE bpm", "rate_reference", 1),
    ("by ECG beats", "rate_ecg", 1),
    ("within 5 bpm", "close", 2),
    ("no rate", "failed", 2),
    ("F1@50 lag", "f1_50_lag", 3),
    ("F1@150 lag", "f1_150_lag", 3),
    ("F1@50 as is", "f1_50", 3),
    ("F1@150 as is", "f1_150", 3),
)
_DEVICE_COLUMNS = (
    ("answered", "coverage", 3),
    ("within 3 bpm", "close", 3),
    ("HR MAE bpm", "rate_mae", 2),
    ("device late by s", "late_s", 1),
    ("within 3 bpm then", "close_late", 3),
    ("HR MAE then", "rate_mae_late", 2),
    ("intervals", "intervals", 0),
    ("median error ms", "interval_median_ms", 1),
    ("mean error ms", "interval_mae_ms", 1),
    ("F1@50 lag", "f1_50", 3),
    ("F1@150 lag", "f1_150", 3),
)
_CAUSES = """\
Why beats are found where there is no heart. *White noise*: in a short window a few wiggles can look alike by chance
and pass the quality gate (median likeness of 0.6); since a pulse is slow, windows with more than 40 % of their power
above 4 Hz are abstained, a limit that costs none of BIDMC's estimated calibration windows and 0.04 % of CinC 2015's.
*Drift*, *1/f noise*: the same chance among slow waves, which no spectral rule tells from a pulse (4 and 3 trials of
1,000). Light has to be alike at the announced beats: a median correlation of 0.36 where quality is below 0.65, and
there one or two beats are not believed at all; of 0.1 above. It costs 1.3 % of BIDMC's and 2.1 % of CinC 2015's
calibration windows, whose F1 is .95 and .77. Both limits were chosen on 18,000 trials of the two, none of which is left
with beats; of 18,000 others one is. Bursts fell from 160 to 133.
*Motion*: an arm that swings is, to one channel of light, much like a pulse. Training with light without a pulse took
steady motion from 646 trials to 324 and recorded motion from 666 to 506, bursts from 104 to 160, light alike at the
beats to 321, 487 and 133. No threshold separates the rest: of 300 trials each, `min_confidence` 0.6, 0.8 and 0.95
gave beats to 105, 72 and 34 of steady and to 155, 93 and 38 of recorded motion, and would answer .79, .70 and .54 of
CinC 2015's calibration part; an upstroke steeper than the fall leaves three quarters of steady motion.

**A heart or a limb.** With an accelerometer the rows are abstained by the rule below. Without one a small network
(`inference/swing.py`) tells how likely a limb rather than a heart shaped the light at the beats; above `max_swing`
(0.8) nothing is estimated. It is shown the median pulse at the beats, the median cycle from pulse to pulse, likeness,
quality, confidence, intervals and sizes: 71 numbers of a window. Learnt, as the last stage of `p2es train`, from what
the model gives beats to: 40 s of every two minutes of the train part's recordings, each window as it is, rounder as
at a wrist, and with a pause (40,146 in all), and 18,000 trials of made movement (3,836 windows), which are not those
of the table. The mean of five networks of 16 units: at the same cost one of them lets through up to twice the trials.

**Chosen** on the calibration part: 0.8, the last step of 0.05 of which more than half is wrong. Of CinC 2015's
windows with a rate it silences 2.1 %, and 57 % of these rates are more than 5 bpm off the ECG's (27 % of all); 0.75
would silence 0.7 % more, of which 34 % are. None of BIDMC's. In trials of other seeds 43 of 293 of steady motion are
left, 49 of 128 of bursts, 57 of 186 of another made arm. Looked at afterwards, the table's: steady 321 to 46, bursts
133 to 47, recorded motion 487 to 174. Without the rounder pulses among the hearts it would take one in eight of
BIDMC's windows, rounded, for a limb (none now). Pulses made to pause are taken for one as seldom as others (BIDMC 0,
CinC 2015 1.6 % of the pauses found): a heart that stops is no arm that rests. Hearts that race are, oftener: of the
windows fitted on 2 % above 130 a minute, 0.4 % below. With recordings played up to twice as fast among the hearts
that is mended, but then, for 1.3 % of CinC 2015's windows, 93, 102 and 64 of those trials are left and 307 of 485 of
recorded motion instead of 179: not done. A lower limit buys little: 0.5 would silence 7 % of CinC 2015's and leave
15, 30, 29 and, of recorded motion, 136; 0.1 a quarter of CinC 2015's and BIDMC's, and leave 6, 17, 14 and 64; 0.005
two thirds and four fifths, and leave 3, 14, 7 and 2. No limit leaves none.

It is no accelerometer (the rows "accelerometer withheld"). On the treadmill it answers .51, .38 and .23 at rest, slow
and fast, within 5 bpm in .86, .69 and .58 of that; with `max_swing` 1 .79, .71 and .55, and .81, .49 and .41. So in
exercise three quarters of what it silences are wrong, but at that rest, where arms are not still and the light is a
wrist's, seven in ten are right. A Verity Sense on a still arm is answered .947 of the time instead of all. Whoever
walks with a sensor that is off the skin may still get beats.
"""
_CHOICE = """\
**The rule.** A rate is not given ("moving") where the acceleration in the pulse band is above 30 mg RMS and explains
more than half of the light that keeps time with the announced beats: a filter of five taps on each axis, a quarter of
a second either way, is fitted to the window's light, and the beats' fundamental and first overtone are looked for in
what was and in what the filter leaves. A ridge of 10 mg keeps it from making a pulse of the sensor's noise.

**Chosen** from first principles, before the treadmill was judged with it, and not changed after. 30 mg: three times
what an arm at rest shows (4 to 10 mg in eight minutes of a Verity Sense, the push of the heart among it), well below
the swing of an arm that walks. Half: from there on, more of what is called a pulse may be the arm than not. The table
is the check: 40 s of every recording of the calibration part whose pulses explain its beats, a made arm (0.7 to 1.7
Hz, six overtones an axis, 0.08 to 1 g) whose light is a random filter of its axes, bent so that no filter explains
all of it; wrong is a rate more than 5 bpm off the ECG's over the same 6 s. The first row is what the head gets wrong
by itself (one beat missed in 6 s is 10 bpm); it loses no window at any limit.

**Surer while moving.** Where the wearer moves (30 mg and more), beats have to have a mean confidence of 0.8, not 0.6:
errors are likelier there. Chosen with the same made arm: at 0.6, 0.8 and 0.9 a swing of 0.35 of the pulse leaves 415,
361 and 309 of 576 windows answered and 112, 77 and 51 of them wrong, an arm that swings beside light that does not 489,
458 and 427, and 81, 54 and 39 (before light had to be alike, as the table has it). Two thirds of what 0.8 leaves
unsaid is wrong, of what 0.9 leaves unsaid besides half. On the treadmill, looked at afterwards, 0.6 answered 0.71, 0.42
and 0.32 at rest, slow and fast, within 5 bpm in 0.84, 0.80 and 0.77 of it, and gave beats to 19 trials of bursts beside
an accelerometer.

**More alike while moving.** There the light has to be alike at the beats by 0.5, chosen likewise: with it and the
limits above, 13 and 16 fewer windows of those two rows are answered, of which 9 and 8 are wrong, and of 6,000 trials of
bursts beside an accelerometer 2 give beats instead of 5, of steady swings 1 (the table's thousand, looked at as well,
had 1 of bursts before). On the treadmill it took 0.57, 0.32 and 0.19 answered to 0.55, 0.30 and 0.15, within 5 bpm in
0.94, 0.92 and 0.98 (0.94, 0.93 and 0.98 before).

**Not watched.** A device that has an accelerometer of which nothing came says nothing ("no acceleration came"): less
than 0.6 of the window's light has acceleration beside it.

**Before and after.** The weights before, by `p2es --set infer.engine.max_movement=1 evaluate --task wrist`, answered
and within 5 bpm: rest 0.98 and 0.77, slow 0.94 and 0.51, fast 0.90 and 0.38, with F1@50 after the lag of 0.87, 0.74
and 0.67; with the rule 0.80 and 0.86, 0.44 and 0.84, 0.41 and 0.79, F1 0.91, 0.92 and 0.93.

**What remains.** It answers a third of the time in slow exercise, a seventh in fast, and at the treadmill's rest, where
arms are not still, a little more than half. A pulse at the cadence or its double is abstained although it may be right:
from this light nobody can tell (second row). A swing smaller than the pulse, which makes the head miss or add beats but
not follow the arm, mostly passes (third row; of what is answered 19 % is wrong, 46 % with the weights before). Short
bursts between rests pass in 1 trial of 3,000. Without an accelerometer only the light's shape is looked at (above).
"""
_PROTOCOL = """\
## Protocol

- **Treadmill** (TROIKA, IEEE Signal Processing Cup 2015; no licence stated, so nothing of it is in this repository):
  light at the wrist, 125 Hz, through the live windows and the engine. Stages by the schedule in the set's read-me:
  rest 30 s, slow 1 min, fast 1 min, slow, fast, rest 30 s (its paper says 1-2 km/h where the read-me says rest); all
  recordings but one follow it (04_TYPE01 is 220 s, nobody runs: "unscheduled"). Changes of speed are not cut out.
- **Polarity and channel** never look at the ECG: polarity is the device's, the sign with which the pulse of the first
  30 s is skewed upwards over all recordings (Elgendi 2016); the channel is that of higher signal quality in them. The
  skew of the slope, tried first, said the opposite; delays from the ECG then showed which is right, and so did the beat
  head's confidence, higher this way up in all recordings. A wrist device must tell its polarity: upside down, the same
  model's F1@50 was 0.61 and it answered 64 %.
- **Truth**: heart rate of the set itself, every 8-s window (2 s steps); beats of the chest ECG where their rate is
  within 5 bpm of it. A window is answered when half of it has an estimate; its rate is the mean of the intervals in it
  that cross no abstained sample; *no rate* is the share of answered windows without two of them. Beats as announced;
  *lag*: after the recording's best constant within 1 s; *as is* with the prior of 0.25 s for a wrist.
- **Wearable**: the firmware's own heart rate is smoothed and late by a constant nobody states; figures are given as is
  and after the best constant within 20 s. Its intervals are compared between neighbouring beats that both sides have,
  those it blocks left out.
- Intervals: 95 %, bootstrap of 1000 over people. Nothing was tuned on any of this.
"""


def write_wrist(report: WristReport, folder: Path, command: str) -> str:
    """Write folder/wrist.md and folder/wrist.json. command: that repeats it. Returns their names."""
    return write_page(folder, "wrist", _text(report, command), asdict(report))


def _text(report: WristReport, command: str) -> str:
    parts = [
        "# On the wrist\n",
        f"Model `{report.model_id}`. Estimated from PPG; not for diagnosis. Repeat: `{command}`\n",
    ]
    if report.rows:
        parts += [_treadmill(report)]
    if report.device is not None:
        parts += ["## A wearable against its own firmware\n", _device(report.device)]
    if report.pulseless:
        parts += ["## Light without a pulse\n", _pulseless(report.pulseless), _CAUSES]
    if report.swings:
        parts += ["## Swing added to pulses at rest\n", _swings(report.swings), _CHOICE]
    return "\n".join([*parts, _PROTOCOL])


def _treadmill(report: WristReport) -> str:
    lines = [f"## Treadmill: {len(report.records)} recordings\n"]
    shares = list(report.believed.values())
    lines += [
        f"Polarity {report.polarity:+d}. The ECG's beats are believed in {100 * np.mean(shares):.0f} % of the samples "
        f"(lowest recording {100 * min(shares):.0f} %).\n"
    ]
    for stage in dict.fromkeys(row.stage for row in report.rows):
        rows = [row for row in report.rows if row.stage == stage]
        lines += [f"### {_STAGES[stage]}: {rows[0].windows} windows of {rows[0].recordings} recordings\n"]
        lines += [_head("estimate", _STAGE_COLUMNS)]
        for row in rows:
            lines += [_line(row.estimate, [_number(row.mean[name], places) for _, name, places in _STAGE_COLUMNS])]
            if row is rows[0]:
                lines += [_line("95 % interval", [_span(row, name, places) for _, name, places in _STAGE_COLUMNS])]
        lines += [""]
    return "\n".join(lines)


def _device(figures: Mapping[str, DeviceFigures]) -> str:
    lines = [_head("estimate", _DEVICE_COLUMNS)]
    lines += [
        _line(name, [_number(getattr(one, figure), places) for _, figure, places in _DEVICE_COLUMNS])
        for name, one in figures.items()
    ]
    return "\n".join(lines) + "\n"


def _pulseless(trials: Sequence[Pulseless]) -> str:
    lines = [
        f"Trials of {SECONDS} s, seeded; the right answer is no beat.\n",
        "| light | trials | with beats | beats | windows past the quality gate, of all |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.kind} | {one.trials} | {one.with_beats} | {one.beats} | {one.judged} of {one.windows} |"
        for one in trials
    ]
    return "\n".join(lines) + "\n"


def _swings(swings: Sequence[Swung]) -> str:
    limits = list(dict.fromkeys(one.limit for one in swings))
    titles = ["no limit" if limit >= 1 else f"limit {limit:g}" for limit in limits]
    lines = [
        "Calibration part of bidmc/ and cinc2015/ in DIR: share of the windows with a heart rate, and what of those is "
        "wrong.\n"
    ]
    lines += ["| light | windows | " + " | ".join(f"{one}: answered | wrong" for one in titles) + " |"]
    lines += ["|" + "---|" * (2 + 2 * len(limits))]
    for level in dict.fromkeys(one.level for one in swings):
        row = [one for one in swings if one.level == level]
        cells = [_number(share, 3) for one in row for share in (one.answered / max(1, one.windows), _wrong(one))]
        lines += [_line(level, [str(row[0].windows), *cells])]
    return "\n".join(lines) + "\n"


def _wrong(one: Swung) -> float:
    return one.wrong / one.answered if one.answered else np.nan


def _head(first: str, columns: Sequence[tuple[str, str, int]]) -> str:
    titles = [first, *(title for title, _, _ in columns)]
    return "| " + " | ".join(titles) + " |\n" + "|" + "---|" * len(titles)


def _line(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _span(row: StageRow, name: str, places: int) -> str:
    return f"{_number(row.low[name], places)} to {_number(row.high[name], places)}"


def _number(value: float, places: int) -> str:
    return "-" if not np.isfinite(value) else f"{value:.{places}f}"
