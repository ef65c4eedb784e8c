"""What ``predict`` is asked for, and whether it makes sense."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.engines.options import EngineOptions
from batch_emotion.errors import UsageError
from batch_emotion.images.detectors import open_detector
from batch_emotion.model.runtime import Precision, RuntimeName
from batch_emotion.plan import Task
from batch_emotion.records import FaceOptions, Limits
from batch_emotion.results.writer import output_kind
from batch_emotion.runs.annotate import AnnotateOptions
from batch_emotion.runs.outcome import ReportingOptions
from batch_emotion.runs.output import OutputOptions
from batch_emotion.sources.planning import SourceOptions
from batch_emotion.storage.commits import check_parent
from batch_emotion.storage.places import Place


@dataclass(frozen=True)
class PredictOptions:
    """What to score and how.

    Attributes:
        sources: directories, image files, globs, one manifest, or ``-``; also as URIs.
        out: ``.parquet``, ``.csv`` or a directory, here or on a store; None keeps the rows and gives them back.
        source: how sources are read.
        model: a bundled model's name, a bundle's folder, or a Keras file.
        class_names: the classes of a bare Keras file.
        trust_pickle: load a pickled model, which can run any code.
        runtime: what runs the network.
        precision: ``mixed`` computes in float16, under TensorFlow.
        threads: how many cores to use; as many as the process may where None.
        full_decode: decode every pixel of JPEGs that are much larger than the model's input.
        limits: what is refused.
        min_confidence: below it the emotion is ``uncertain``.
        batch_size: images shown to the network at a time.
        shard_size: images committed at a time.
        overwrite: replace an output, or the parts of an unfinished run, that were made from something else.
        max_failures: more failures than this end in exit code 3; None allows any number.
        faces: find the faces in each image and score each one; None scores every image whole.
        annotate: write copies of the first images with their faces marked.
        task: score only this part of the plan; None scores all of it.
        engine: who scores the shards.
        output: how the output is made: anew or as an update, and when to give up.
        report: what is told of the run, and what is held against it.
    """

    sources: tuple[str, ...]
    out: Place | None = None
    source: SourceOptions = field(default_factory=SourceOptions)
    model: str | Path = DEFAULT_MODEL
    class_names: tuple[str, ...] | None = None
    trust_pickle: bool = False
    runtime: RuntimeName = "auto"
    precision: Precision = "float32"
    threads: int | None = None
    full_decode: bool = False
    limits: Limits = field(default_factory=Limits)
    min_confidence: float = 0.0
    batch_size: int = 256
    shard_size: int = 4096
    overwrite: bool = False
    max_failures: int | None = None
    faces: FaceOptions | None = None
    annotate: AnnotateOptions | None = None
    task: Task | None = None
    engine: EngineOptions = field(default_factory=EngineOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
    report: ReportingOptions = field(default_factory=ReportingOptions)


def check_options(options: PredictOptions) -> None:
    """Refuse options that make no sense, before anything is read.

    Raises:
        UsageError: naming the option.
    """
    update, task = options.output.update, options.task
    if options.out is not None:
        output_kind(options.out)
        check_parent(options.out)
    elif options.output != OutputOptions() or options.report != ReportingOptions(
        arguments=options.report.arguments, run_id=options.report.run_id
    ):
        raise UsageError("options about the output and how the run went need --out")
    if isinstance(options.source.root, Path) and not options.source.root.is_dir():
        raise UsageError(f"--root: there is no folder {options.source.root}")
    for name, value in (
        ("min-confidence", options.min_confidence),
        ("max-prune", update.max_prune if update else 0),
    ):
        if not 0 <= value <= 1:
            raise UsageError(f"--{name} must be between 0 and 1, not {value:g}")
    for name, number, least in (
        ("batch-size", options.batch_size, 1),
        ("shard-size", options.shard_size, 1),
        ("threads", options.threads, 1),
        ("max-pixels", options.limits.max_pixels, 1),
        ("max-bytes", options.limits.max_bytes, 1),
        ("max-failures", options.max_failures, 0),
        ("wait", options.output.wait_s, 0),
    ):
        if number is not None and number < least:
            raise UsageError(f"--{name} must be at least {least}, not {number}")
    if task is not None:
        if not 0 <= task.index < task.count:
            raise UsageError(f"--task-index must be from 0 to {task.count - 1}, one less than --task-count")
        if update is not None:
            raise UsageError("--task-count splits a run that makes a result anew; it does not go with --update")
    options.engine.check(options.threads, options.out is not None)
    _check_faces(options.faces)
    if options.annotate is not None:
        if options.faces is None:
            raise UsageError("--annotate marks the faces that --faces finds; give that too")
        options.annotate.check()
    options.report.check()


def _check_faces(faces: FaceOptions | None) -> None:
    if faces is None:
        return
    for name, value in (("min-face-size", faces.min_size), ("max-faces", faces.max_faces)):
        if value is not None and value < 1:
            raise UsageError(f"--{name} must be at least 1, not {value}")
    if faces.margin is not None and not -0.4 <= faces.margin <= 2:
        raise UsageError(f"--face-margin must be between -0.4 and 2, not {faces.margin:g}")
    if faces.min_score is not None and faces.min_score < 0:
        raise UsageError(f"--min-face-score must be at least 0, not {faces.min_score:g}")
    if faces.detector_model is not None or faces.detector == "yunet":
        open_detector(faces)
