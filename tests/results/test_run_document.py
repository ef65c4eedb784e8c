import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch_emotion import DEFAULT_MODEL, PredictOptions, load_bundle, predict
from batch_emotion.errors import BatchEmotionError, OutputMismatch
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.results.run_document import LastRun, ResultRecord, read_run, run_file, write_run

RESULT = {"tool", "finished", "fingerprint", "sha256", "counts"}
COUNTS = {"images", "statuses", "emotions", "mean_confidence", "class_prior"}
RUN = {
    "run_id",
    "job",
    "started",
    "finished",
    "seconds",
    "exit_code",
    "error",
    "arguments",
    "model",
    "peak_memory_bytes",
    "host",
    "pid",
    "versions",
    "outcome",
    "scored_in_this_run",
    "scoring_seconds",
    "images_per_second",
    "runtime",
    "threads",
    "profile_seconds",
    "update",
    "drift",
}


def test_the_keys_of_run_json_are_pinned(faces: Path, tmp_path: Path) -> None:
    predict(PredictOptions((str(faces / "sad"),), tmp_path / "r.parquet"))
    document = json.loads((tmp_path / "r.parquet.run.json").read_text())
    assert set(document) == {"result", "last_run"}
    assert set(document["result"]) == RESULT == set(ResultRecord.__annotations__)
    assert set(document["result"]["counts"]) == COUNTS
    assert set(document["last_run"]) == RUN | COUNTS
    assert document["last_run"]["model"] == {
        "name": DEFAULT_MODEL,
        "version": document["result"]["fingerprint"]["model_version"],
        "sha256": load_bundle().sha256,
    }
    assert set(LastRun.__annotations__) == RUN | COUNTS | {"faces", "vanished", "workers", "estimated_mix"}


def test_a_run_without_a_result_keeps_the_earlier_one(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.parquet"
    predict(PredictOptions((str(faces / "sad"),), out))
    document = read_run(out)
    failed: LastRun = {**document["last_run"], "outcome": "failed", "exit_code": 1}
    write_run(out, failed)
    assert read_run(out) == {"result": document["result"], "last_run": failed}


def _refusing(method: Callable[..., Any], refused: Path) -> Callable[..., Any]:
    def refusing(file: Path, *arguments: Any, **more: Any) -> Any:
        if file == refused:
            raise PermissionError(errno.EACCES, "Permission denied")
        return method(file, *arguments, **more)

    return refusing


@pytest.mark.parametrize("unreadable", ["r.parquet", "r.parquet.run.json"])
def test_what_cannot_be_read_for_once_is_left_as_it_is(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreadable: str
) -> None:
    out, refused = tmp_path / "r.parquet", tmp_path / unreadable
    options = PredictOptions((str(faces / "sad"),), out, update=UpdateOptions())
    predict(options)
    before, result = refused.read_bytes(), read_run(out)["result"]
    with monkeypatch.context() as patch:
        for name in ("open", "read_text"):
            patch.setattr(Path, name, _refusing(getattr(Path, name), refused))
        with pytest.raises(BatchEmotionError, match=f"{refused} cannot be read: Permission denied; make it readable"):
            predict(options)
    assert refused.read_bytes() == before
    assert read_run(out)["result"] == result
    assert predict(options).outcome == "nothing to do"


def test_what_is_no_run_json_is_none(tmp_path: Path) -> None:
    out = tmp_path / "r.parquet"
    assert read_run(out) == {}
    for text in ("", "[]", "3"):
        run_file(out).write_text(text)
        assert read_run(out) == {}


@pytest.mark.parametrize(
    ("lost", "left"), [("fingerprint", None), ("fingerprint", {}), ("counts", {}), ("sha256", None), ("statuses", 3)]
)
def test_a_run_json_that_says_too_little_is_a_lost_one(faces: Path, tmp_path: Path, lost: str, left: object) -> None:
    out = tmp_path / "r.csv"
    options = PredictOptions((str(faces / "sad"),), out)
    predict(options)
    document = json.loads(run_file(out).read_text())
    result = document["result"]
    (result if lost in result else result["counts"])[lost] = left
    run_file(out).write_text(json.dumps(document))
    with pytest.raises(OutputMismatch, match=r"no r\.csv\.run\.json says that a run made it; give `overwrite`"):
        predict(options)
    with pytest.raises(OutputMismatch, match=r"has lost its r\.csv\.run\.json.*; give `overwrite` to make it anew"):
        predict(replace(options, update=UpdateOptions()))
    assert predict(replace(options, overwrite=True)).outcome == "done"
