import numpy as np
import pytest

from batch_emotion.errors import SourceError
from batch_emotion.training.splitting import folds, put_aside

NAMES = ("a", "b")
CLASSES = np.repeat([0, 1], [50, 10])


def test_the_split_is_stratified_and_seeded() -> None:
    aside = put_aside(CLASSES, NAMES, 0.2, seed=1)
    assert np.bincount(CLASSES[aside]).tolist() == [10, 2]
    assert np.array_equal(put_aside(CLASSES, NAMES, 0.2, seed=1), aside)
    assert not np.array_equal(put_aside(CLASSES, NAMES, 0.2, seed=2), aside)


def test_a_class_with_one_image_is_named() -> None:
    with pytest.raises(SourceError, match=r"the class b has 1 image, too few .* `class_names`"):
        put_aside(np.array([0, 0, 0, 1]), NAMES, 0.2, seed=0)


@pytest.mark.parametrize(("fraction", "share"), [(0.2, 0.2), (0.3, 0.3), (0.5, 0.5), (0.01, 0.05), (0.9, 0.9)])
def test_groups_stay_together_and_about_the_fraction_is_put_aside(fraction: float, share: float) -> None:
    groups = np.repeat(np.arange(60), 10)
    classes = groups % 2
    aside = put_aside(classes, NAMES, fraction, 0, groups)
    assert not set(groups[aside]) & set(groups[~aside])
    assert aside.mean() == pytest.approx(share, abs=0.04)
    assert classes[aside].mean() == pytest.approx(0.5, abs=0.2)
    assert np.array_equal(put_aside(classes, NAMES, fraction, 0, groups), aside)


def test_a_class_of_one_group_is_trained_on_and_one_of_two_is_on_both_sides() -> None:
    groups = np.array([*range(20), 20, 20, 20])
    classes = np.array([0] * 20 + [1] * 3)
    assert not put_aside(classes, NAMES, 0.2, 0, groups)[20:].any()
    groups[22] = 21
    assert sorted(put_aside(classes, NAMES, 0.2, 0, groups)[[20, 22]]) == [False, True]


def test_a_class_whose_groups_are_few_is_named() -> None:
    with pytest.raises(SourceError, match="the images of b are of too few groups"):
        put_aside(np.array([0, 0, 1, 1]), NAMES, 0.5, 0, np.array([0, 0, 1, 1]))


def test_one_group_cannot_be_on_both_sides() -> None:
    with pytest.raises(SourceError, match="all images are of one group"):
        put_aside(np.array([0, 1, 0, 1]), NAMES, 0.2, 0, np.zeros(4, np.int64))


def test_folds_share_classes_alike_and_keep_groups_together() -> None:
    found = folds(CLASSES, NAMES, 5, seed=0)
    assert [np.bincount(CLASSES[found == number]).tolist() for number in range(5)] == [[10, 2]] * 5
    groups = np.arange(60) // 2
    grouped = folds(CLASSES, NAMES, 5, 0, groups)
    assert np.array_equal(grouped[::2], grouped[1::2])
    assert set(grouped) == set(range(5))


def test_a_class_with_fewer_images_or_groups_than_folds_is_named() -> None:
    with pytest.raises(SourceError, match="the class b has 10 images, too few for 11 folds"):
        folds(CLASSES, NAMES, 11, 0)
    with pytest.raises(SourceError, match="the class b has images of 1 group, too few for 2 folds"):
        folds(CLASSES, NAMES, 2, 0, np.where(CLASSES == 1, 99, np.arange(60)))
