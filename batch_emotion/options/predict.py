"""Every option of ``predict``, declared once: flag, type, default, range, help, and what of a result it changes.

To add one: declare a field here, and use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import group, option, optional_group
from batch_emotion.options.images import AnnotateOptions, FaceOptions, Limits, SourceOptions
from batch_emotion.options.models import (
    CLASS_PRIOR_HELP,
    CLASSES_HELP,
    MODEL_HELP,
    ONLY_HELP,
    PICKLE_HELP,
    RUNTIME_HELP,
    NetworkOptions,
    Precision,
    RuntimeName,
)
from batch_emotion.options.runs import Caller, EngineOptions, MonitoringOptions, Task, UpdateOptions
from batch_emotion.options.tables import ColumnOptions, CsvOptions

if TYPE_CHECKING:
    from batch_emotion.storage.places import Place


OUT_HELP = "Where to write: .parquet, .csv, .tsv, or a directory (no extension), here or on s3:// or gs://."


@dataclass(frozen=True)
class PredictOptions(Checked):
    """What to score and how; ``batch-emotion predict --help`` says the same of each option.

    Attributes:
        sources: directories, image files, globs, one manifest, or ``-``; also as URIs.
        source: how sources are read.
        limits: what is refused.
        full_decode: decode every pixel of JPEGs that are much larger than the model's input.
        model: a bundled model's name, a bundle's folder, or the file of a network.
        class_names: the classes of a network's file that does not name them.
        trust_pickle: load a pickled model, which can run any code.
        network: what a network's file does not say of itself.
        only: the classes to choose among; all of the model's where None.
        class_prior: the mix of classes that the probabilities hold for: ``training``, ``uniform``, ``auto`` (estimated
            from the images of this run), or shares such as ``angry=0.1,happy=0.9``.
        min_confidence: below it the emotion is ``uncertain``.
        faces: find the faces in each image and score each one; None scores every image whole.
        annotate: write copies of the first images with their faces marked.
        out: ``.parquet``, ``.csv``, ``.tsv`` or a directory, here or on a store; None keeps the rows and gives them
            back.
        csv: how ``.csv`` and ``.tsv`` are written.
        columns: columns that are added to each row.
        report: write a page about the result here too.
        overwrite: replace an output, or the parts of an unfinished run, that were made from something else.
        update: bring a result up to date; None makes it anew.
        wait: seconds to wait for another run on the same output.
        time_limit: stop at the end of a shard after so many seconds; None never does.
        shard_size: images committed at a time.
        task: score only this part of the plan; None scores all of it.
        engine: what scores the shards.
        runtime: what runs the network.
        precision: ``mixed`` computes in float16, under TensorFlow; ``int8`` in integers, under ONNX Runtime.
        threads: how many cores to use; as many as the process may where None.
        batch_size: images in a batch.
        monitoring: what is recorded of the run, and what its result is held against.
        caller: who began the run.

    Example::

        PredictOptions("photos", "faces.parquet", faces=FaceOptions(min_size=30))
    """

    sources: tuple[str, ...] = option(
        help="Directories, image files, archives, tables of images, globs, one CSV, TSV or Parquet manifest, or - for "
        "a list on standard input; also as URIs such as s3://bucket/folder.",
        metavar="SOURCE...",
        argument=True,
        written="words",
        heading="Input",
    )
    out: Place | None = option(
        None, f"{OUT_HELP} Up to 50 images are answered on the terminal without it.", written="place", heading="Output"
    )
    report: Path | None = option(None, "Write a page about the result here too: .html; see report.", needs="out")
    csv: CsvOptions = group(CsvOptions)
    columns: ColumnOptions = group(ColumnOptions)
    overwrite: bool = option(False, "Replace an output or unfinished run made from something else.", needs="out")
    source: SourceOptions = group(SourceOptions, "Input")
    limits: Limits = group(Limits)
    full_decode: bool = option(False, "Decode every pixel of JPEGs far larger than the model's input.", effect="scores")
    model: str | Path = option(DEFAULT_MODEL, MODEL_HELP, written="text", heading="Model")
    class_names: tuple[str, ...] | None = option(None, CLASSES_HELP, flag="classes", written="names")
    trust_pickle: bool = option(False, PICKLE_HELP)
    network: NetworkOptions = group(NetworkOptions)
    only: tuple[str, ...] | None = option(None, ONLY_HELP, written="names", effect="scores")
    class_prior: str = option("training", CLASS_PRIOR_HELP, written="shares", metavar="MIX", effect="labels")
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
        "mixed: compute in float16 where it does little harm, for TensorFlow on a GPU; int8: with the model's int8 "
        "network where it has one, for ONNX Runtime on a CPU.",
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
