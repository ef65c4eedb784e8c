import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from batch_emotion.runs.prometheus import write_metrics
from tests.support.command_lines import ROOT


def _run(exit_code: int, **changes: object) -> dict[str, object]:
    return {
        "seconds": 12.5,
        "exit_code": exit_code,
        "scored_in_this_run": 3,
        "statuses": {"ok": 4, "corrupt": 1},
        "emotions": {"happy": 3, "sad": 1},
        "mean_confidence": 0.8,
        "drift": {"largest": 0.25},
        "model": {"name": "emotion-7", "version": 3, "sha256": "ab"},
    } | changes


def _samples(file: Path) -> dict[tuple[str, str], float]:
    families = list(text_string_to_metric_families(file.read_text()))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    assert {sample.labels.pop("job") for sample in samples} == {"nightly"}
    return {(each.name.removeprefix("batch_emotion_"), "".join(each.labels.values())): each.value for each in samples}


def test_metrics_tell_of_the_result_and_of_the_run(tmp_path: Path) -> None:
    write_metrics(tmp_path / "x.prom", "nightly", _run(0), has_result=True)
    found = _samples(tmp_path / "x.prom")
    success, ended = found.pop(("last_success_timestamp_seconds", "")), found.pop(("last_run_timestamp_seconds", ""))
    assert success == ended
    assert found == {
        ("last_run_duration_seconds", ""): 12.5,
        ("last_run_exit_code", ""): 0,
        ("last_run_images_scored", ""): 3,
        ("images", "ok"): 4,
        ("images", "corrupt"): 1,
        ("emotion_share", "happy"): 0.75,
        ("emotion_share", "sad"): 0.25,
        ("confidence_mean", ""): 0.8,
        ("model_info", "emotion-7@3"): 1,
        ("drift", ""): 0.25,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["x.prom"]


@pytest.mark.parametrize(("exit_code", "has_result"), [(1, False), (3, True)])
def test_a_run_that_ends_badly_carries_the_last_success_forward(
    tmp_path: Path, exit_code: int, has_result: bool
) -> None:
    file = tmp_path / "x.prom"
    write_metrics(file, "nightly", _run(0), has_result=True)
    before = _samples(file)
    write_metrics(file, "nightly", _run(exit_code, statuses={"ok": 9}, emotions={"sad": 9}), has_result=has_result)
    after = _samples(file)
    assert after["last_success_timestamp_seconds", ""] == before["last_success_timestamp_seconds", ""]
    assert after["last_run_exit_code", ""] == exit_code
    assert after["images", "ok"] == (9 if has_result else 4)


def test_a_model_without_a_version_is_told_by_its_name(tmp_path: Path) -> None:
    for version in ({}, {"version": None}):
        model = {"name": "mine", "sha256": "ab", **version}
        write_metrics(tmp_path / "x.prom", "nightly", _run(0, model=model), has_result=True)
        assert _samples(tmp_path / "x.prom")["model_info", "mine"] == 1


def test_a_first_run_that_fails_tells_of_no_result(tmp_path: Path) -> None:
    (tmp_path / "x.prom").write_text("this is { no metrics file")
    write_metrics(tmp_path / "x.prom", "nightly", _run(1), has_result=False)
    assert {name for name, _ in _samples(tmp_path / "x.prom")} == {
        "last_run_timestamp_seconds",
        "last_run_duration_seconds",
        "last_run_exit_code",
        "last_run_images_scored",
    }


def test_every_metric_is_documented(tmp_path: Path) -> None:
    write_metrics(tmp_path / "x.prom", "nightly", _run(0), has_result=True)
    table = (ROOT / "jobs" / "README.md").read_text().split("| metric (")[1].split("\n\n")[0]
    documented = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)(?:\{\w+\})?`", row)}
    assert documented == {name for name, _ in _samples(tmp_path / "x.prom")}
