"""``train``: labelled images to a model bundle."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BatchEmotionError, OutputMismatch, UsageError
from batch_emotion.images.decode import DECODER
from batch_emotion.images.pipeline import stream
from batch_emotion.images.synthetic import golden_pixels
from batch_emotion.labels.reading import left_out_line
from batch_emotion.labels.training import LabelledPlan, labelled_splits, read_labelled, split
from batch_emotion.model.about import About, read_about
from batch_emotion.model.architectures import ARCHITECTURES, start_from
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.model.card import check_class_names
from batch_emotion.options.declared import check_ranges
from batch_emotion.options.images import Limits
from batch_emotion.options.train import SIX_EMOTIONS, Recipe, TrainOptions
from batch_emotion.packages import require_packages
from batch_emotion.records import InputSpec, Status, pixel_digests
from batch_emotion.runs.asked import asked, called_back
from batch_emotion.storage.commits import commit_text
from batch_emotion.storage.locks import output_lock
from batch_emotion.training.assessment import answers, assess, calibrate
from batch_emotion.training.checkpoints import Epoch
from batch_emotion.training.fit import LabelledPixels, fit, predict_proba
from batch_emotion.training.int8 import add_int8
from batch_emotion.training.sampling import class_prior, class_shares, matching_shift, shift_logits
from batch_emotion.training.save import write_bundle
from batch_emotion.training.teaching import check_teachers, teach


@dataclass(frozen=True)
class TrainResult:
    """What came of it: the bundle, its history, and the images that could not be used (path, status)."""

    bundle: Bundle
    history: list[Epoch]
    unusable: list[tuple[str, str]]


def train(
    data: TrainOptions | str | Path,
    log: Callable[[str], None] = lambda line: None,
    *,
    out: str | Path | None = None,
    architecture: str = "seed-cnn",
    class_names: Sequence[str] = SIX_EMOTIONS,
    validation: str | Path | None = None,
    initial: str | None = None,
    epochs: int = 25,
    seed: int = 0,
    overwrite: bool = False,
    **options: Any,
) -> TrainResult:
    """Train a network and write its bundle, whole or not at all.

    Args:
        data: one folder per class, ``train/`` and ``val/`` with those inside, or a manifest with path and label; or
            ``TrainOptions``, which hold all that the keywords can say.
        log: called with each line on how the training goes, such as ``print``.
        out: the bundle's folder to be; needed.
        architecture: ``seed-cnn``, ``pyramid`` or ``wide-pyramid``.
        class_names: which classes, in the order of the network's outputs.
        validation: labelled data to validate on; a part of ``data`` where None.
        initial: a model whose weights to start from, of the same architecture.
        epochs: passes over the training images.
        seed: random seed.
        overwrite: replace an existing bundle.
        options: any other option of ``batch-emotion train --help``, with underscores, such as ``learning_rate=1e-4``.

    Raises:
        UsageError: the options or the data make no sense, or the output is in the way.
        BatchEmotionError: too little could be decoded, or the exported network differs from the trained one.

    Example:
        >>> from batch_emotion import train
        >>> trained = train("faces", out="my-model", epochs=1)
        >>> len(trained.history), trained.bundle.card.name
        (1, 'my-model')
    """
    called_back(log, "log")
    keywords = {
        "out": out,
        "architecture": architecture,
        "class_names": tuple(class_names) if isinstance(class_names, list) else class_names,
        "validation": validation,
        "initial": initial,
        "epochs": epochs,
        "seed": seed,
        "overwrite": overwrite,
    }
    return _checked_and_trained(asked(TrainOptions, "data", data, options | keywords), log)


def _checked_and_trained(options: TrainOptions, log: Callable[[str], None]) -> TrainResult:
    check_ranges(options)
    require_packages("train", "tensorflow", "keras", "tf2onnx", "scipy")
    about = read_about(options.about) if options.about is not None else About()
    if options.architecture not in ARCHITECTURES:
        raise UsageError(f"no architecture {options.architecture!r}; there are: {', '.join(ARCHITECTURES)}")
    check_class_names(options.class_names)
    if options.recipe.balance and options.recipe.class_weights:
        raise UsageError("`balance` and `class_weights` both make up for rare classes; give one of them")
    if not options.out.absolute().parent.is_dir():
        raise UsageError(f"the folder {options.out.absolute().parent} does not exist; make it first")
    with output_lock(options.out.with_name(options.out.name + ".lock")):
        if options.out.exists() and not options.overwrite:
            raise OutputMismatch(f"{options.out} is there already; choose another `out` or give `overwrite`")
        return _train(options, about, log)


def _train(options: TrainOptions, about: About, log: Callable[[str], None]) -> TrainResult:
    spec = ARCHITECTURES[options.architecture].spec
    teachers = [load_bundle(name) for name in options.teachers]
    check_teachers(teachers, options.class_names, spec)
    training, validation = _read_data(options)
    for data, purpose in ((training, "to train on"), (validation, "to validate on")):
        for line in _left_out(data, options, purpose):
            log(line)
    log(f"{len(training)} images to train on, {len(validation)} to validate on")
    work = _open_work(options, training, validation)
    unusable: list[tuple[str, str]] = []
    learn = _decode_all(training, spec, options.limits, work / "train.npy", unusable)
    watch = _decode_all(validation, spec, options.limits, work / "validation.npy", unusable)
    for path, reason in unusable:
        log(f"unusable: {path}: {reason}")
    if not len(learn) or not len(watch):
        raise BatchEmotionError("no image could be decoded on one side, training or validation; look at the data")
    prior = class_prior(learn.targets, float(options.recipe.class_weights))
    taught = learn
    if teachers:
        log(f"asking {', '.join(teacher.card.name for teacher in teachers)} about the training images")
        taught = teach(learn, teachers, options.class_names, options.teacher_weight)

    model, history = fit(
        lambda: _build(options, spec),
        taught,
        watch,
        options.recipe,
        work,
        lambda line: log(_progress(line, options.recipe.epochs)),
    )
    log("calibrating, measuring and exporting")
    if options.recipe.balance:
        shift_logits(model, matching_shift(predict_proba(model, taught.pixels), class_shares(taught.targets)))
    calibration = calibrate(model, watch)
    metrics = assess(model, learn, watch, options.class_names) | {"calibration": calibration}
    write_bundle(
        options.out,
        model=model,
        architecture=options.architecture,
        class_names=options.class_names,
        spec=spec,
        class_prior=dict(zip(options.class_names, prior.round(6).tolist(), strict=True)),
        metrics=metrics,
        training=_recipe(options, about, len(unusable)),
        history=history,
        train_hashes=pixel_digests(learn.pixels),
        held_out=answers(model, watch, options.class_names),
        golden=golden_pixels(spec),
        summary=options.summary,
    )
    if options.int8:
        _add_int8(options.out, learn, watch, log)
    bundle = load_bundle(options.out)
    _clear(work)
    return TrainResult(bundle, history, unusable)


def _add_int8(out: Path, learn: LabelledPixels, watch: LabelledPixels, log: Callable[[str], None]) -> None:
    try:
        add_int8(out, learn, watch, "the validation images")
    except BatchEmotionError as error:
        log(f"no int8 network: {error}")


def _build(options: TrainOptions, spec: InputSpec) -> Any:
    model = ARCHITECTURES[options.architecture].build(spec.shape, len(options.class_names))
    if options.initial is not None:
        bundle = load_bundle(options.initial)
        start_from(model, options.class_names, bundle.keras_model(), bundle.card.class_names)
    return model


def _read_data(options: TrainOptions) -> tuple[LabelledPlan, LabelledPlan]:
    training, validation = labelled_splits(options.data, options.class_names, options.labels)
    if options.validation is not None:
        return training, read_labelled(options.validation, options.class_names, options.labels)
    if validation is not None:
        return training, validation
    return split(training, options.validation_split, options.recipe.seed)


def _left_out(data: LabelledPlan, options: TrainOptions, purpose: str) -> list[str]:
    others = {label: count for label, count in data.ignored.items() if label}
    unit = f"labelled images {purpose}"
    lines = [left_out_line(others, len(data) + sum(others.values()), options.class_names, unit=unit)]
    if data.ignored.get(""):
        lines.append(f"left out: {data.ignored['']} images {purpose} with no label")
    return [line for line in lines if line]


def _open_work(options: TrainOptions, training: LabelledPlan, validation: LabelledPlan) -> Path:
    """The folder of checkpoints; one that was made from something else is refused, one not asked for is emptied."""
    work = options.out.with_name(options.out.name + ".work")
    identity = {
        "architecture": options.architecture,
        "class_names": list(options.class_names),
        "initial": load_bundle(options.initial).sha256 if options.initial else None,
        "label_weight": options.labels.label_weight,
        "recipe": _lasting(options.recipe),
        "teachers": [load_bundle(name).sha256 for name in options.teachers],
        "teacher_weight": options.teacher_weight if options.teachers else None,
        "training": training.plan.digest,
        "validation": validation.plan.digest,
    }
    fingerprint = work / "fingerprint.json"
    if options.resume and fingerprint.is_file():
        before = json.loads(fingerprint.read_text(encoding="utf-8"))
        differing = [key for key in identity if before.get(key) != identity[key]]
        if differing:
            raise OutputMismatch(
                f"the checkpoints in {work} were made with another {', '.join(differing)}; "
                "give the same options again, or leave `resume` out to start over"
            )
    else:
        _clear(work)
        work.mkdir()
        commit_text(fingerprint, json.dumps(identity, indent=2))
    return work


def _lasting(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe a resumed training must share; a constant rate may go on for longer than was first asked."""
    free = {"patience", "mirror"} | (set() if recipe.schedule == "cosine" else {"epochs"})
    return {key: value for key, value in asdict(recipe).items() if key not in free}


def _clear(work: Path) -> None:
    if work.is_dir():
        for file in work.iterdir():
            file.unlink()
        work.rmdir()


def _decode_all(
    data: LabelledPlan, spec: InputSpec, limits: Limits, cache: Path, unusable: list[tuple[str, str]]
) -> LabelledPixels:
    """Decode every image once into a file that is mapped into memory, so that any number of images fits."""
    pixels = np.lib.format.open_memmap(cache, "w+", np.uint8, (len(data), *spec.shape))
    targets: list[NDArray[np.float32]] = []
    paths = data.plan.images["path"]
    count = 0
    for batch in stream(data.plan, spec, limits, batch_size=256):
        statuses = batch.facts["status"].to_pylist()
        for row, status in enumerate(statuses):
            if status != Status.OK:
                unusable.append((paths[int(batch.image_index[row])].as_py(), status))
        good = np.array([status == Status.OK for status in statuses])
        kept = batch.pixels[good]
        pixels[count : count + len(kept)] = kept
        targets.append(data.targets[batch.image_index[good]])
        count += len(kept)
    return LabelledPixels(pixels[:count], np.concatenate(targets))


def _recipe(options: TrainOptions, about: About, unusable: int) -> dict[str, Any]:
    return {
        "command": options.command,
        "about_data": asdict(about.data),
        "licence": about.licence,
        "data": options.data.name,
        "validation": options.validation.name if options.validation else f"split {options.validation_split:g}",
        "initial": load_bundle(options.initial).card.name if options.initial else None,
        "label_weight": options.labels.label_weight,
        "teachers": [load_bundle(name).card.name for name in options.teachers],
        "teacher_weight": options.teacher_weight if options.teachers else None,
        "recipe": asdict(options.recipe),
        "unusable_images": unusable,
        "decoder": DECODER,
    }


def _progress(line: Epoch, epochs: int) -> str:
    return (
        f"epoch {line['epoch']:.0f}/{epochs}  loss {line['loss']:.4f}  accuracy {line['accuracy']:.4f}  "
        f"val_loss {line['val_loss']:.4f}  val_accuracy {line['val_accuracy']:.4f}"
    )
