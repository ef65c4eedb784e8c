import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from batch_emotion.errors import UsageError
from batch_emotion.results.drift import Mix, drift, read_mix
from tests.support.made_results import result_table, write


def _mix(ok: int, bad: int, confidence: float, **emotions: int) -> Mix:
    return Mix(Counter(ok=ok, corrupt=bad), Counter(emotions), confidence)


def test_drift_is_the_largest_of_three_distances() -> None:
    found = drift(_mix(8, 2, 0.7, happy=6, sad=2), _mix(9, 1, 0.5, happy=4, uncertain=4))
    assert found.class_mix == pytest.approx(0.5)
    assert found.mean_confidence == pytest.approx(0.2)
    assert found.failure_rate == pytest.approx(0.1)
    assert found.largest == found.class_mix
    assert drift(_mix(8, 2, 0.7, happy=8), _mix(80, 20, 0.7, happy=80)).largest == pytest.approx(0)


def test_where_nothing_was_scored_only_failures_are_compared() -> None:
    found = drift(_mix(0, 5, 0.0), _mix(5, 0, 0.9, happy=5))
    assert (found.class_mix, found.mean_confidence, found.failure_rate) == (0, 0, 1)


def test_a_baseline_is_a_result_or_its_run_json(tmp_path: Path) -> None:
    probabilities = np.array([[0.25, 0.25, 0.5], [0, 1, 0], [0, 0, 0]])
    write(result_table(["a", "b", "c"], probabilities, ["ok", "ok", "missing"]), tmp_path / "r.parquet")
    expected = Mix(Counter(ok=2, missing=1), Counter(sad=1, happy=1), 0.75)
    assert read_mix(tmp_path / "r.parquet") == expected
    counts = {"statuses": {"ok": 2, "missing": 1}, "emotions": {"sad": 1, "happy": 1}, "mean_confidence": 0.75}
    (tmp_path / "run.json").write_text(json.dumps({"result": {"counts": counts}}))
    assert read_mix(tmp_path / "run.json") == expected
    (tmp_path / "other.json").write_text("[]")
    for name, words in (
        ("gone.json", "run.json of a finished"),
        ("other.json", "run.json of a finished"),
        ("x.csv", "no such file or directory"),
    ):
        with pytest.raises(UsageError, match=f"`baseline`.*{words}"):
            read_mix(tmp_path / name)
