from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

import batch_emotion.results.csv_rows as csv_rows
import batch_emotion.results.reader as reader
from batch_emotion.errors import SourceError, UsageError
from batch_emotion.labels.reading import LabelReader
from batch_emotion.labels.results import find_labels
from batch_emotion.options.report import ReportOptions
from batch_emotion.reporting.comparison import labelled_sentences
from batch_emotion.reporting.document import report_document
from batch_emotion.results.reader import open_result
from batch_emotion.visualization.html import percent_range
from tests.support.made_results import CLASSES, random_table, result_table, write
from tests.support.reference import plain_ece


def _document(path: Path, labels: str | None = None, group_by: str | None = None, other: Path | None = None):
    result = open_result(path)
    options = ReportOptions(path, path.parent / "r.html", labels=labels, root=path.parent)
    found = find_labels(result, options, LabelReader(result.class_names))
    return report_document(result, found, group_by, open_result(other) if other else None)


@pytest.fixture
def table() -> pa.Table:
    return random_table(500)


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "parts"])
def test_the_numbers_are_those_of_the_rows(
    name: str, table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_BATCH", 64)
    monkeypatch.setattr(csv_rows, "_CSV_BLOCK", 4096)
    document, samples = _document(write(table, tmp_path / name))
    rows = [row for row in table.to_pylist() if row["status"] == "ok"]
    counts = [document[key] for key in ("rows", "images", "scored", "failures")]
    assert counts == [500, 500, len(rows), 500 - len(rows)]
    assert document["statuses"] == {"ok": len(rows), "missing": 500 - len(rows)}
    assert document["mean_confidence"] == pytest.approx(np.mean([row["confidence"] for row in rows]), abs=1e-5)
    labels = [CLASSES.index(Path(row["path"]).parent.name) for row in rows]
    predicted = [CLASSES.index(row["emotion"]) for row in rows]
    for at, name in enumerate(CLASSES):
        confidences = [row["confidence"] for row in rows if row["emotion"] == name]
        of_class = document["classes"][name]
        assert of_class["rows"] == len(confidences)
        assert of_class["histogram"] == np.histogram(confidences, document["histogram_edges"])[0].tolist()
        assert [sample.confidence for sample in samples.surest[name]] == pytest.approx(
            sorted(confidences, reverse=True)[:12], abs=1e-5
        )
        assert [sample.confidence for sample in samples.least_sure[name]] == pytest.approx(
            sorted(confidences)[:12], abs=1e-5
        )
        assert document["labels"]["per_class"][name]["support"] == labels.count(at)
    scores = document["labels"]
    assert scores["origin"] == "the folders in the paths"
    assert scores["confusion_matrix"] == confusion_matrix(labels, predicted).tolist()
    assert scores["accuracy"] == pytest.approx(accuracy_score(labels, predicted), abs=1e-6)
    assert scores["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"), abs=1e-5)
    correct = [row["emotion"] == Path(row["path"]).parent.name for row in rows]
    ece = plain_ece([row["confidence"] for row in rows], correct)
    filled = [each for each in scores["reliability"] if each["images"]]
    gaps = [each["images"] * abs(each["confidence"] - each["accuracy"]) for each in filled]
    assert scores["ece"] == pytest.approx(ece, abs=1e-5)
    assert sum(gaps) / len(rows) == pytest.approx(ece, abs=1e-5)
    wrong = sorted((row["confidence"] for row, right in zip(rows, correct, strict=True) if not right), reverse=True)
    assert [sample.confidence for sample in samples.mistakes] == pytest.approx(wrong[:24], abs=1e-5)
    assert [sample.path for sample in samples.failures["missing"]] == [
        row["path"] for row in table.to_pylist() if row["status"] != "ok"
    ][:10]
    assert samples.failures["missing"][0].error == "it is missing"
    for sample in samples.random:
        assert sample.path == table["path"][sample.row].as_py()


def test_the_cut_into_batches_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    confident = np.tile([[1.0, 0, 0], [0, 1, 0]], (150, 1))
    path = write(result_table([f"{at}.jpg" for at in range(300)], confident), tmp_path / "r.parquet", row_group=300)
    whole, chosen = _document(path)
    monkeypatch.setattr(reader, "_BATCH", 17)
    cut, again = _document(path)
    assert {**whole, "made": ""} == {**cut, "made": ""}
    assert chosen == again
    assert [sample.row for sample in again.surest["angry"]] == list(range(0, 24, 2))


def test_a_result_may_be_empty_or_hold_failures_only(tmp_path: Path) -> None:
    for name in ("r.parquet", "r.csv"):
        document, samples = _document(write(random_table(0), tmp_path / name))
        assert document["rows"] == document["scored"] == 0
        assert document["mean_confidence"] is document["labels"] is None
        assert samples.random == []
    document, samples = _document(
        write(result_table(["a", "b"], np.zeros((2, 3)), ["corrupt", "empty"]), tmp_path / "f.parquet")
    )
    assert document["failures"] == 2
    assert set(samples.failures) == {"corrupt", "empty"}


def test_uncertain_rows_count_for_their_highest_probability(tmp_path: Path) -> None:
    table = result_table(["a", "b"], [[0.4, 0.35, 0.25], [0.1, 0.8, 0.1]])
    emotions = pa.array(["uncertain", "happy"])
    table = table.set_column(table.column_names.index("emotion"), "emotion", emotions)
    document, _ = _document(write(table, tmp_path / "r.parquet"))
    assert document["uncertain"] == 1
    assert [each["rows"] for each in document["classes"].values()] == [1, 1, 0]


def test_several_faces_of_one_image_count_as_one_image(tmp_path: Path) -> None:
    table = result_table(["a", "a", "b"], np.eye(3), ["ok", "ok", "no_face"])
    for name, values in (("face_index", [0, 1, None]), ("box_x", [1, 20, None]), ("box_y", [2, 2, None])):
        table = table.append_column(name, pa.array(values, pa.int32()))
    for name in ("box_w", "box_h"):
        table = table.append_column(name, pa.array([8, 8, None], pa.int32()))
    document, samples = _document(write(table, tmp_path / "r.parquet", row_group=2))
    assert (document["rows"], document["images"], document["scored"], document["failures"]) == (3, 2, 2, 0)
    assert document["result"]["with_faces"]
    assert {sample.box for sample in samples.random} == {(1, 2, 8, 8), (20, 2, 8, 8)}
    assert samples.failures == {}


def test_labels_come_from_where_they_are_said_to(tmp_path: Path) -> None:
    probabilities = [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.3, 0.3, 0.4]]
    paths = ["happy/a.jpg", "happy/b.jpg", "odd\\Sad\\c.jpg", "sub/../d.jpg"]
    column = {"label": pa.array(["Angry ", "", None, "bored"])}
    path = write(result_table(paths, probabilities, columns=column), tmp_path / "r.parquet")
    labels = _document(path)[0]["labels"]
    assert labels["origin"] == "the result's column label"
    assert (labels["rows"], labels["accuracy"], labels["unlabelled"]) == (1, 1.0, 2)
    assert labels["other_labels"] == {"bored": 1}
    by_folder = _document(path, "folders")[0]["labels"]
    assert (by_folder["rows"], by_folder["accuracy"]) == (3, pytest.approx(2 / 3, abs=1e-6))
    (tmp_path / "sub").mkdir()
    manifest = tmp_path / "sub" / "labels.csv"
    manifest.write_text("path,label\n../d.jpg,SAD\nhappy/a.jpg,happy\n")
    by_manifest = _document(path, str(manifest))[0]["labels"]
    assert by_manifest["confusion_matrix"] == [[0, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert _document(path, "none")[0]["labels"] is None
    manifest.write_text("path,label\nelsewhere.jpg,sad\n")
    with pytest.raises(UsageError, match="none of the paths"):
        _document(path, str(manifest))
    with pytest.raises(UsageError, match=r"no \.csv, \.tsv or \.parquet file labels\.txt"):
        _document(path, "labels.txt")


def test_only_scored_rows_with_a_label_of_a_class_are_compared_with_it(tmp_path: Path) -> None:
    labels = ["angry", "bored", None, "bored", None, "sad"]
    statuses = ["ok", "ok", "ok", "corrupt", "corrupt", "corrupt"]
    column = {"label": pa.array(labels)}
    table = result_table([f"{at}.jpg" for at in range(6)], np.eye(3)[[1, 1, 1, 0, 0, 0]], statuses, column)
    document, samples = _document(write(table, tmp_path / "r.parquet"))
    scores = document["labels"]
    assert scores is not None
    assert (scores["rows"], scores["unlabelled"], scores["other_labels"]) == (1, 1, {"bored": 1})
    assert [sample.label for sample in samples.mistakes] == ["angry"]


def test_a_row_without_probabilities_is_not_scored_whatever_its_status(tmp_path: Path) -> None:
    table = result_table(["a", "b", "c"], np.eye(3))
    for name, values in (("p_happy", [0, None, 0]), ("p_sad", [0, 0, float("nan")])):
        column = pa.array(values, pa.float32())
        table = table.set_column(table.column_names.index(name), name, column)
    document, samples = _document(write(table, tmp_path / "r.parquet"))
    assert (document["rows"], document["scored"]) == (3, 1)
    assert [sample.path for sample in samples.random] == ["a"]


def test_folders_count_by_themselves_only_where_most_are_named_like_classes(tmp_path: Path) -> None:
    paths = [f"{'happy' if at < 4 else 'holiday'}/{at}.jpg" for at in range(10)]
    path = write(result_table(paths, np.eye(3)[np.arange(10) % 3]), tmp_path / "r.parquet")
    assert _document(path)[0]["labels"] is None
    assert _document(path, "folders")[0]["labels"]["rows"] == 4
    nowhere = write(result_table(["a.jpg"], np.eye(3)[:1]), tmp_path / "n.parquet")
    with pytest.raises(UsageError, match="no path of"):
        _document(nowhere, "folders")


def test_groups_are_the_values_of_a_column(tmp_path: Path) -> None:
    cameras = [None if at % 10 == 0 else "yard" if at % 3 else "door" for at in range(300)]
    table = random_table(300, columns={"camera": pa.array(cameras)})
    document = _document(write(table, tmp_path / "r.parquet"), group_by="camera")[0]["groups"]
    assert document["period"] is None
    assert [each["value"] for each in document["groups"]] == ["yard", "door", None]
    for each in document["groups"]:
        chosen = table.filter(
            pc.is_null(table["camera"]) if each["value"] is None else pc.equal(table["camera"], each["value"])
        )
        assert each["rows"] == len(chosen)
        assert each["scored"] == sum(each["predicted"].values()) == len(chosen) - chosen["emotion"].null_count
        assert each["predicted"]["sad"] == chosen["emotion"].to_pylist().count("sad")


@pytest.mark.parametrize(
    ("days", "period", "first"),
    [(30, "day", "2026-01-01"), (200, "week", "2025-12-29"), (900, "month", "2026-01"), (4000, "year", "2026")],
)
@pytest.mark.parametrize("kind", ["text", "time"])
def test_dates_become_a_time_line(days: int, period: str, first: str, kind: str, tmp_path: Path) -> None:
    dates = np.datetime64("2026-01-01T09:30", "s") + (np.arange(1000) * days // 1000).astype("timedelta64[D]")
    column = pa.array(np.datetime_as_string(dates)) if kind == "text" else pa.array(dates)
    table = random_table(1000, columns={"taken": column})
    document = _document(write(table, tmp_path / "r.parquet"), group_by="taken")[0]["groups"]
    assert document["period"] == period
    assert document["groups"][0]["value"] == first
    assert sum(each["rows"] for each in document["groups"]) == 1000
    assert len(document["groups"]) <= 60
    assert [each["value"] for each in document["groups"]] == sorted(each["value"] for each in document["groups"])


def test_columns_that_cannot_be_grouped_by_are_refused(tmp_path: Path) -> None:
    columns = {"id": pa.array([str(at) for at in range(10_100)]), "list": pa.array([[1]] * 10_100)}
    path = write(random_table(10_100, columns=columns), tmp_path / "r.parquet")
    with pytest.raises(UsageError, match="different values"):
        _document(path, group_by="id")
    with pytest.raises(UsageError, match="holds list"):
        _document(path, group_by="list")
    with pytest.raises(UsageError, match="no column 'typo'"):
        open_result(path).check_column("typo")


def test_two_results_are_compared_image_by_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BATCH", 50)
    table, later = random_table(400), random_table(400, seed=1)
    order = np.random.default_rng(2).permutation(400)[:390]
    here = write(table, tmp_path / "a.parquet")
    there = write(later.take(pa.array(order)), tmp_path / "b.parquet")
    document, samples = _document(here, other=there)
    compared = document["comparison"]
    assert (compared["rows"], compared["only_here"], compared["only_there"]) == (390, 10, 0)
    mine, theirs = table.to_pylist(), later.to_pylist()
    both = [(mine[at], theirs[at]) for at in sorted(order) if mine[at]["status"] == "ok"]
    differing = [(a, b) for a, b in both if a["emotion"] != b["emotion"]]
    assert (compared["scored_in_both"], compared["changed"]) == (len(both), len(differing))
    assert (
        compared["matrix"]
        == confusion_matrix([b["emotion"] for _, b in both], [a["emotion"] for a, _ in both], labels=CLASSES).tolist()
    )
    label = [Path(a["path"]).parent.name for a, _ in differing]
    now_right = sum(a["emotion"] == name for (a, _), name in zip(differing, label, strict=True))
    now_wrong = sum(b["emotion"] == name for (_, b), name in zip(differing, label, strict=True))
    right = [Path(a["path"]).parent.name == a["emotion"] for a, _ in both]
    was_right = [Path(b["path"]).parent.name == b["emotion"] for _, b in both]
    labelled = compared["labelled"]
    low, high = labelled.pop("interval")
    assert low < labelled["difference"] < high
    assert labelled == {
        "rows": len(both),
        "accuracy": round(np.mean(right), 6),
        "other_accuracy": round(np.mean(was_right), 6),
        "difference": round(np.mean(right) - np.mean(was_right), 6),
        "now_right": now_right,
        "now_wrong": now_wrong,
        "outside": {},
    }
    surest = sorted((min(a["confidence"], b["confidence"]) for a, b in differing), reverse=True)[:24]
    assert [sample.score for sample in samples.changed] == pytest.approx(surest, abs=1e-6)
    for sample in samples.changed:
        assert (sample.predicted, sample.other) == (mine[sample.row]["emotion"], theirs[sample.row]["emotion"])
        assert sample.other_confidence == pytest.approx(theirs[sample.row]["confidence"], abs=1e-6)
    strangers = write(result_table(["x"], np.eye(3)[:1]), tmp_path / "c.parquet")
    with pytest.raises(UsageError, match="none of the paths"):
        _document(here, other=strangers)


def test_results_with_other_classes_can_be_compared(tmp_path: Path) -> None:
    here = write(result_table(["a", "b", "c"], np.eye(3), ["ok", "ok", "corrupt"]), tmp_path / "a.parquet")
    other = result_table(["c", "b", "a"], np.eye(3)[[0, 1, 2]], class_names=("happy", "calm", "angry"))
    document, samples = _document(here, other=write(other, tmp_path / "b.parquet"))
    compared = document["comparison"]
    assert [(sample.path, sample.predicted, sample.other) for sample in samples.changed] == [("b", "happy", "calm")]
    assert compared["other_classes"] == ["happy", "calm", "angry"]
    assert compared["matrix"] == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert (compared["agreement"], compared["changed"], compared["scored_only_there"]) == (0.5, 1, 1)


def test_a_path_that_is_there_twice_is_not_missed_in_a_comparison(tmp_path: Path) -> None:
    twice = open_result(write(result_table(["a.jpg", "b.jpg", "a.jpg"], np.eye(3)), tmp_path / "r.parquet"))
    compared = report_document(twice, None, None, twice)[0]["comparison"]
    assert compared is not None
    assert (compared["rows"], compared["only_here"], compared["only_there"]) == (3, 0, 0)


def test_only_labels_that_both_models_have_decide_between_them(tmp_path: Path) -> None:
    paths = ["happy/1", "happy/2", "sad/1", "sad/2", "calm/1", "proud/1", "proud/2", "odd/1"]
    guesses = {
        "here": (("happy", "sad", "calm"), [0, 0, 1, 0, 2, 0, 1, 2]),
        "there": (("sad", "happy", "proud"), [1, 0, 0, 0, 1, 2, 2, 2]),
    }
    here, there = (
        write(result_table(paths, np.eye(3)[found], class_names=names), tmp_path / f"{name}.parquet")
        for name, (names, found) in guesses.items()
    )
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\n" + "".join(f"{path},{path.partition('/')[0]}\n" for path in paths))
    labelled = _document(here, labels=str(labels), other=there)[0]["comparison"]["labelled"]
    assert (labelled["rows"], labelled["now_right"], labelled["now_wrong"]) == (4, 1, 1)
    assert (labelled["accuracy"], labelled["other_accuracy"], labelled["difference"]) == (0.75, 0.75, 0)
    assert labelled["outside"] == {"calm": 1, "proud": 2}
    assert labelled_sentences(labelled, "images") == [
        "Of 4 images whose label both models have as a class, 75.0 % are right here and 75.0 % there: a difference of "
        f"+0.0 points (95 % interval {percent_range(labelled['interval'])}).",
        "1 are right here that were wrong there, and 1 are wrong here that were right there.",
        "3 images do not count, as only one of the two models has the class of their label: calm (1), proud (2).",
    ]


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\na,b\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    for name in ("m.csv", "broken.parquet", "folder", "gone.parquet", "notes.txt"):
        with pytest.raises(SourceError):
            open_result(tmp_path / name)
    table = random_table(10)
    damaged = write(table, tmp_path / "r.csv")
    damaged.write_text(damaged.read_text().replace(str(table["height"][0].as_py()), "tall"))
    with pytest.raises(SourceError, match="cannot be read"):
        _document(damaged)
