"""Every option of ``predict``, declared once: flag, type, default, range, help, and what of a result it changes.

To add one: declare a field here, and use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.options.declared import group, option, optional_group

if TYPE_CHECKING:
    from batch_emotion.storage.places import Place

RuntimeName = Literal["auto", "onnx", "tensorflow"]
Precision = Literal["float32", "mixed"]
EngineName = Literal["local", "ray"]
LogFormat = Literal["text", "json"]

MODEL_HELP = "A bundled model's name, a bundle's folder, or a .keras or .h5 file (with --classes)."
CLASSES_HELP = "The classes of a .keras or .h5 file, in the order of its outputs, separated by commas."
PICKLE_HELP = "Load a pickled model, which can run any code."
RUNTIME_HELP = "What runs the network; auto: ONNX Runtime on a CPU, TensorFlow on a GPU."
OUT_HELP = "Where to write: .parquet, .csv, or a directory (no extension), here or on s3:// or gs://."


@dataclass(frozen=True)
class SourceOptions:
    """How sources are read.

    Attributes:
        path_column: the manifest's column of paths.
        root: the folder, here or on a store, that relative paths of a manifest or a list start from; the manifest's
            own folder, or the working directory, where None.
        null: names on standard input end in NUL, not in a newline.
        stdin: where ``-`` is read from; the process's standard input where None.
    """

    path_column: str = option("path", "The manifest's column of paths.", needs="manifest")
    root: Place | None = option(
        None,
        "Where relative paths of a manifest or list start; default: the manifest's folder.",
        written="place",
        needs=("manifest", "list"),
    )
    null: bool = option(False, "Names on standard input end in NUL, as from find -print0.", needs="list")
    stdin: BinaryIO | None = None


@dataclass(frozen=True)
class Limits:
    """What is refused before it is decoded.

    Attributes:
        max_pixels: the largest width times height, as the file's header gives it.
        max_bytes: the largest file.
    """

    max_pixels: int = option(100_000_000, "Refuse larger images before decoding them.", at_least=1, effect="scores")
    max_bytes: int = option(256 * 2**20, "Refuse larger files.", at_least=1, effect="scores")


@dataclass(frozen=True)
class FaceOptions:
    """That faces are to be found in each image, and which.

    Attributes:
        detector_model: a YuNet model, an ONNX file; OpenCV's Haar cascade where None.
        min_size: the width of the smallest face, in pixels of the upright original.
        max_faces: of an image with more, the largest are taken.
        margin: by how much a box is widened on each side, as a part of its longer side; may be negative. What the
            detector's boxes need to be like the training faces where None.
    """

    detector_model: Path | None = option(
        None, "Find faces with this YuNet model (.onnx); default: OpenCV's Haar cascade."
    )
    min_size: int = option(
        48,
        "The smallest face, in pixels of the image; larger is faster.",
        flag="min-face-size",
        at_least=1,
        effect="scores",
    )
    max_faces: int = option(100, "Take at most this many faces of an image, the largest.", at_least=1, effect="scores")
    margin: float | None = option(
        None,
        "Widen boxes on each side by this part of their side; default: as the training faces are cropped.",
        flag="face-margin",
        at_least=-0.4,
        at_most=2,
        effect="scores",
    )


@dataclass(frozen=True)
class AnnotateOptions:
    """Copies of images with their faces marked.

    Attributes:
        folder: made anew, or replaced where it holds nothing but earlier copies.
        limit: the largest number of copies.
    """

    folder: Path = option(
        help="Write copies with faces, labels and confidence drawn into this folder.", flag="annotate", needs="faces"
    )
    limit: int = option(100, "Maximum number of copies.", flag="annotate-limit", at_least=1, needs="annotate")


@dataclass(frozen=True)
class UpdateOptions:
    """How an existing result is brought up to date.

    Attributes:
        prune: drop the rows of images that vanished; else they are kept, last.
        max_prune: the largest part of the images that may be dropped.
        retry_failures: score again what could not be scored.
        checksum: tell by its content, not by size and time, whether a file was changed.
    """

    prune: bool = option(False, "Drop images that vanished; else their rows are kept, last.")
    max_prune: float = option(
        0.2, "Refuse to drop more than this part of the images.", at_least=0, at_most=1, needs="prune"
    )
    retry_failures: bool = option(False, "Score images that failed again.")
    checksum: bool = option(False, "Tell by content, not by size and time, what changed.")


@dataclass(frozen=True)
class Task:
    """One of ``count`` runs that share a plan without talking to each other; ``index`` counts from 0."""

    index: int = option(
        help="Score this part of the plan, from 0, into an --out of its own; see merge.",
        flag="task-index",
        at_least=0,
        effect="cut",
        needs="task-count",
    )
    count: int = option(
        help="How many parts the plan is split into.", flag="task-count", at_least=1, effect="cut", needs="task-index"
    )


@dataclass(frozen=True)
class EngineOptions:
    """What scores the shards; the rows are the same, and one engine carries on what another began.

    Attributes:
        name: ``local`` is this process, ``ray`` is the workers of Ray Data.
        num_workers: as many as there are cores for where None.
        cpus_per_worker: cores of each, to decode and to run the network on.
        gpus_per_worker: GPUs of each; may be a part of one.
        ray_address: of a cluster; where None ``RAY_ADDRESS`` says, else Ray is started on this machine for the run.
    """

    name: EngineName = option("local", "What scores the shards; ray: workers of Ray Data.", flag="engine")
    num_workers: int | None = option(
        None, "Ray workers; default: as many as there are cores for.", at_least=1, needs="ray"
    )
    cpus_per_worker: int = option(1, "Cores of each worker.", at_least=1, needs="ray")
    gpus_per_worker: float = option(0.0, "GPUs of each worker, or a part of one.", at_least=0, needs="ray")
    ray_address: str | None = option(
        None, "A Ray cluster; default: RAY_ADDRESS, else Ray is started here for the run.", needs="ray"
    )


@dataclass(frozen=True)
class MonitoringOptions:
    """What is recorded of a run, and what its result is held against.

    Attributes:
        job: the name of the job; the output's where None.
        metrics_file: where metrics go for the node exporter; ends in ``.prom``.
        baseline: an earlier result, or its ``run.json``, to measure the drift from.
        max_drift: more drift than this ends in exit code 3.
        max_failures: more failures than this end in exit code 3; None allows any number.
    """

    job: str | None = option(None, "The job's name in metrics and run.json; default: the output's.", needs="out")
    metrics_file: Path | None = option(
        None, "Write metrics for the Prometheus node exporter: a .prom file.", needs="out"
    )
    baseline: Place | None = option(
        None, "An earlier result, or its run.json, to measure drift from.", written="place", needs="out"
    )
    max_drift: float | None = option(
        None, "Exit with 3 if there is more drift than this, from 0 to 1.", at_least=0, needs="baseline"
    )
    max_failures: int | None = option(None, "Exit with 3 if more images than this fail.", at_least=0)


@dataclass(frozen=True)
class Caller:
    """Who began a run, for its record; nothing that is asked for.

    Attributes:
        arguments: the command line, empty for a call from Python.
        run_id: what the log calls this run; a new name where None.
        given: the keys of the options that were asked for; where None, of those that are not at their default.
    """

    arguments: tuple[str, ...] = ()
    run_id: str | None = None
    given: frozenset[str] | None = None


@dataclass(frozen=True)
class PredictOptions:
    """What to score and how; ``batch-emotion predict --help`` says the same of each option.

    Attributes:
        sources: directories, image files, globs, one manifest, or ``-``; also as URIs.
        source: how sources are read.
        limits: what is refused.
        full_decode: decode every pixel of JPEGs that are much larger than the model's input.
        model: a bundled model's name, a bundle's folder, or a Keras file.
        class_names: the classes of a bare Keras file.
        trust_pickle: load a pickled model, which can run any code.
        min_confidence: below it the emotion is ``uncertain``.
        faces: find the faces in each image and score each one; None scores every image whole.
        annotate: write copies of the first images with their faces marked.
        out: ``.parquet``, ``.csv`` or a directory, here or on a store; None keeps the rows and gives them back.
        report: write a page about the result here too.
        overwrite: replace an output, or the parts of an unfinished run, that were made from something else.
        update: bring a result up to date; None makes it anew.
        wait: seconds to wait for another run on the same output.
        time_limit: stop at the end of a shard after so many seconds; None never does.
        shard_size: images committed at a time.
        task: score only this part of the plan; None scores all of it.
        engine: what scores the shards.
        runtime: what runs the network.
        precision: ``mixed`` computes in float16, under TensorFlow.
        threads: how many cores to use; as many as the process may where None.
        batch_size: images in a batch.
        monitoring: what is recorded of the run, and what its result is held against.
        caller: who began the run.

    Example::

        PredictOptions(("photos",), Path("faces.parquet"), faces=FaceOptions(min_size=30))
    """

    sources: tuple[str, ...] = option(
        help="Directories, image files, globs, one CSV or Parquet manifest, or - for a list on standard input; also as "
        "URIs such as s3://bucket/folder.",
        metavar="SOURCE...",
        written="sources",
        heading="Input",
    )
    out: Place | None = option(None, f"{OUT_HELP} Not needed for one image.", written="place", heading="Output")
    report: Path | None = option(None, "Write a page about the result here too: .html; see report.", needs="out")
    overwrite: bool = option(False, "Replace an output or unfinished run made from something else.", needs="out")
    source: SourceOptions = group(SourceOptions, "Input")
    limits: Limits = group(Limits)
    full_decode: bool = option(False, "Decode every pixel of JPEGs far larger than the model's input.", effect="scores")
    model: str | Path = option(DEFAULT_MODEL, MODEL_HELP, written="text", heading="Model")
    class_names: tuple[str, ...] | None = option(None, CLASSES_HELP, flag="classes", written="names")
    trust_pickle: bool = option(False, PICKLE_HELP)
    min_confidence: float = option(
        0.0, "Call the emotion 'uncertain' below this confidence.", at_least=0, at_most=1, effect="labels"
    )
    faces: FaceOptions | None = optional_group(
        FaceOptions, "Faces", "faces", "Images are photos: find the faces, one row for each."
    )
    annotate: AnnotateOptions | None = optional_group(AnnotateOptions)
    update: UpdateOptions | None = optional_group(
        UpdateOptions, "Resume and update", "update", "Keep the rows of unchanged images; score new and changed ones."
    )
    wait: float = option(
        0.0, "Seconds to wait for another run on the same output.", at_least=0, needs="out", heading="Resume and update"
    )
    time_limit: float | None = option(
        None,
        "Stop at a shard's end after this long, such as 2h or 90m; exit code 4.",
        written="duration",
        needs="out",
    )
    shard_size: int = option(4096, "Images committed at a time.", at_least=1, effect="cut")
    task: Task | None = optional_group(Task)
    engine: EngineOptions = group(EngineOptions, "Engine")
    runtime: RuntimeName = option("auto", RUNTIME_HELP, heading="Engine")
    precision: Precision = option(
        "float32",
        "mixed: compute in float16 where it does little harm, for TensorFlow on a GPU.",
        effect="scores",
    )
    threads: int | None = option(
        None, "Cores to use; default: all that this process may use.", at_least=1, needs="local"
    )
    batch_size: int = option(
        256, "Images decoded at a time, and scored at a time by TensorFlow; ONNX Runtime takes eight.", at_least=1
    )
    monitoring: MonitoringOptions = group(MonitoringOptions, "Monitoring")
    caller: Caller = field(default_factory=Caller)


@dataclass(frozen=True)
class MessageOptions:
    """What a process prints and logs; not a matter of the result.

    Attributes:
        dry_run: show what would be done and write nothing.
        log_format: of the lines on stderr and in the log.
        log_file: takes every line too.
        quiet: print nothing unless something is wrong.
    """

    dry_run: bool = option(False, "Show what would be done and write nothing.", heading="Messages")
    log_format: LogFormat = option("text", "Format of the lines on stderr and in the log.")
    log_file: Path | None = option(None, "Keep a log here: up to 10 MiB, and the five before it as .1 to .5.")
    quiet: bool = option(False, "Print nothing unless something is wrong.", short="-q")
