from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion.errors import SourceError, UsageError
from batch_emotion.labels.reading import LabelReader
from batch_emotion.labels.results import FOLDERS, Labels, find_labels
from batch_emotion.options.report import ReportOptions
from batch_emotion.results.reader import StoredResult, open_result
from tests.support.made_results import CLASSES, result_table, write


def _found(result: StoredResult, root: Path, mapped: dict[str | int, str] | None = None, **options: str) -> Labels:
    asked = ReportOptions(result.path, root / "r.html", root=root, **options)  # type: ignore[arg-type]
    labels = find_labels(result, asked, LabelReader(CLASSES, mapped))
    assert labels is not None
    return labels


def _labels(result: StoredResult, found: Labels) -> list[str | None]:
    return [label for batch in result.batches(result.schema.names) for label in found.of(batch).to_pylist()]


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["d/Happy/1.jpg", "d/neutral/2.jpg", "d/sad/3.jpg"], ["happy", "neutral", "sad"]),
        (["d/SAD/1.jpg", "d/Happy /2.jpg", "d/ANGRY/3.jpg"], ["sad", "happy", "angry"]),
        (["sad/happy/x/1.jpg", "sad/sad/y/2.jpg", "sad/neutral/x/3.jpg"], ["sad"] * 3),
        (["a/happy/x/1.jpg", "a/sad/y/2.jpg", "happy.jpg"], ["happy", "sad", None]),
        (["d/Happiness/1.jpg", "d/Anger/2.jpg", "d/contempt/3.jpg"], ["happy", "angry", "contempt"]),
        (["d\\happy\\1.jpg", "d\\sad\\2.jpg", "d\\angry\\3.jpg"], ["happy", "sad", "angry"]),
        (["d/happy/1.jpg", "d/angry/sad\\xe9.jpg", "d/sad/3.jpg"], ["happy", "angry", "sad"]),
    ],
)
def test_folders_are_read_at_the_level_that_names_most_classes(
    paths: list[str], labels: list[str | None], tmp_path: Path
) -> None:
    result = open_result(write(result_table(paths, np.eye(3)), tmp_path / "r.parquet"))
    assert _labels(result, _found(result, tmp_path, labels=FOLDERS)) == labels


def test_a_manifest_of_labels_may_be_of_any_encoding_and_separator(tmp_path: Path) -> None:
    result = open_result(write(result_table(["ä.jpg", "b.jpg"], np.eye(3)[:2]), tmp_path / "r.parquet"))
    (tmp_path / "labels.csv").write_bytes("path|label\nä.jpg|Happy\nb.jpg|\n".encode("cp1252"))
    manifest = str(tmp_path / "labels.csv")
    found = _found(result, tmp_path, labels=manifest, encoding="cp1252", delimiter="|")
    assert _labels(result, found) == ["happy", None]
    with pytest.raises(SourceError, match="`encoding` cp1252"):
        _found(result, tmp_path, labels=manifest)


def test_columns_of_labels_and_paths_may_have_any_name_and_an_error_names_them(tmp_path: Path) -> None:
    own = {"rater": pa.array(["x", "y"]), "mood": pa.array(["joy", "Anger"])}
    result = open_result(write(result_table(["a.jpg", "b.jpg"], np.eye(3)[:2], columns=own), tmp_path / "r.parquet"))
    assert _labels(result, _found(result, tmp_path, label_column="mood")) == ["happy", "angry"]
    with pytest.raises(UsageError, match=r"`label_column`: .* no column 'moot'; those of its manifest: rater, mood"):
        _found(result, tmp_path, label_column="moot")
    (tmp_path / "l.csv").write_text("image,by,emotion\na.jpg,me,Sadness\nb.jpg,you,0\n")
    manifest = str(tmp_path / "l.csv")
    found = _found(result, tmp_path, {0: "happy"}, labels=manifest, label_column="emotion", path_column="image")
    assert _labels(result, found) == ["sad", "happy"]
    with pytest.raises(SourceError, match="did you mean `path_column` image"):
        _found(result, tmp_path, labels=manifest)
    with pytest.raises(SourceError, match=r"no column 'label'.*did you mean `label_column` emotion"):
        _found(result, tmp_path, labels=manifest, path_column="image")


def test_labels_that_are_none_are_refused(tmp_path: Path) -> None:
    result = open_result(write(result_table(["a.jpg"], np.eye(3)[:1]), tmp_path / "r.parquet"))
    pq.write_table(pa.table({"path": ["a.jpg"], "label": [["happy"]]}), tmp_path / "labels.parquet")
    with pytest.raises(SourceError, match="column 'label' holds list<"):
        _found(result, tmp_path, labels=str(tmp_path / "labels.parquet"))


def test_what_the_model_predicted_is_never_taken_as_a_label(tmp_path: Path) -> None:
    own = {"label": pa.array(["sad", "sad"]), "day": pa.array(["1", "2"])}
    paths, rows = ["d/sad/a.jpg", "d/sad/b.jpg"], np.eye(3)[:2]
    carrying = open_result(write(result_table(paths, rows, columns=own), tmp_path / "r.parquet"))
    with pytest.raises(UsageError, match=r"`label_column`: emotion is what the model predicted; .* carried as label"):
        _found(carrying, tmp_path, label_column="emotion")
    with pytest.raises(UsageError, match="emotion is what the model predicted; your labels are carried as label"):
        _found(carrying, tmp_path, labels=str(carrying.path), label_column="emotion")
    assert _labels(carrying, _found(carrying, tmp_path, labels=str(carrying.path))) == ["sad", "sad"]
    plain = open_result(write(result_table(paths, rows), tmp_path / "p.csv"))
    with pytest.raises(UsageError, match="emotion is what the model predicted; `labels` takes a manifest"):
        _found(plain, tmp_path, label_column="emotion")
    with pytest.raises(SourceError, match="no column 'label'") as refused:
        _found(plain, tmp_path, labels=str(plain.path))
    assert "did you mean" not in str(refused.value)


def test_a_column_of_labels_may_have_been_added_to_a_result_at_its_end(tmp_path: Path) -> None:
    table = result_table(["a.jpg"], np.eye(3)[:1]).append_column("checked", pa.array(["sad"]))
    result = open_result(write(table, tmp_path / "r.parquet"))
    assert _labels(result, _found(result, tmp_path, label_column="checked")) == ["sad"]


def test_an_image_with_different_labels_has_none_and_equal_ones_are_one(tmp_path: Path) -> None:
    result = open_result(write(result_table(["a.jpg", "b.jpg", "c.jpg"], np.eye(3)), tmp_path / "r.parquet"))
    manifest = tmp_path / "l.csv"
    manifest.write_text("path,label\na.jpg,sad\nb.jpg,Anger\na.jpg,Sadness\nb.jpg,\nb.jpg,angry\n")
    assert _labels(result, _found(result, tmp_path, labels=str(manifest))) == ["sad", "angry", None]
    manifest.write_text("path,label\na.jpg,\nb.jpg,\nb.jpg,angry\na.jpg,sad\n")  # the rounds of two labellers
    assert _labels(result, _found(result, tmp_path, labels=str(manifest))) == ["sad", "angry", None]
    manifest.write_text(f"path,label\na.jpg,sad\nb.jpg,happy\nc.jpg,sad\nb.jpg,sad\n{tmp_path}/c.jpg,angry\n")
    found = _found(result, tmp_path, labels=str(manifest))
    assert _labels(result, found) == ["sad", None, None]
    assert found.summary.endswith("; left out: 2 images with different labels, such as happy and sad for b.jpg")


def test_labels_of_bare_file_names_are_found_wherever_the_images_lie(tmp_path: Path) -> None:
    paths = ["crops/a.jpg", "crops/b.jpg", "crops/c.jpg"]
    result = open_result(write(result_table(paths, np.eye(3)), tmp_path / "r.parquet"))
    (tmp_path / "l.csv").write_text("file,label,by\nA.jpg,sad,me\ncrops/b.jpg,happy,you\n")
    found = _found(result, tmp_path, labels=str(tmp_path / "l.csv"), path_column="file")
    assert _labels(result, found) == ["sad", "happy", None]
    rows = pa.Table.from_batches(result.batches(result.schema.names)).combine_chunks().to_batches()[0]
    assert found.values(rows, "by").to_pylist() == ["me", "you", None]
    assert found.summary == "l.csv, 2 of 3 rows matched: 1 by path, 1 by file name alone"


def test_labels_of_other_images_are_refused_with_a_path_of_each_side(tmp_path: Path) -> None:
    result = open_result(write(result_table(["x/a.jpg", "y/a.jpg"], np.eye(3)[:2]), tmp_path / "r.parquet"))
    manifest = tmp_path / "l.csv"
    for paths, why in (("z/b.jpg,sad", "they must be the same"), ("a.jpg,sad", "several have the same file name")):
        manifest.write_text(f"path,label\n{paths}\n")
        like = f"a label for none of .*: its paths are like {paths[:-4]}, those of the result like x/a.jpg: {why}"
        with pytest.raises(UsageError, match=like):
            _found(result, tmp_path, labels=str(manifest))
    manifest.write_text("path,label\nx/a.jpg,\n")
    with pytest.raises(UsageError, match="no label beside any of the paths"):
        _found(result, tmp_path, labels=str(manifest))
