"""A stage's losses as a picture, while it trains: a panel for each figure of its log."""

from __future__ import annotations

import json
import logging
from functools import cache
from pathlib import Path

__all__ = ["draw_losses"]

log = logging.getLogger(__name__)


def draw_losses(journal: Path, picture: Path) -> None:
    """Draw what the log holds so far as an SVG, whole or not at all. Without matplotlib it says so once and draws
    nothing."""
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    if not rows or not _can_draw():
        return
    from matplotlib.figure import Figure

    names = [name for name in rows[-1] if name != "step"]
    figure = Figure(figsize=(8, 1.8 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for panel, name in zip(panels, names, strict=True):
        panel.plot([row["step"] for row in rows], [row[name] for row in rows], color="black", linewidth=1)
        panel.set_ylabel(name)
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("step")
    panels[0].set_title(f"{journal.stem}, step {rows[-1]['step']}: running means of the training batches")
    partial = picture.with_suffix(".svg.part")
    figure.savefig(partial, format="svg")
    partial.replace(picture)


@cache
def _can_draw() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        log.warning("matplotlib is not installed: no plot of the losses is drawn; the .jsonl beside has the figures")
        return False
    return True
