from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion.errors import SourceError
from batch_emotion.labels.training import labelled_splits, read_labelled
from batch_emotion.options.images import ManifestOptions
from batch_emotion.options.train import LabelOptions


def _images(folder: Path, counts: dict[str, int]) -> Path:
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.jpg").write_bytes(b"x")
    return folder


def test_folders_are_classes_in_any_case_and_others_are_counted(tmp_path: Path) -> None:
    data = read_labelled(_images(tmp_path, {"Happy": 2, "SAD": 3, "neutral": 4}), ("sad", "happy"))
    assert data.targets.sum(axis=0).tolist() == [3, 2]
    assert data.ignored == {"neutral": 4}
    for path, target in zip(data.plan.images["path"].to_pylist(), data.targets, strict=True):
        assert ("SAD" in path) == (target.argmax() == 0)


def test_train_and_validation_folders_are_found(tmp_path: Path) -> None:
    _images(tmp_path / "Train", {"a": 3, "b": 3})
    _images(tmp_path / "test", {"a": 1, "b": 1})
    train, validation = labelled_splits(tmp_path, ("a", "b"))
    assert len(train) == 6
    assert validation is not None
    assert len(validation) == 2


def test_a_link_that_leads_nowhere_is_no_class(tmp_path: Path) -> None:
    _images(tmp_path / "train", {"a": 3, "b": 3})
    for folder in (tmp_path, tmp_path / "train"):
        (folder / "itself").symlink_to("itself")
    train, _ = labelled_splits(tmp_path, ("a", "b"))
    assert train.targets.sum(axis=0).tolist() == [3, 3]


def test_a_manifest_with_labels(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\n1.jpg,A\n2.jpg,b\n3.jpg,c\n")
    data = read_labelled(tmp_path / "m.csv", ("b", "a"))
    assert data.targets.tolist() == [[0, 1], [1, 0]]
    assert data.plan.images["path"].to_pylist() == ["1.jpg", "2.jpg"]


def test_images_listed_again_are_told_and_with_another_label_left_out(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,label\n1.png,a\n2.png,b\n./1.png,A\n1.png,a\n2.png,\n")
    data = read_labelled(manifest, ("a", "b"))
    assert data.counts == {"a": 3, "b": 1}
    assert data.remarks()[-1] == "2 rows list an image again; every row counts"
    manifest.write_text("path,label\n1.png,a\n2.png,b\n./1.png,b\n3.png,a\n3.png,a\n")
    data = read_labelled(manifest, ("a", "b"))
    assert data.plan.images["path"].to_pylist() == ["2.png", "3.png", "3.png"]
    assert data.counts == {"a": 2, "b": 1}
    assert data.remarks() == [
        "left out: 1 image with different labels, such as a and b for 1.png",
        "1 row lists an image again; every row counts",
    ]
    manifest.write_text("path,a,b\n1.png,3,2\n2.png,0,1\n1.png,2,3\n")
    assert read_labelled(manifest, ("a", "b")).repeats.rows == 1  # some people voted here, some there


def test_labels_folders_and_votes_are_read_as_people_write_them(tmp_path: Path) -> None:
    classes = ("sad", "happy")
    data = read_labelled(_images(tmp_path / "d", {"Happiness": 2, "Sadness ": 3, "2": 1}), classes)
    assert data.targets.sum(axis=0).tolist() == [3, 2]
    assert data.ignored == {"2": 1}
    mapped = LabelOptions(map_labels={2: "sad"})
    assert read_labelled(tmp_path / "d", classes, mapped).targets.sum(axis=0).tolist() == [4, 2]
    (tmp_path / "m.csv").write_text("path,label,emotion,Joy,Sorrow\n1.jpg,7,joy,1,3\n2.jpg,8,SAD,0,1\n")
    by_column = LabelOptions(ManifestOptions(label_column="emotion"))
    assert read_labelled(tmp_path / "m.csv", classes, by_column).targets.tolist() == [[0, 1], [1, 0]]
    assert read_labelled(tmp_path / "m.csv", classes).targets.tolist() == [[0.75, 0.25], [1, 0]]


def test_a_column_of_labels_that_is_not_there_is_an_error_that_names_one(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("image,emotion\n1.jpg,joy\n2.jpg,sadness\n")
    with pytest.raises(SourceError, match="no column 'path', only: image, emotion; did you mean `path_column` image"):
        read_labelled(tmp_path / "m.csv", ("sad", "happy"))
    with pytest.raises(SourceError, match=r"neither a column 'label' .*; did you mean `label_column` emotion"):
        read_labelled(tmp_path / "m.csv", ("sad", "happy"), LabelOptions(ManifestOptions("image")))
    with pytest.raises(SourceError, match=r"`label_column`: the manifest .* has no column 'mood'"):
        read_labelled(tmp_path / "m.csv", ("sad", "happy"), LabelOptions(ManifestOptions("image", label_column="mood")))


def test_an_image_without_a_label_is_not_of_a_class_named_none(tmp_path: Path) -> None:
    labels = pa.table({"path": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"], "label": ["a", None, " ", "None"]})
    pq.write_table(labels, tmp_path / "m.parquet")
    data = read_labelled(tmp_path / "m.parquet", ("a", "none"))
    assert data.plan.images["path"].to_pylist() == ["1.jpg", "4.jpg"]
    assert data.ignored == {"": 2}


def test_a_class_without_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no images of: c"):
        read_labelled(_images(tmp_path, {"a": 1, "b": 1}), ("a", "b", "c"))


def test_the_classes_are_those_of_the_folders_in_the_order_of_the_seed(tmp_path: Path) -> None:
    _images(tmp_path, {"Neutral": 1, "happiness": 2, "contempt": 3, "ANGRY": 1})
    (tmp_path / "fear").mkdir()
    (tmp_path / "stray.jpg").write_bytes(b"x")
    (tmp_path / "notes.txt").write_bytes(b"x")
    data = read_labelled(tmp_path, None)
    assert data.counts == {"angry": 1, "happiness": 2, "contempt": 3, "neutral": 1}
    assert list(data.counts) == ["angry", "happiness", "contempt", "neutral"]
    assert data.remarks() == [
        "left out: 1 image with no label",
        "left out: the folder fear, without images",
        "left out: 1 file that is no image",
    ]


def test_folders_of_systems_are_no_classes_at_any_depth(tmp_path: Path) -> None:
    _images(tmp_path, {"a": 2, "b": 1, "@eaDir": 4, "__MACOSX": 1, "Thumbnails": 1, ".ipynb_checkpoints": 1})
    _images(tmp_path / "a", {"@eaDir": 1})
    data = read_labelled(tmp_path, None)
    assert data.counts == {"a": 2, "b": 1}
    assert data.in_system_folders == {"@eaDir": 5, "Thumbnails": 1, "__MACOSX": 1}
    assert "left out: 5 images in @eaDir, a system's folder" in data.remarks()
    assert read_labelled(tmp_path, ("a", "@eadir"), absent_ok=True).counts == {"a": 2, "@eadir": 0}


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    _images(tmp_path, {"@eaDir": 1})
    (tmp_path / "x.jpg").write_bytes(b"x")
    with pytest.raises(SourceError, match="no folder with images"):
        read_labelled(tmp_path, None)


def test_the_classes_of_a_manifest_are_its_labels_or_its_columns_of_votes(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\n1.jpg,neutral\n2.jpg,Sad\n3.jpg,\n4.jpg,7\n")
    assert read_labelled(tmp_path / "m.csv", None).class_names == ("sad", "7", "neutral")
    mapped = LabelOptions(map_labels={7: "fear"})
    assert read_labelled(tmp_path / "m.csv", None, mapped).counts == {"fear": 1, "sad": 1, "neutral": 1}
    (tmp_path / "v.csv").write_text("path,neutral,unknown,happy\n1.jpg,1,0,3\n2.jpg,2,5,0\n")
    votes = read_labelled(tmp_path / "v.csv", None)
    assert votes.class_names == ("happy", "neutral")
    assert votes.targets.tolist() == [[0.75, 0.25], [0, 1]]


def test_a_validation_folder_may_lack_a_class(tmp_path: Path) -> None:
    _images(tmp_path / "train", {"a": 2, "b": 2})
    _images(tmp_path / "val", {"a": 1, "c": 1})
    train, validation = labelled_splits(tmp_path, None)
    assert train.class_names == ("a", "b")
    assert validation is not None
    assert validation.counts == {"a": 1, "b": 0}
    assert validation.ignored == {"c": 1}


VOTES = "file,label,a,b,other\n1.jpg,a,3,1,0\n2.jpg,b,0,0,4\n3.jpg,c,0,2,8\n4.jpg,b,4,0,0\n"


def _votes(tmp_path: Path, label_weight: float = 0.0) -> LabelOptions:
    (tmp_path / "votes.csv").write_text(VOTES)
    return LabelOptions(ManifestOptions(path_column="file"), label_weight)


def test_votes_become_shares_and_images_without_any_are_left_out(tmp_path: Path) -> None:
    data = read_labelled(tmp_path / "votes.csv", ("b", "a"), _votes(tmp_path))
    assert data.plan.images["path"].to_pylist() == ["1.jpg", "3.jpg", "4.jpg"]
    assert data.targets.tolist() == [[0.25, 0.75], [1, 0], [0, 1]]
    assert data.ignored == {"": 1}


def test_a_label_weighs_beside_the_votes_and_counts_alone_where_there_are_none(tmp_path: Path) -> None:
    data = read_labelled(tmp_path / "votes.csv", ("b", "a"), _votes(tmp_path, 0.5))
    assert data.plan.images["path"].to_pylist() == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert data.targets.tolist() == [[0.125, 0.875], [1, 0], [1, 0], [0.5, 0.5]]
    assert data.ignored == {}


@pytest.mark.parametrize("cell", ["-1", "nan", "many", ""])
def test_votes_that_are_no_counts_are_refused(cell: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(f"path,a,b\n1.jpg,{cell},1\n2.jpg,1,0\n")
    with pytest.raises(SourceError, match="votes"):
        read_labelled(tmp_path / "m.csv", ("a", "b"))


def test_a_label_weight_without_votes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\n1.jpg,a\n2.jpg,b\n")
    with pytest.raises(SourceError, match="`label_weight`"):
        read_labelled(tmp_path / "m.csv", ("a", "b"), LabelOptions(label_weight=0.5))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_a_null_label_is_no_label(tmp_path: Path, kind: pa.DataType) -> None:
    labels = pa.array(["a", None, "none", "b", " ", "None"], kind)
    pq.write_table(pa.table({"path": list("123456"), "label": labels}), tmp_path / "m.parquet")
    data = read_labelled(tmp_path / "m.parquet", ("a", "b"))
    assert data.plan.images["path"].to_pylist() == ["1", "4"]
    assert data.ignored == {"": 2, "none": 2}
    with_none = read_labelled(tmp_path / "m.parquet", ("a", "b", "none"))
    assert with_none.plan.images["path"].to_pylist() == ["1", "3", "4", "6"]
