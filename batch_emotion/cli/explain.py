"""The command ``explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.cli.app import Classes, Delimiter, Encoding, Model, TrustPickle, command, show
from batch_emotion.cli.options import names_of


@command()
def explain(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="Image files, directories, globs, or one manifest."),
    ],
    out: Annotated[Path, typer.Option(help="The folder for the pictures; for one image, a .png.")],
    model: Model = DEFAULT_MODEL,
    classes: Classes = None,
    target: Annotated[str | None, typer.Option(help="The class to explain. Default: the predicted one.")] = None,
    layer: Annotated[
        str | None, typer.Option(help="The layer whose maps are used. Default: the last that keeps height and width.")
    ] = None,
    faces: Annotated[
        bool, typer.Option("--faces", help="Images are photos: find the faces, one picture for each.")
    ] = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing pictures.")] = False,
    trust_pickle: TrustPickle = False,
) -> None:
    """Show where in an image the model looks (Grad-CAM): one picture per image."""
    from batch_emotion.commands.explain import ExplainOptions
    from batch_emotion.commands.explain import explain as run_explain
    from batch_emotion.options.images import FaceOptions

    options = ExplainOptions(
        tuple(images),
        out,
        model,
        names_of(classes) if classes else None,
        trust_pickle,
        target.strip().lower() if target else None,
        layer,
        faces=FaceOptions() if faces else None,
        overwrite=overwrite,
        encoding=encoding,
        delimiter=delimiter,
    )
    for each in run_explain(options):
        if each.picture is None:
            typer.echo(f"{each.path} is {each.status}: {each.error}", err=True)
        else:
            show(f"{each.path}: {each.emotion} ({each.confidence:.1%}), {each.picture}")
