"""``models``: the bundled models as a list, as cards, or verified."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from batch_emotion.cli.app import command
from batch_emotion.cli.options import in_flags
from batch_emotion.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from batch_emotion.model.bundle import Bundle
    from batch_emotion.model.card import Card
    from batch_emotion.model.card_metrics import CardMetrics


@command()
def models(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show this model's card: a name, or a bundle's folder.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check every sha256 and every golden prediction.")] = False,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option("--diff", metavar="A B", help="Show what differs between two models: names or paths."),
    ] = None,
) -> None:
    """List the bundled models and what each is for, show a card, verify them, or compare two."""
    from batch_emotion._version import DEFAULT_MODEL
    from batch_emotion.model.bundle import load_bundle
    from batch_emotion.model.catalogue import USES, bundled_models

    if diff is not None:
        from batch_emotion.cli.model_differences import difference_lines
        from batch_emotion.model.differences import differences

        if name or verify:
            raise UsageError("--diff takes two models, and nothing beside them")
        typer.echo("\n".join(difference_lines(differences(*map(load_bundle, diff)), diff)))
        return
    bundles = [load_bundle(each) for each in ([name] if name else bundled_models())]
    if verify:
        from batch_emotion.commands.models import verify as run_verify

        outcomes = {bundle.card.name: run_verify(bundle) for bundle in bundles}
        for each, outcome in outcomes.items():
            gaps = ", ".join(f"{runtime} within {gap:.1e}" for runtime, gap in outcome.deviations.items())
            detail = gaps or f"changed or missing: {', '.join(outcome.damaged)}"
            typer.echo(f"{each}: {'ok' if outcome.passed else 'FAILED'} ({detail})")
        if not all(outcome.passed for outcome in outcomes.values()):
            raise typer.Exit(int(ExitCode.FAILED))
    elif name:
        _show_card(bundles[0])
    else:
        for bundle in sorted(bundles, key=lambda each: each.card.name != DEFAULT_MODEL):
            card = bundle.card
            default = " (the default)" if card.name == DEFAULT_MODEL else ""
            typer.echo(_wrapped(f"{card.version or card.name}{default}: {in_flags(USES.get(card.name, ''))}"))
            typer.echo(_wrapped(f"  {', '.join(card.class_names)}"))
            typer.echo(_wrapped(f"  {card.parameters:,} parameters; right on {_accuracies(card.metrics)}"))
        typer.echo("\nbatch-emotion models NAME shows a model's card and where earlier versions are.")


def _show_card(bundle: Bundle) -> None:
    """Print the card for people, and below it the layers; a bundle of another's making may lack the former."""
    card = bundle.card
    written = None if bundle.folder is None else bundle.folder / "README.md"
    if written is not None and written.is_file():
        typer.echo(f"{written.read_text(encoding='utf-8', errors='replace').rstrip()}\n\n## Layers\n")
    else:
        _show_facts(card)
    if not card.layers:
        return
    rows = [
        (layer["name"], layer["type"], ", ".join(map(str, layer["output_shape"])), f"{layer['parameters']:,}")
        for layer in card.layers
    ]
    rows = [("layer", "type", "output shape", "parameters"), *rows]
    names, kinds, shapes, counts = (max(map(len, column)) for column in zip(*rows, strict=True))
    for name, kind, shape, count in rows:
        typer.echo(f"{name:<{names}}  {kind:<{kinds}}  {shape:<{shapes}}  {count:>{counts}}")
    _show_versions(card)


def _show_versions(card: Card) -> None:
    """Print the versions of a bundled model, and how to get those that do not come with the tool."""
    from batch_emotion.model.catalogue import versions_of

    if card.version is None:
        return
    typer.echo("\n## Versions\n")
    for version in versions_of(card.version.name):
        here = " (this one)" if version == card.version else ""
        typer.echo(f"{version}{here}: {version.change}")
        if version.how_to_get and not here:
            typer.echo(f"  in a clone of the project: {version.how_to_get}")


def _show_facts(card: Card) -> None:
    from batch_emotion.model.catalogue import version_of

    height, width = card.input.image_size
    typer.echo(_wrapped(f"{card.name}: {card.summary}") + "\n")
    if card.training.get("exported_from"):
        version = version_of(card.training["exported_from"])
        typer.echo(f"exported from  {version or 'a bundle with the sha256 ' + card.training['exported_from'][:16]}")
    typer.echo(f"classes        {', '.join(card.class_names)}")
    typer.echo(f"input          {height}x{width} {card.input.color_mode}, {card.input.interpolation}, {card.input.fit}")
    if card.parameters:
        typer.echo(f"parameters     {card.parameters:,}")
    if _accuracies(card.metrics):
        typer.echo(f"right on       {_accuracies(card.metrics)}\n")


def _accuracies(metrics: CardMetrics) -> str:
    """On how many images the model predicts the label."""
    from batch_emotion.model.card_results import validation_scores

    validation, which = validation_scores(metrics)
    judged = " ".join(filter(None, ["its validation images", which]))
    sides = {"its training images": metrics.get("training"), judged: validation}
    return ", ".join(f"{scores['accuracy']:.1%} of {side}" for side, scores in sides.items() if scores)


def _wrapped(text: str) -> str:
    indent = "  " if text.startswith(" ") else ""
    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, subsequent_indent=indent or "  ", break_on_hyphens=False)
