import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batch_emotion.errors import BundleError
from batch_emotion.model.bundle import bundled_models, load_bundle, models_folder
from batch_emotion.model.held_out import FEWEST, FILE, HeldOut, held_out_moments
from batch_emotion.storage.commits import file_sha256

NAMES = ("angry", "happy", "sad")


def _held_out(images: int = FEWEST) -> HeldOut:
    labels = np.repeat(np.arange(3), images)
    return HeldOut(NAMES, labels, np.random.default_rng(0).dirichlet(np.ones(3), len(labels)).astype(np.float32))


def test_moments_are_of_the_kept_classes() -> None:
    held_out = _held_out()
    moments = held_out.moments(NAMES)
    assert moments is not None
    assert moments[1].mean == pytest.approx(held_out.probabilities[held_out.labels == 1].mean(axis=0))
    pair = held_out.moments(("angry", "sad"))
    assert pair is not None
    rows = held_out.probabilities[held_out.labels == 2][:, [0, 2]]
    assert pair[1].mean == pytest.approx((rows / rows.sum(axis=1, keepdims=True)).mean(axis=0))
    assert _held_out(FEWEST - 1).moments(NAMES) is None


@pytest.mark.parametrize("name", bundled_models())
def test_bundled_models_know_their_answers(name: str) -> None:
    bundle = load_bundle(name)
    moments = held_out_moments(bundle, bundle.card.class_names)
    assert moments is not None
    assert all(each.mean.argmax() == at or each.count < 50 for at, each in enumerate(moments))


def test_a_bundle_without_the_file_knows_nothing_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "seed-cnn"
    shutil.copytree(models_folder() / "seed-cnn", folder)
    (folder / FILE).write_text("label,p_angry\nangry,0.5\n")
    names = load_bundle(folder).card.class_names
    with pytest.raises(BundleError, match="not the file that card"):
        held_out_moments(load_bundle(folder), names)
    bundle = load_bundle(folder)
    described = replace(bundle.card, files=bundle.card.files | {FILE: file_sha256(folder / FILE)})
    with pytest.raises(BundleError, match="not what a model answered"):
        held_out_moments(replace(bundle, card=described), names)
    (folder / FILE).unlink()
    assert held_out_moments(load_bundle(folder), names) is None
