from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import batch_emotion.results.reader as reader
from batch_emotion.errors import UsageError
from batch_emotion.labels.reading import LabelReader
from batch_emotion.labels.results import find_labels
from batch_emotion.metrics.groups import GroupedScores
from batch_emotion.options.report import ReportOptions
from batch_emotion.reporting.document import report_document
from batch_emotion.results.reader import open_result
from tests.support.made_results import CLASSES, result_table, write
from tests.support.reference import plain_ece

ROWS = 900


def _table() -> pa.Table:
    rng = np.random.default_rng(4)
    camera = [("north", "south", None)[at] for at in rng.choice(3, ROWS, p=(0.5, 0.3, 0.2))]
    days = [str(date(2026, 1, 1) + timedelta(days=at // 10)) for at in range(ROWS)]
    statuses = rng.choice(["ok", "missing", "no_face"], ROWS, p=(0.8, 0.12, 0.08)).tolist()
    labels = [("Anger", "happy", "sadness", "contempt", None)[at] for at in rng.choice(5, ROWS)]
    own = {"camera": pa.array(camera), "day": pa.array(days), "label": pa.array(labels)}
    paths = [f"{at}.jpg" for at in range(ROWS)]
    return result_table(paths, rng.dirichlet(np.full(3, 0.5), ROWS), statuses, own)


def _scores(path: Path, group_by: str, labels: str | None = None) -> GroupedScores:
    result = open_result(path)
    asked = ReportOptions(path, path.with_name("r.html"), labels=labels, root=path.parent)
    found = find_labels(result, asked, LabelReader(CLASSES))
    scores = report_document(result, found, group_by, None)[0]["group_scores"]
    assert scores is not None
    return scores


def _by_hand(table: pa.Table) -> pd.DataFrame:
    frame = table.to_pandas()
    frame["class"] = frame.label.map({"Anger": "angry", "happy": "happy", "sadness": "sad"})
    frame["judged"] = (frame.status == "ok") & frame["class"].notna()
    frame["right"] = frame["class"] == frame.emotion
    return frame


def _check(each: dict, mine: pd.DataFrame) -> None:
    judged = mine[mine.judged]
    assert each["images"] == len(mine)
    assert each["judged"] == len(judged)
    assert each["failures"] == pytest.approx((mine.status == "missing").mean(), abs=1e-6)
    assert each["no_face"] == pytest.approx((mine.status == "no_face").mean(), abs=1e-6)
    assert each["accuracy"] == pytest.approx(judged.right.mean(), abs=1e-6)
    assert each["balanced_accuracy"] == pytest.approx(judged.groupby("class").right.mean().mean(), abs=1e-6)
    assert each["ece"] == pytest.approx(plain_ece(judged.confidence.to_numpy(), judged.right.to_numpy()), abs=1e-5)
    low, high = each["intervals"]["accuracy"]
    deviation = np.sqrt(each["accuracy"] * (1 - each["accuracy"]) / len(judged))
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.2)


@pytest.mark.parametrize("batch", [131_072, 97])
def test_scores_of_groups_are_those_of_pandas_whatever_the_batches(
    tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_BATCH", batch)
    table = _table()
    scores = _scores(write(table, tmp_path / "r.parquet"), "camera")
    frame = _by_hand(table)
    assert [each["value"] for each in scores["groups"]] == ["north", "south", None]
    for each in scores["groups"]:
        _check(each, frame[frame.camera.isna() if each["value"] is None else frame.camera == each["value"]])
    assert scores["gaps"]["accuracy"]["gap"] >= 0


def test_periods_are_groups_in_their_order(tmp_path: Path) -> None:
    table = _table()
    scores = _scores(write(table, tmp_path / "r.parquet"), "day")
    frame = _by_hand(table)
    days = pd.to_datetime(frame.day)
    weeks = (days - pd.to_timedelta(days.dt.day_of_week, "D")).dt.date.astype(str)
    assert [each["value"] for each in scores["groups"]] == sorted(set(weeks))
    largest = weeks.value_counts().index[0]
    _check(next(each for each in scores["groups"] if each["value"] == largest), frame[weeks == largest])


def test_columns_beside_the_labels_are_groups(tmp_path: Path) -> None:
    table = _table()
    path = write(table.drop_columns(["camera", "day", "label"]), tmp_path / "r.parquet")
    manifest = table.select(["path", "label", "camera"]).to_pandas()
    manifest.to_csv(tmp_path / "labels.csv", index=False)
    scores = _scores(path, "camera", str(tmp_path / "labels.csv"))
    frame = _by_hand(table)
    assert {each["value"] for each in scores["groups"]} == {"north", "south", ""}
    for each in scores["groups"]:
        _check(each, frame[frame.camera.fillna("") == each["value"]])


def test_values_that_are_no_dates_are_not_cut_however_late_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = ["2026-01-01"] * 40 + ["camera-north-1"] * 5 + ["camera-north-2"] * 5
    table = result_table([f"{at}.jpg" for at in range(50)], np.full((50, 3), 1 / 3), columns={"by": pa.array(values)})
    monkeypatch.setattr(reader, "_BATCH", 10)
    document = report_document(open_result(write(table, tmp_path / "r.parquet")), None, "by", None)[0]
    assert document["groups"] is not None
    assert document["groups"]["period"] is None
    assert {each["value"]: each["rows"] for each in document["groups"]["groups"]} == {
        "2026-01-01": 40,
        "camera-north-1": 5,
        "camera-north-2": 5,
    }


def test_without_labels_there_are_shares_of_failures_alone(tmp_path: Path) -> None:
    table = _table().drop_columns(["label"])
    scores = _scores(write(table, tmp_path / "r.parquet"), "camera")
    frame = table.to_pandas()
    assert scores["gaps"] == {}
    for each in scores["groups"]:
        mine = frame[frame.camera.isna() if each["value"] is None else frame.camera == each["value"]]
        assert each["judged"] == 0
        assert each["accuracy"] is None
        assert each["failures"] == pytest.approx((mine.status == "missing").mean(), abs=1e-6)
        assert each["intervals"]["failures"] is not None


@pytest.mark.parametrize(
    ("values", "groups"),
    [(pa.array([1, 1, 60], pa.duration("s")), {"1": 2, "60": 1}), (pa.array([1, 1, 60], pa.time32("s")), 2)],
)
def test_durations_and_times_of_day_are_values_like_others(values: pa.Array, groups: object, tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    write(result_table(["a.jpg", "b.jpg", "c.jpg"], np.full((3, 3), 1 / 3), columns={"held": values}), path)
    found = {each["value"]: each["images"] for each in _scores(path, "held")["groups"]}
    assert (found if isinstance(groups, dict) else len(found)) == groups


def test_a_time_zone_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    when = pa.array([1], pa.timestamp("us", "Nowhere/City"))
    write(result_table(["a.jpg"], np.full((1, 3), 1 / 3), columns={"when": when}), path)
    with pytest.raises(UsageError, match="'when' holds timestamp"):
        _scores(path, "when")


def test_a_result_without_rows_has_no_groups(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    write(result_table([], np.empty((0, 3))), path)
    assert _scores(path, "path")["groups"] == []
