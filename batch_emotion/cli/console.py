"""What a run says of itself on a terminal: a progress bar, a summary, the rows of a single image."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from batch_emotion.cli.logs import LOG
from batch_emotion.errors import BatchEmotionError
from batch_emotion.storage.escaping import printable

if TYPE_CHECKING:
    from batch_emotion.metrics.quantification import EstimatedMix
    from batch_emotion.options.predict import PredictOptions
    from batch_emotion.plan import Plan
    from batch_emotion.runs.output import Progress
    from batch_emotion.runs.predict_result import PredictResult
    from batch_emotion.runs.preview import UpdatePreview
    from batch_emotion.storage.places import Place

_LOG_EVERY_S = 10.0


class ProgressBar:
    """tqdm on a terminal, a plain line now and then elsewhere, and a line in the log."""

    def __init__(self, silent: bool) -> None:
        self._silent, self._bar, self._logged = silent, None, time.monotonic()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
        """Move the bar to what is done, and put a line into the log now and then."""
        if time.monotonic() - self._logged >= _LOG_EVERY_S:
            self._logged = time.monotonic()
            LOG.info("progress", extra={"fields": asdict(progress)})
        if self._silent:
            return
        bar = self._bar = self._bar or self._make(progress)
        if progress.done:
            bar.set_description_str(refresh=False)
        bar.set_postfix(failures=progress.failures, refresh=False)
        bar.update(progress.done - bar.n)
        if progress.done == progress.total:
            bar.close()

    @staticmethod
    def _make(progress: Progress) -> Any:
        from tqdm import tqdm

        plain = not sys.stderr.isatty()
        return tqdm(
            desc=None if progress.done else "loading the model",
            total=progress.total,
            initial=progress.done,  # what an earlier run did has no share in the pace
            unit=" images",
            file=sys.stderr,
            mininterval=10 if plain else 0.2,
            delay=10 if plain else 0,  # a run of some seconds has its summary
            ascii=plain,
            bar_format="{n_fmt}/{total_fmt} images after {elapsed}{postfix}\n" if plain else None,
            dynamic_ncols=not plain,
        )


def show_marked(options: PredictOptions, result: PredictResult) -> None:
    """Print where the annotated copies are, on standard error; nothing where none were asked for."""
    if options.annotate is not None and result.marked is not None:
        typer.echo(f"Marked: {options.annotate.folder} ({_number(result.marked, 'photo')})", err=True)


def show_summary(options: PredictOptions, result: PredictResult) -> None:
    """Print how a run went, on standard error."""
    from batch_emotion.cli.class_mix import mix_lines
    from batch_emotion.results.class_prior import prior_in_words

    summary = result.summary
    if result.outcome == "nothing to do":
        typer.echo(nothing_to_do(options.out), err=True)
        return
    counts = ", ".join(f"{count} {status}" for status, count in summary.statuses.most_common())
    faces = "" if summary.faces is None else f"; {_number(summary.faces, 'face')}"
    lines = [f"{_number(summary.images, 'image')}: {counts or 'there is nothing in the manifest'}{faces}"]
    if summary.emotions:
        lines += mix_lines(summary.emotions, sys.stderr)
        if summary.estimated_mix:
            lines += _estimate_lines(summary.emotions, summary.estimated_mix)
        if summary.class_prior:
            lines += _wrapped(f"Assumed class mix: {prior_in_words(summary.class_prior)}")
    if result.left_out:
        was = "was" if result.left_out == 1 else "were"
        lines.append(
            f"{_number(result.left_out, 'file')} {was} left out for {'its' if was == 'was' else 'their'} extension"
        )
    if summary.scored:
        lines.append(
            f"{summary.images_per_second:,.0f} images/s over {summary.seconds:.1f} s, {summary.runtime}, {_number(summary.threads, 'thread')}{' in each worker' if summary.workers else ''}"
        )
        lines += [
            f"  {each.worker}: {_number(each.images, 'image')}, {each.images_per_second:,.0f} images/s"
            for each in summary.workers
        ]
        stages = ", ".join(f"{stage} {spent:.1f}" for stage, spent in vars(summary.profile).items())
        lines += _wrapped(f"seconds: {stages}")
    if summary.update:
        updated = asdict(summary.update).items()
        lines.append("Update: " + ", ".join(f"{count} {name}" for name, count in updated if count))
    if summary.drift:
        lines.append(f"Drift from {options.monitoring.baseline}: {summary.drift.largest:.3f}")
    lines.append(f"Written to {options.out}")
    typer.echo("\n".join(lines), err=True)


def nothing_to_do(out: Place | None) -> str:
    """What is said of an output that a run would not change."""
    return f"Nothing to do: {out} is there, made from the same images in the same way."


def plan_line(plan: Plan, shard_size: int) -> str:
    """What there is to score, in a line."""
    shards = -(-len(plan) // shard_size)
    return (
        f"{_number(len(plan), 'image')}, {plan.total_bytes / 2**20:.1f} MiB, {_number(shards, 'shard')} of {shard_size}; "
        f"{_number(plan.left_out, 'file')} left out for {'its' if plan.left_out == 1 else 'their'} extension"
    )


def _number(count: int, noun: str) -> str:
    """How many there are of something, such as ``1 image`` and ``2 images``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def preview_lines(out: Place, preview: UpdatePreview) -> list[str]:
    """What an update would do."""
    counts = preview.counts
    rows = {
        "unchanged": (counts.unchanged, "keep their rows"),
        "new": (counts.new, ""),
        "changed": (counts.changed, ""),
        "rescored": (counts.rescored, f"because of {'; '.join(preview.reasons)}" if preview.reasons else ""),
        "retried": (counts.retried, "failed before"),
        **({"reused": (counts.reused, "of these, from an unfinished run")} if counts.reused else {}),
        "vanished": (counts.vanished, "keep their rows, last in the result"),
        "to be pruned": (counts.pruned, "lose their rows"),
    }
    width = max(len(f"{count}") for count, _ in rows.values())
    lines = [f"Update of {out}:" if preview.has_result else f"{out} is not there yet; it would be made:"]
    lines += [
        f"  {name:<12} {count:>{width}}  {meaning if count else ''}".rstrip() for name, (count, meaning) in rows.items()
    ]
    return [*lines, f"{_number(preview.to_score, 'image')} would be scored"]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, shutil.get_terminal_size().columns, subsequent_indent="  ", break_on_hyphens=False)


def show_answers(rows: list[dict[str, Any]], *, err: bool = False) -> None:
    """Print the rows of several images as a table, on standard output or standard error."""
    from batch_emotion.cli.answers import answer_lines

    typer.echo("\n".join(answer_lines(rows, sys.stderr if err else sys.stdout)), err=err)


def _estimate_lines(emotions: Counter[str], estimated: EstimatedMix) -> list[str]:
    """The estimated mix beside the count, and whether the two part widely."""
    from batch_emotion.metrics.quantification import widely_apart
    from batch_emotion.records import UNCERTAIN

    shares = ", ".join(
        f"{name} {each['share']:.1%} ({each['low']:.1%} to {each['high']:.1%})" for name, each in estimated.items()
    )
    lines = _wrapped(f"Estimated class mix: {shares}")
    apart = (
        [] if emotions[UNCERTAIN] else widely_apart({n: c / emotions.total() for n, c in emotions.items()}, estimated)
    )
    if apart:
        lines.append(
            f"Count and estimate are far apart for {', '.join(apart)}; look at such images before you use either"
        )
    return lines


def show_rows(rows: list[dict[str, Any]]) -> None:
    """Print the rows of a single image: what it shows, and all probabilities.

    Raises:
        BatchEmotionError: the image could not be read.
    """
    from batch_emotion.cli.answers import face_in_words

    for row in rows:
        path = printable(row["path"])
        if row["status"] == "no_face":
            typer.echo(f"{path}: no face was found")
            continue
        if row["status"] != "ok":
            raise BatchEmotionError(f"{row['path']} is {row['status']}: {row['error']}")
        at = f"face {face_in_words(row)}: " if "face_index" in row else ""
        typer.echo(f"{path}: {at}{row['emotion']} ({row['confidence']:.1%})")
        chances = {key.removeprefix("p_"): value for key, value in row.items() if key.startswith("p_")}
        for name, value in sorted(chances.items(), key=lambda pair: -pair[1]):
            typer.echo(f"  {name:<10} {value:6.1%}")
