"""``train --find-batch-size``: the pace of training with batches of different sizes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from batch_emotion.model.architectures import ARCHITECTURES
from batch_emotion.model.bundle import load_bundle
from batch_emotion.options.train import TrainOptions
from batch_emotion.packages import require_packages
from batch_emotion.runs.needs import check_asked
from batch_emotion.training.batch_size import BatchPace, advice, batch_paces
from batch_emotion.training.data import read_training_data
from batch_emotion.training.devices import prepare_devices
from batch_emotion.training.networks import architecture_of, build_network, recipe_name_of
from batch_emotion.training.progress import wrapped
from batch_emotion.training.recipes import named_recipe


def find_batch_size(options: TrainOptions, log: Callable[[str], None] = lambda line: None) -> list[BatchPace]:
    """Time some steps of training with batches of different sizes, without training.

    Args:
        options: as for ``train``.
        log: called with a line for each size, and one that says which to take.
    """
    check_asked(options)
    require_packages("train", "tensorflow", "keras")
    initial = load_bundle(options.initial) if options.initial is not None else None
    name = recipe_name_of(options, initial)
    architecture = architecture_of(options, name, initial)
    data = read_training_data(options)
    recipe = options.recipe
    if name is not None:
        recipe, _ = named_recipe(name, recipe, options.given, data.images_to_train_on)
    prepare_devices()
    paces = []
    build = partial(build_network, architecture, data.class_names, None)
    for each in batch_paces(build, ARCHITECTURES[architecture].spec.shape, recipe):
        paces.append(each)
        pace = each.images_per_second
        log(f"batches of {each.batch_size:>4}: {'too large' if pace is None else f'{pace:,.0f} images/s'}")
    log(wrapped(advice(paces, recipe.batch_size)))
    return paces
