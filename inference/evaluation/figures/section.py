"""The figures beside the tables, in words: a short section each for docs/evaluation.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from inference.evaluation.figures.band import BandRow
from inference.evaluation.figures.examples import SHOWN_S
from inference.evaluation.figures.plots import NAMES
from inference.evaluation.figures.selective import Selective
from inference.evaluation.figures.summary import Amplitude, SetFigures

__all__ = ["sections"]


def sections(sets: Mapping[str, SetFigures], chest: Mapping[str, Amplitude], folder: str = "figures") -> str:
    """Markdown. sets: by dataset; chest: amplitudes of 12-lead ECGs by lead. folder: of the pictures."""
    parts = [_shown(sets), _band(sets), _reliability(sets), _risk(sets), _rates(sets), _amplitudes(sets, chest)]
    pictures = ("shown", "band", "reliability", "risk", "rates", "amplitudes")
    return "\n".join(
        text.replace("PICTURE", f"{folder}/{NAMES[name]}") for name, text in zip(pictures, parts, strict=True)
    )


def _shown(sets: Mapping[str, SetFigures]) -> str:
    shown = "; ".join(
        f"{name} "
        + ", ".join(f"{one.name} ({one.which}, r {one.r:.2f}, from {one.example.from_s} s)" for one in each.shown)
        for name, each in sets.items()
    )
    return (
        "## What it looks like\n\n"
        "![Lead II, estimated and true, of the best, the median and the worst recording of each dataset](PICTURE)\n\n"
        "Lead II of the recordings of highest, median and lowest r (lag), never hand-picked: of each the first "
        f"{SHOWN_S} seconds of its window of median r among those without a gap, after the recording's lag. {shown}.\n"
    )


def _band(sets: Mapping[str, SetFigures]) -> str:
    lines = [
        "## The band\n",
        "![Share of the true lead II inside the 90 % band, by quality and confidence](PICTURE)\n",
        "The share of samples of the true lead II inside the 90 % band (after the recording's lag, in judged windows "
        "with an estimate), mean over recordings with 10 s in the stratum. It is set on the calibration part so that a "
        "sample of the next recording lies inside with 90 %; *nine of ten*: recordings have at least this; *near R*: "
        "within 60 ms of a true R peak, where it is hardest.\n",
    ]
    for name, one in sets.items():
        for title, rows in ((name, one.band), (f"{name}, 30 s of own ECG", one.own_band)):
            if rows:
                lines += [_band_table(title, rows), ""]
    return "\n".join(lines)


def _band_table(title: str, rows: Sequence[BandRow]) -> str:
    head = (title, "recordings", "coverage", "95 % interval", "nine of ten", "near R", "width mV")
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        if not row.recordings:
            out.append(f"| {row.name} | 0 | - | - | - | - | - |")
            continue
        cells = (f"{row.coverage:.3f}", f"{row.low:.3f} to {row.high:.3f}", f"{row.tenth:.3f}", f"{row.near_r:.3f}")
        out.append(f"| {row.name} | {row.recordings} | " + " | ".join(cells) + f" | {row.width_mv:.2f} |")
    return "\n".join(out)


def _reliability(sets: Mapping[str, SetFigures]) -> str:
    lines = [
        "## Is the confidence true\n",
        "![Announced probability of a beat against the share of such beats that are true](PICTURE)\n",
        "Announced beats by their probability, against the share within 50 ms of a true one after the recording's lag. "
        "*Calibration error*: mean over beats of the distance from the diagonal of their bin (0.05 wide).\n",
        "| | beats | calibration error | mean probability less share |",
        "|---|---|---|---|",
    ]
    for name, each in sets.items():
        one = each.reliability
        error = _span(one.error, one.error_low, one.error_high, 3)
        lines.append(f"| {name} | {one.beats} | {error} | {_number(one.surplus, 3)} |")
    return "\n".join(lines) + "\n"


def _risk(sets: Mapping[str, SetFigures]) -> str:
    lines = [
        "## Fewer windows, fewer errors?\n",
        "![Error against the share of windows kept, the surest first](PICTURE)\n",
        "Judged 10-s windows, the surest first (mean probability of their beats), up to the share that was answered; "
        "where no rate was found its error is the whole true rate. *Area*: mean error along the answered part of the "
        "curve; *best*: when the order were that of the errors. "
        "*Gain*: error of all answered windows less that of the surer half; errors are said to fall when "
        "its whole interval is above 0.\n",
        "| | answered | error of all | area | best | gain of the surer half | errors fall | at every step |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in sets.items():
        lines += [_risk_row(f"{name}, 1 - F1@50 lag", one.f1, 3), _risk_row(f"{name}, heart rate bpm", one.rate, 2)]
    return "\n".join(lines) + "\n"


def _risk_row(title: str, one: Selective, places: int) -> str:
    area = _span(one.area, one.area_low, one.area_high, places)
    gain = _span(one.gain, one.gain_low, one.gain_high, places)
    told = ("yes" if one.falls else "not shown", "yes" if one.never_rises else "no")
    answered = one.answered / max(1, one.windows)
    figures = (f"{answered:.3f}", _number(one.whole, places), area, _number(one.ideal_area, places), gain)
    return f"| {title} | {' | '.join((*figures, *told))} |"


def _rates(sets: Mapping[str, SetFigures]) -> str:
    lines = [
        "## Heart rate, window by window\n",
        "![Difference of estimated and true heart rate against their mean](PICTURE)\n",
        "Bland-Altman, 10-s windows with two beats on both sides, as it stands. Limits of agreement: bias -+ 1.96 SD, "
        "from components of variance between people and within (windows of one person agree with each other); "
        "intervals 95 %, over subjects. The differences have heavier tails than a normal law: read the share within "
        "5 bpm beside them.\n",
        "| | windows | bias bpm | lower limit | upper limit | SD between, within | within 5 bpm | slope |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in sets.items():
        one = each.agreement
        cells = (
            _span(one.bias, one.bias_low, one.bias_high, 2),
            _span(one.lower, one.lower_low, one.lower_high, 1),
            _span(one.upper, one.upper_low, one.upper_high, 1),
            f"{_number(one.between_sd, 1)}, {_number(one.within_sd, 1)}",
            _number(one.close, 3),
            _number(one.slope, 2),
        )
        lines.append(f"| {name} | {one.windows} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _amplitudes(sets: Mapping[str, SetFigures], chest: Mapping[str, Amplitude]) -> str:
    lines = [
        "## Regression to the mean\n",
        "![SD of each estimated lead against that of the true one, a point a recording](PICTURE)\n",
        "Amplitude of each lead over recordings, estimate against truth: SD of the lead, and R, the highest point of "
        "the mean beat within 60 ms of the R peak (aVR upside down). *Slope*: 1 when people differ as they do, 0 when "
        "everybody is given the same amplitude. *Ratio*: mean estimate over mean truth. 95 % intervals over "
        "subjects. ptbxl: at true R peaks, no PPG.\n",
        "| | recordings | SD slope | SD ratio | R slope | R ratio |",
        "|---|---|---|---|---|---|",
    ]
    sources = {**{name: one.amplitudes for name, one in sets.items()}, **({"ptbxl": chest} if chest else {})}
    for name, leads in sources.items():
        for lead, one in leads.items():
            if not one.sd.recordings:
                continue
            cells = []
            for each in (one.sd, one.r):
                cells += [_span(each.slope, each.slope_low, each.slope_high, 2)]
                cells += [_span(each.ratio, each.ratio_low, each.ratio_high, 2)]
            lines.append(f"| {name} {lead} | {one.sd.recordings} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _number(value: float, places: int) -> str:
    return f"{value:.{places}f}" if isfinite(value) else "-"


def _span(value: float, low: float, high: float, places: int) -> str:
    return f"{value:.{places}f} ({low:.{places}f} to {high:.{places}f})" if isfinite(value) else "-"
