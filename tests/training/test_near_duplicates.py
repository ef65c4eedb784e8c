import numpy as np
import pytest

from batch_emotion.training import near_duplicates as module
from batch_emotion.training.near_duplicates import groups_of, near_duplicates
from tests.support.frames import frames


def test_frames_of_one_person_are_found_and_people_are_told_apart() -> None:
    pixels, people = frames(people=12, each=5)
    pairs = near_duplicates(pixels)
    assert (people[pairs[:, 0]] == people[pairs[:, 1]]).all()
    assert set(pairs.ravel()) == set(range(60))
    assert len(set(groups_of(pairs, 60))) == 12


def test_colour_is_looked_at_as_grey() -> None:
    pixels, _ = frames(people=3, each=2)
    assert len(near_duplicates(np.repeat(pixels, 3, axis=3))) == 3


def test_constant_images_are_alike_whatever_their_light() -> None:
    pixels = np.stack([np.full((48, 48, 1), value, np.uint8) for value in (0, 7, 255)])
    assert near_duplicates(pixels).tolist() == [[0, 1], [0, 2], [1, 2]]


def test_of_many_images_the_closest_are_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, _ = frames(people=20, each=3)
    every = {tuple(pair) for pair in near_duplicates(pixels).tolist()}
    monkeypatch.setattr(module, "_FEW", 10)
    some = near_duplicates(pixels)
    assert 0 < len(some) <= len(every)
    assert {tuple(pair) for pair in some.tolist()} <= every
    hashes = module._hashes(pixels)
    for distance in (0, 2, 4, 8):
        assert sorted(module._banded_pairs(hashes, distance).tolist()) == sorted(
            module._all_pairs(hashes, distance).tolist()
        )


def test_no_image_and_one_image_have_no_duplicates() -> None:
    for count in (0, 1):
        assert near_duplicates(np.zeros((count, 8, 8, 1), np.uint8)).shape == (0, 2)


def test_groups_grow_together_by_what_they_share() -> None:
    pairs = np.array([[0, 1], [3, 4]])
    assert len(set(groups_of(pairs, 5).tolist())) == 3
    joined = groups_of(pairs, 5, np.array([7, 8, 8, 9, 10]))
    assert joined.tolist() == [0, 0, 0, 1, 1]
