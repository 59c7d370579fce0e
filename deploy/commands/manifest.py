"""p2es manifest: what to train on, as a CSV of recordings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from inference.datasets.entry import Entry

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="What to train on: list the recordings of a source, check a list.")
_Out = Annotated[Path, typer.Option("-o", "--out", help="the manifest to write (.csv)")]
_Minutes = Annotated[float, typer.Option(min=1, help="of each stretch at most, from its middle")]
_PerPerson = Annotated[int, typer.Option(min=1, help="stretches, and ECGs, of a person at most; the longest")]
_People = Annotated[int | None, typer.Option(min=1, help="only the first so many")]


@app.command("open")
def open_(
    data: Annotated[Path, typer.Argument(metavar="DIR", help="holds bidmc/, cinc2015/ or ptbxl/")], out: _Out
) -> None:
    """List the open sets, by the frozen split."""
    from inference.datasets.open_sets import open_sets

    _write(open_sets(data), out)


@app.command("mimic3")
def mimic3(
    data: Annotated[Path, typer.Argument(metavar="DIR", help="Waveform Database Matched Subset: p00/ to p09/")],
    out: _Out,
    patients: Annotated[Path | None, typer.Option(help="PATIENTS.csv or .csv.gz, for age and sex")] = None,
    minutes: _Minutes = 10.0,
    per_person: _PerPerson = 4,
    people: _People = None,
) -> None:
    """List stretches of a minute or more with PPG and ECG. Never run on the real database, which is credentialed."""
    from inference.datasets.excerpts import Limits
    from inference.datasets.mimic3 import mimic3 as listed

    _write(listed(data, patients, Limits(minutes, per_person, people)), out)


@app.command("mimic4")
def mimic4(
    data: Annotated[Path, typer.Argument(metavar="DIR", help="Waveform Database: waves/")],
    out: _Out,
    ecg: Annotated[Path | None, typer.Option(help="MIMIC-IV-ECG: record_list.csv and files/")] = None,
    patients: Annotated[Path | None, typer.Option(help="patients.csv or .csv.gz, for age and sex")] = None,
    minutes: _Minutes = 10.0,
    per_person: _PerPerson = 4,
    people: _People = None,
) -> None:
    """List stretches of a minute or more with PPG and ECG, and 12-lead ECGs; a person in both is one subject. Never run
    on the real databases, which are credentialed."""
    from inference.datasets.excerpts import Limits
    from inference.datasets.mimic4 import mimic4 as listed

    _write(listed(data, ecg, patients, Limits(minutes, per_person, people)), out)


@app.command("check")
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="a manifest (.csv)")]) -> None:
    """Check every line of a manifest, as train and evaluate do before anything else, and count what it lists."""
    from inference.datasets.manifest import described, read_manifest

    typer.echo(f"{file}: {described(read_manifest(file))}")


def _write(entries: "list[Entry]", out: Path) -> None:
    from inference.datasets.manifest import described, read_manifest, write_manifest

    write_manifest(entries, out)
    typer.echo(f"{out}: {described(read_manifest(out))}")
