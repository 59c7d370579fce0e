"""p2es export-onnx: the model for a box without torch."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.context import settings_of

__all__ = ["command"]


def command(
    context: typer.Context,
    out: Annotated[Path, typer.Option("-o", "--out", help="folder for NAME.onnx and model.json")],
) -> None:
    """Write the networks as ONNX files for onnxruntime, with a description that names their hashes.

    Of the model in infer.engine.weights, for batches of infer.engine.batch. Serve it with `p2es --set
    infer.engine.weights=DIR infer --engine onnx`; that needs no torch."""
    from inference.model_folder import SHIPPED  # torch takes seconds to load, and other commands do not need it
    from inference.runtimes.export import export
    from inference.weights_file import load_weights

    engine = settings_of(context).infer.engine
    model_id = export(load_weights(engine.weights or SHIPPED), out, engine.batch)
    size_mb = sum(file.stat().st_size for file in out.glob("*.onnx")) / 1e6
    typer.echo(f"{model_id} in {out}, {size_mb:.1f} MB, batches of {engine.batch}")
