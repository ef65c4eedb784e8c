from dataclasses import replace
from pathlib import Path

import pytest

from batch_emotion.errors import UsageError
from batch_emotion.model.architectures import ARCHITECTURES
from batch_emotion.options.images import Limits
from batch_emotion.options.train import SplitOptions, TrainOptions
from batch_emotion.training.data import Sides, read_training_data
from tests.support.frames import write_frames

PEOPLE = r"(p\d+)_"
SPEC = ARCHITECTURES["pyramid"].spec


def _prepared(folder: Path, split: SplitOptions, said: list[str]) -> Sides:
    data = read_training_data(TrainOptions(folder, folder / "m", split=split))
    data.tell(said.append)
    work = folder.with_name("work")
    work.mkdir(exist_ok=True)
    return data.prepare(SPEC, Limits(), work, said.append)


def test_near_duplicates_on_both_sides_are_told_with_what_to_do(tmp_path: Path) -> None:
    write_frames(tmp_path / "faces", people=16, each=4, classes=("happy", "sad"))
    said: list[str] = []
    loose = _prepared(tmp_path / "faces", SplitOptions(), said)
    assert len(loose.judged) == 12
    assert loose.near_duplicates >= 10
    assert loose.groups is None
    assert said[2] == f"{loose.near_duplicates} of 12 validation images have a near-duplicate in training"
    warning = " ".join(said[3].split())
    assert warning.startswith("warning: ")
    assert warning.endswith(
        "give `group_duplicates` to keep them on one side, or better `group_column` or `group_regex` to keep each "
        "person, video or session together"
    )


@pytest.mark.parametrize("split", [SplitOptions(group_regex=PEOPLE), SplitOptions(group_duplicates=True)])
def test_groups_or_near_duplicates_that_are_kept_together_need_no_warning(split: SplitOptions, tmp_path: Path) -> None:
    write_frames(tmp_path / "faces", people=16, each=4, classes=("happy", "sad"))
    said: list[str] = []
    sides = _prepared(tmp_path / "faces", split, said)
    assert sides.near_duplicates == 0
    assert sides.groups is not None
    people = len(set(sides.groups))
    assert said == [
        "2 classes in 64 images: happy 32, sad 32",
        f"{64 - 4 * people} images to train on, {4 * people} images of {people} groups to validate on",
    ]


def test_groups_so_large_that_too_much_is_put_aside_are_told(tmp_path: Path) -> None:
    write_frames(tmp_path / "faces", people=3, each=5, classes=("happy", "sad"))
    said: list[str] = []
    _prepared(tmp_path / "faces", SplitOptions(group_regex=PEOPLE), said)
    assert said[-1] == "warning: the groups are so large that 33% are put aside, not 20%"


def test_every_image_is_judged_in_folds(tmp_path: Path) -> None:
    write_frames(tmp_path / "faces", people=12, each=2, classes=("happy", "sad"))
    said: list[str] = []
    sides = _prepared(tmp_path / "faces", SplitOptions(folds=3, group_regex=PEOPLE), said)
    assert sides.folds is not None
    assert len(sides.judged) == len(sides.learned) == len(sides.folds) == 24
    assert "24 images of 12 groups in 3 folds" in said


def test_people_on_both_given_sides_and_images_that_stand_on_both_are_told(tmp_path: Path) -> None:
    for name in ("train", "val"):
        write_frames(tmp_path / "faces" / name, people=4, each=2, classes=("happy", "sad"))
    said: list[str] = []
    sides = _prepared(tmp_path / "faces", SplitOptions(group_regex=r"p\d+"), said)
    assert "warning: 4 groups on both sides, such as p000; the figures flatter" in said
    assert sides.repeated.all()
    assert any(" ".join(line.split()).endswith("take them out of one side") for line in said)
    with pytest.raises(UsageError, match="`folds` needs all images in one place"):
        read_training_data(TrainOptions(tmp_path / "faces", tmp_path / "n", split=SplitOptions(folds=2)))


def test_a_class_with_one_image_and_one_without_validation_images_are_named(tmp_path: Path) -> None:
    write_frames(tmp_path / "faces" / "train", people=5, each=1, classes=("happy", "sad", "fear"))
    write_frames(tmp_path / "faces" / "val", people=2, each=1, classes=("happy", "sad"), seed=1)
    said: list[str] = []
    _prepared(tmp_path / "faces", SplitOptions(), said)
    assert "warning: only one image to train on: fear" in said
    assert "warning: no images to validate on: fear" in said


def test_labels_that_are_no_classes_or_maybe_misspelt_are_told_in_lines_of_80_columns(tmp_path: Path) -> None:
    labels = ["happy"] * 20 + ["sad"] * 20 + ["hapy"] * 3
    rows = [f"{at}.png,{label}" for at, label in enumerate(labels)]
    (tmp_path / "m.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    said: list[str] = []
    options = TrainOptions(tmp_path / "m.csv", tmp_path / "m")
    read_training_data(options).tell(said.append)
    assert said[1].startswith("warning: hapy (3, nearest class: happy, 20) is a class of its own; `map_labels`")
    said.clear()
    read_training_data(replace(options, class_names=("happy", "sad"))).tell(said.append)
    assert said[1].startswith("LEFT OUT: 3 of 43 labelled images: their label is none of the classes: hapy (3,\n  ")
    assert max(len(line) for text in said for line in text.splitlines()) <= 80


def test_the_card_says_where_the_validation_images_come_from(tmp_path: Path) -> None:
    for name in ("train", "valid", "other"):
        write_frames(tmp_path / "faces" / name, people=2, each=2, classes=("happy", "sad"))
    for data, validation, words in (
        ("faces", None, "valid"),
        ("faces/train", "other", "other"),
        ("faces/train", None, "split 0.2"),
    ):
        other = None if validation is None else tmp_path / "faces" / validation
        options = TrainOptions(tmp_path / data, tmp_path / "m", validation=other)
        assert read_training_data(options).validation_in_words(tmp_path / data, other) == words


def test_the_same_data_and_split_are_known_again(tmp_path: Path) -> None:
    write_frames(tmp_path / "faces", people=12, each=2, classes=("happy", "sad"))

    def identity(**split: object) -> dict[str, object]:
        options = TrainOptions(tmp_path / "faces", tmp_path / "m", split=SplitOptions(**split))  # type: ignore[arg-type]
        return read_training_data(options).identity()

    assert identity() == identity()
    found = [identity(), identity(fraction=0.3), identity(group_regex=PEOPLE), identity(folds=3)]
    found.append(identity(group_duplicates=True))
    assert len({str(each) for each in found}) == len(found)
    assert set(identity()) == {"labels", "training", "validation"}
