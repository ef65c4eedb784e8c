"""``merge``: the results of the tasks of one plan to one result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from batch_emotion.columns import check_writable, plain_columns, text_columns
from batch_emotion.errors import OutputMismatch, SourceError
from batch_emotion.evaluation.maker import load_maker
from batch_emotion.metrics.quantification import estimated_mix
from batch_emotion.model.held_out import held_out_moments
from batch_emotion.options.merge import MergeOptions
from batch_emotion.options.runs import MonitoringOptions
from batch_emotion.plan import task_rows
from batch_emotion.results.class_prior import AUTO, ClassPrior, MixCounter
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.reader import StoredResult, open_result
from batch_emotion.results.schema import first_rows
from batch_emotion.results.summary import Summary
from batch_emotion.results.writer import check_target, output_kind, write_result
from batch_emotion.runs.asked import asked
from batch_emotion.runs.needs import check_asked
from batch_emotion.runs.output import result_record
from batch_emotion.runs.recorder import Recorder
from batch_emotion.storage.commits import check_parent
from batch_emotion.storage.part_folders import restore_parts
from batch_emotion.storage.places import Place
from batch_emotion.storage.targets import check_parquet, check_spared


def merge(
    parts: MergeOptions | Sequence[str | Place] | str | Place,
    *,
    out: str | Place | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Summary:
    """Join the results of tasks in the order of their plan; the result is the one that a single run would have made.

    Args:
        parts: where the Parquet results of all tasks are, in any order; or ``MergeOptions``, which hold all that the
            keywords can say.
        out: ``.parquet``, ``.csv``, ``.tsv`` or a directory; needed.
        overwrite: replace what is there.
        options: any other option of ``batch-emotion merge --help``, with underscores.

    Raises:
        SourceError: a part is missing, there twice, not whole, or made from another plan, model or options, or the
            output cannot hold its columns.
        OutputMismatch: something is there already.

    Example:
        >>> from batch_emotion import merge, predict
        >>> parts = [predict("faces", out=f"{at}.parquet", task_index=at, task_count=2).out for at in range(2)]
        >>> merge(parts, out="whole.parquet").rows
        48
    """
    return _merged(asked(MergeOptions, "parts", parts, options | {"out": out, "overwrite": overwrite}))


def _merged(options: MergeOptions) -> Summary:
    check_asked(options)
    check_parent(options.out)
    check_target(options.out)
    check_parquet(options.out)
    check_spared(options.out, options.parts, inside=True)
    recorder = Recorder(options.out, MonitoringOptions(), options.caller)
    with recorder.recording_interruption():
        parts = _in_order([_open_part(part) for part in options.parts])
        _write(options, recorder, parts, flat=output_kind(options.out) == "csv")
    return recorder.seen


def _write(options: MergeOptions, recorder: Recorder, parts: list[StoredResult], flat: bool) -> None:
    first, summary = parts[0], recorder.seen
    schema = _as_written(first.schema.empty_table(), flat).schema
    check_writable(schema, flat)
    fingerprint = _fingerprint(first).with_options(
        task_index=0,
        task_count=1,
        csv_bom=options.csv.bom,
        csv_escape_formulas=options.csv.escape_formulas,
    )
    with recorder.recording_failures(), recorder.holding_output():
        restore_parts(options.out)
        if options.out.exists() and not options.overwrite:
            raise OutputMismatch(f"{options.out} is there already; give `overwrite` to replace it")
        with summary.profile.timing("write"):
            prior = ClassPrior.from_footer(first.footer)
            joined = _rows(parts, fingerprint.images)
            if prior.assumed == AUTO:  # each task saw images of its own
                prior = prior.over(lambda: _taken_back(parts, fingerprint.images))
                confidence = float(fingerprint.options["min_confidence"])
                joined = prior.apply(_taken_back(parts, fingerprint.images), confidence)
            footer = first.footer | {"fingerprint": fingerprint.to_json()}
            if "class_prior" in first.footer:
                summary.class_prior = prior.as_record()
                footer["class_prior"] = json.dumps(summary.class_prior)
            mix = MixCounter(first.class_names)
            rows = summary.counting(_as_written(rows, flat) for rows in mix.counting(joined, prior))
            sha256 = write_result(options.out, rows, schema, footer, csv=options.csv)
            bundle, _ = load_maker(first, None)
            held_out = None if bundle is None else held_out_moments(bundle, first.class_names)
            summary.estimated_mix = estimated_mix(mix.seen, held_out, first.class_names)
        recorder.finished(summary, "done", result_record(fingerprint, sha256, summary))


def _taken_back(parts: Sequence[StoredResult], all_images: int) -> Iterator[pa.Table]:
    """The rows of all parts under the mix of the training."""
    for part, rows in zip(parts, _rows(parts, all_images), strict=True):
        yield from ClassPrior.from_footer(part.footer).take_back([rows])


def _as_written(rows: pa.Table, flat: bool) -> pa.Table:
    return text_columns(plain_columns(rows)) if flat else plain_columns(rows)


def _open_part(path: Place) -> StoredResult:
    part = open_result(path)
    if "fingerprint" not in part.footer:
        raise SourceError(
            f"{path} is not a Parquet result of predict; merge joins those of `task.index` and `task.count`"
        )
    return part


def _fingerprint(part: StoredResult) -> Fingerprint:
    return Fingerprint.from_dict(json.loads(part.footer["fingerprint"]))


def _in_order(parts: Sequence[StoredResult]) -> list[StoredResult]:
    """The parts in the order of their tasks, where each task is there once and all have the same plan."""
    first = _fingerprint(parts[0])
    by_task: dict[int, StoredResult] = {}
    for part in parts:
        fingerprint = _fingerprint(part)
        differing = fingerprint.with_options(task_index=first.task.index).differences(first.as_dict())
        if differing:
            raise SourceError(f"{part.path} does not belong to {parts[0].path}: it differs in {'; '.join(differing)}")
        if part.schema != parts[0].schema:
            raise SourceError(f"{part.path} does not belong to {parts[0].path}: it has other columns or column types")
        twice = by_task.setdefault(fingerprint.task.index, part)
        if twice is not part:
            raise SourceError(
                f"{twice.path} and {part.path} are both of task {fingerprint.options['task_index']}; give one of them"
            )
    missing = [str(task) for task in range(first.task.count) if task not in by_task]
    if missing:
        raise SourceError(
            f"of {first.options['task_count']} tasks these are missing: {', '.join(missing)}; give their parts too"
        )
    return [by_task[task] for task in sorted(by_task)]


def _rows(parts: Sequence[StoredResult], all_images: int) -> Iterator[pa.Table]:
    for index, part in enumerate(parts):
        rows = part.read()
        images, has = len(task_rows(all_images, index, len(parts))), len(first_rows(rows))
        if has < images:
            raise SourceError(
                f"{part.path} is not whole: it holds {len(rows)} rows of {images} images, and for {images - has} none; "
                "run its task again"
            )
        yield rows
