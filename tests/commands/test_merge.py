from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.commands.merge import merge
from batch_emotion.errors import OutputMismatch, SourceError, UsageError
from batch_emotion.options.merge import MergeOptions
from batch_emotion.options.runs import Task
from batch_emotion.plan import task_rows
from batch_emotion.results.reader import read_result


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("parts")
    files = [folder / "0.parquet", folder / "1", folder / "2.parquet"]
    for index, file in enumerate(files):
        predict(PredictOptions((str(faces),), file, shard_size=10, task=Task(index, 3)))
    return files


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_joined_parts_are_what_a_single_run_would_make(
    tmp_path: Path, faces: Path, parts: list[Path], name: str
) -> None:
    out = tmp_path / name
    summary = merge(MergeOptions((parts[2], parts[0], parts[1]), out))
    assert summary.statuses == {"ok": 48}
    whole = predict(PredictOptions((str(faces),), shard_size=10)).table
    assert (
        read_result(out)
        .select(["path", "status", "emotion"])
        .equals(
            whole.select(["path", "status", "emotion"])  # type: ignore[union-attr]
        )
    )
    options = PredictOptions((str(faces),), out, shard_size=10)
    assert predict(options).outcome == "nothing to do"
    with pytest.raises(OutputMismatch, match="`overwrite`"):
        merge(MergeOptions(tuple(parts), out))
    assert merge(MergeOptions(tuple(parts), out, overwrite=True)).rows == 48


def test_every_image_is_in_exactly_one_part() -> None:
    for images in (0, 1, 7, 48):
        rows = [row for index in range(5) for row in task_rows(images, index, 5)]
        assert rows == list(range(images))


def test_gaps_overlaps_other_plans_and_other_files_are_refused(tmp_path: Path, faces: Path, parts: list[Path]) -> None:
    other = tmp_path / "other.parquet"
    predict(PredictOptions((str(faces / "happy"),), other, shard_size=10, task=Task(1, 3)))
    strict = tmp_path / "strict.parquet"
    predict(PredictOptions((str(faces),), strict, shard_size=10, task=Task(1, 3), min_confidence=0.5))
    short = tmp_path / "short.parquet"
    rows = pq.read_table(parts[2])
    pq.write_table(rows.slice(1), short)
    copied = tmp_path / "copied.parquet"
    copied.write_bytes(parts[2].read_bytes())
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(rows.replace_schema_metadata(None), foreign)
    for given, words in (
        ([parts[0], parts[2]], "of 3 tasks these are missing: 1"),
        ([*parts, copied], "both of task 2"),
        ([parts[0], other, parts[2]], r"the images \(48 images then, 8 now\)"),
        ([parts[0], strict, parts[2]], r"min-confidence \(0.0 then, 0.5 now\)"),
        ([parts[0], parts[1], short], "not whole: it holds 15 rows of 16 images"),
        ([*parts, foreign], "not a Parquet result of predict"),
        ([*parts, tmp_path / "gone.parquet"], "no such file or directory"),
    ):
        with pytest.raises(SourceError, match=words):
            merge(MergeOptions(tuple(given), tmp_path / "r.parquet"))
    assert not (tmp_path / "r.parquet").exists()


def test_a_part_of_other_images_is_not_advised_to_be_updated(tmp_path: Path, faces: Path) -> None:
    options = PredictOptions((str(faces),), tmp_path / "t.parquet", task=Task(0, 2))
    predict(options)
    with pytest.raises(OutputMismatch, match=r"differs in the images .*; give `overwrite` to replace it"):
        predict(replace(options, sources=(str(next(faces.iterdir())),)))


@pytest.mark.parametrize(
    ("task", "flag"), [(Task(3, 3), "`task.index`"), (Task(-1, 3), "`task.index`"), (Task(0, 0), "`task.count`")]
)
def test_tasks_that_do_not_exist_are_usage_errors(tmp_path: Path, faces: Path, task: Task, flag: str) -> None:
    options = PredictOptions((str(faces),), tmp_path / "r.parquet")
    with pytest.raises(UsageError, match=flag):
        predict(replace(options, task=task))
