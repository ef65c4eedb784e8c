"""``train``: labelled images to a model bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.errors import BatchEmotionError, OutputMismatch, UsageError, spelled
from batch_emotion.frames import Frame
from batch_emotion.images.synthetic import golden_pixels
from batch_emotion.labels.class_names import COMMON_EMOTIONS, matched_names
from batch_emotion.model.about import About, read_about
from batch_emotion.model.ancestry import inherited_digests
from batch_emotion.model.architectures import ARCHITECTURES
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.model.bundle_files import bundle_names
from batch_emotion.model.card import check_class_names
from batch_emotion.model.card_metrics import CardMetrics
from batch_emotion.options.recipe import Recipe
from batch_emotion.options.train import RecipeName, TrainOptions
from batch_emotion.packages import require_packages
from batch_emotion.records import pixel_digests
from batch_emotion.runs.asked import asked, called_back
from batch_emotion.runs.needs import check_asked
from batch_emotion.storage.targets import (
    check_apart,
    check_makeable,
    check_named,
    check_replaceable,
    check_spared,
    replacing_folder,
)
from batch_emotion.training.assessment import (
    answers,
    assess,
    calibrate,
    held_out,
    in_training,
    inherited_warning,
    single_class_warning,
)
from batch_emotion.training.checkpoints import Epoch
from batch_emotion.training.course import Course
from batch_emotion.training.data import TrainingData, read_training_data
from batch_emotion.training.devices import prepare_devices
from batch_emotion.training.int8 import add_int8
from batch_emotion.training.networks import architecture_of, build_network, recipe_name_of
from batch_emotion.training.pixels import LabelledPixels
from batch_emotion.training.progress import wrapped
from batch_emotion.training.provenance import identity, provenance
from batch_emotion.training.recipes import named_recipe
from batch_emotion.training.sampling import assumed_mix
from batch_emotion.training.save import write_bundle
from batch_emotion.training.teaching import check_teachers, teach
from batch_emotion.training.work_folder import check_work, clear, open_work
from batch_emotion.visualization.curves import training_curves

Log = Callable[[str], None]

_FEW_IMAGES = 5_000
"""So many images or more can make a network from nothing."""


@dataclass(frozen=True)
class TrainResult:
    """What came of it: the bundle, its history, and the images that could not be used (path, status)."""

    bundle: Bundle
    history: list[Epoch]
    unusable: list[tuple[str, str]]


def train(
    data: TrainOptions | Frame | str | Path,
    log: Log = lambda line: None,
    *,
    out: str | Path | None = None,
    recipe: RecipeName | Recipe | None = None,
    architecture: str | None = None,
    class_names: Sequence[str] | None = None,
    validation: str | Path | Frame | None = None,
    initial: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    **options: Any,
) -> TrainResult:
    """Train a network and write its bundle, whole or not at all.

    Args:
        data: one folder per class, ``train/`` and ``val/`` with those inside, or a manifest or DataFrame with path and
            label; or ``TrainOptions``, which hold all that the keywords can say.
        log: called with each line on how the training goes, such as ``print``.
        out: the bundle's folder to be; needed.
        recipe: ``seed``, ``fine-tune`` or ``strong``, whose values stand where no other is given; or a ``Recipe``.
        architecture: ``seed-cnn``, ``pyramid`` or ``wide-pyramid``; that of ``initial`` or of the recipe where None.
        class_names: which classes, in the order of the network's outputs; those of the folders or labels where None.
        validation: labelled data to validate on; a part of ``data`` where None.
        initial: a model whose weights to start from, of the same architecture.
        epochs: passes over the training images.
        seed: random seed.
        overwrite: replace an existing bundle, and start over where a training was stopped.
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
        "recipe": recipe,
        "architecture": architecture,
        "class_names": tuple(class_names) if isinstance(class_names, list) else class_names,
        "validation": validation,
        "initial": initial,
        "epochs": epochs,
        "seed": seed,
        "overwrite": overwrite,
    }
    stated = {name: value for name, value in keywords.items() if value is not None} | options
    made = asked(TrainOptions, "data", data, stated)
    return _checked_and_trained(replace(made, given=made.given.union(stated)), log)


def _checked_and_trained(options: TrainOptions, log: Log) -> TrainResult:
    check_asked(options)
    require_packages("train", "tensorflow", "keras", "tf2onnx", "scipy", "sklearn")
    about = read_about(options.about) if options.about is not None else About()
    _check_together(options)
    check_named(options.out, "folder, such as my-model")
    check_apart({"out": options.out, "tensorboard": options.tensorboard}, kept=("tensorboard",))
    if options.tensorboard is not None:
        check_makeable(options.tensorboard, "tensorboard")
    models = [load_bundle(each).place for each in (options.initial, *options.teachers) if each is not None]
    check_spared(options.out, (options.data, options.validation, options.about, *models), inside=True)
    with replacing_folder(options.out, lambda: _check_target(options)):
        return _train(options, about, lambda line: log(spelled(line)))


def _check_target(options: TrainOptions) -> None:
    out = options.out
    if out.exists() and not options.overwrite:
        raise OutputMismatch(f"{out} is there already; choose another `out` or give `overwrite`")
    check_replaceable(out, bundle_names(out).__contains__)
    check_work(out, options.resume, options.overwrite)


def _check_together(options: TrainOptions) -> None:
    if 0 < options.recipe.degradation.gamma < 1:
        raise UsageError(f"`gamma` must be at least 1, or 0 for none, not {options.recipe.degradation.gamma:g}")
    if options.class_names is not None:
        check_class_names(options.class_names)
    if options.recipe.balance and options.recipe.class_weights:
        raise UsageError("`balance` and `class_weights` both make up for rare classes; give one of them")
    if options.recipe.even_mix and options.recipe.class_weights:
        raise UsageError("with `class_weights` the mix is even already; leave `even_mix` out")
    if options.recipe_name == "fine-tune" and options.initial is None:
        raise UsageError("`recipe_name` fine-tune starts from a model; name it with `initial`")
    if options.recipe.initial_weight and options.initial is None:
        raise UsageError("`initial_weight` mixes in the model of `initial`; name it")
    if options.recipe.initial_weight and options.split.folds is not None:
        raise UsageError("`folds` judges networks as they were trained; leave `initial_weight` out")
    if options.split.folds is not None and options.validation is not None:
        raise UsageError("`folds` validates on parts of the data; give it or `validation`")
    if options.split.folds is not None and options.int8:
        raise UsageError(
            "`int8` is checked on validation images, and with `folds` the network has seen all; "
            "make one with `batch-emotion export --format int8` and other images"
        )


def _train(options: TrainOptions, about: About, log: Log) -> TrainResult:
    initial = load_bundle(options.initial) if options.initial is not None else None
    name = recipe_name_of(options, initial)
    architecture = architecture_of(options, name, initial)
    spec = ARCHITECTURES[architecture].spec
    data = read_training_data(options)
    check_class_names(data.class_names)
    teachers = [load_bundle(each) for each in options.teachers]
    check_teachers(teachers, data.class_names, spec)
    data.tell(log)
    if hint := _hint(options, data):
        log(wrapped(hint))
    recipe = options.recipe
    if name is not None:
        recipe, chosen = named_recipe(name, recipe, options.given, data.images_to_train_on)
        log(wrapped(f"recipe {name}: {', '.join([f'`architecture` {architecture}', *chosen])}"))
    if options.recipe.warm_up != Recipe().warm_up and recipe.schedule != "cosine":
        raise UsageError("`warm_up` goes with `schedule` cosine; give that too")
    if recipe.frozen >= recipe.epochs:
        raise UsageError("`frozen` must be less than `epochs`, or nothing but the last layer is ever trained")
    work = open_work(options.out, identity(options, recipe, architecture, data, initial, teachers), options.resume)
    sides = data.prepare(spec, options.limits, work, log)
    inherited = in_training(sides.images.take(sides.judged), inherited_digests(initial))
    if initial is not None and (warning := inherited_warning(inherited, initial.full_name)):
        log(wrapped(warning))
    prepare_devices()

    learn = sides.images.take(sides.learned)
    taught = learn
    if teachers:
        log(f"asking {', '.join(teacher.card.name for teacher in teachers)} about the training images")
        taught = teach(learn, teachers, data.class_names, options.teacher_weight)
    build = partial(build_network, architecture, data.class_names, initial)
    course = Course(build, data.class_names, recipe, work, options.tensorboard, log)
    outcome = course.run(sides, taught)
    log("calibrating, measuring and exporting")
    model = outcome.trained.model
    assumed, shift = assumed_mix(learn.targets, recipe.even_mix, recipe.class_weights)
    calibration = calibrate(model, outcome.found, shift)
    judged = sides.images.take(sides.judged)
    found = outcome.found.scaled(calibration["temperature"], shift) if outcome.crossed else answers(model, judged)
    known = sides.repeated | inherited
    metrics: CardMetrics = {
        **assess(answers(model, learn), found, data.class_names, known, sides.groups),
        "near_duplicates": sides.near_duplicates,
        "calibration": calibration,
    }
    if outcome.crossed is not None:
        metrics["cross_validation"] = outcome.crossed.on_card()
    facts = {
        "recipe_name": name,
        "recipe": asdict(recipe),
        "kept": course.kept_in_words(outcome.trained),
        "unusable_images": len(sides.unusable),
    }
    write_bundle(
        options.out,
        model=model,
        architecture=architecture,
        class_names=data.class_names,
        spec=spec,
        class_prior=dict(zip(data.class_names, assumed.round(6).tolist(), strict=True)),
        metrics=metrics,
        training=provenance(options, about, data, initial, teachers) | facts,
        history=outcome.trained.history,
        curves=training_curves(outcome.trained.history, outcome.trained.kept),
        train_hashes={*pixel_digests(learn.pixels), *inherited_digests(initial)},
        held_out=held_out(found, data.class_names),
        golden=golden_pixels(spec),
        summary=options.summary,
    )
    if warning := single_class_warning(metrics["validation"], options.initial is None):
        log(wrapped(warning))
    if options.int8:
        _add_int8(options.out, learn, judged, log)
    bundle = load_bundle(options.out)
    clear(work)
    return TrainResult(bundle, outcome.trained.history, sides.unusable)


def _hint(options: TrainOptions, data: TrainingData) -> str:
    """What to start from where few images of usual emotions are to make a network from nothing; else empty."""
    is_chosen = any((options.initial, options.recipe_name, options.architecture, options.teachers))
    usual = set(data.class_names).intersection(matched_names(COMMON_EMOTIONS, data.class_names))
    if is_chosen or data.images_to_train_on >= _FEW_IMAGES or 2 * len(usual) <= len(data.class_names):
        return ""
    images = data.images_to_train_on
    return (
        f"{images:,} images are few for a network from nothing; `initial` {DEFAULT_MODEL} mostly makes a far better one"
    )


def _add_int8(out: Path, learn: LabelledPixels, judged: LabelledPixels, log: Log) -> None:
    try:
        add_int8(out, learn, judged, "the validation images")
    except BatchEmotionError as error:
        log(f"no int8 network: {error}")
