"""jobs/monitoring: the rules are tried by Prometheus's own tool, and the dashboard asks for metrics that there are."""

import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from batch_emotion.runs import prometheus
from tests.support.command_lines import JOBS

RULES, DASHBOARD = JOBS / "monitoring" / "alerts.yml", JOBS / "monitoring" / "dashboard.json"
METRICS = {f"{prometheus._PREFIX}{name}" for name in (*prometheus._OF_RESULT, *prometheus._OF_RUN)}
needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not here; Debian's package prometheus has it"
)


def _promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def _queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"].replace("$job", "nightly") for panel in panels for target in panel["targets"]]


@needs_promtool
def test_the_rules_hold() -> None:
    assert "5 rules found" in _promtool("check", "rules", str(RULES))


# When, the values that are scraped every minute, and what an alert then says; nothing where it does not fire.
CASES: list[tuple[str, dict[str, str], str, str]] = [
    ("30h", {"last_success_timestamp_seconds": "0"}, "BatchEmotionIsStale", ""),
    ("37h", {"last_success_timestamp_seconds": "0"}, "BatchEmotionIsStale", "no good run for 1d 13h 0m 0s"),
    ("35h", {"last_run_exit_code": "4"}, "BatchEmotionHasNotSucceeded", ""),
    (
        "37h",
        {"last_run_exit_code": "4"},
        "BatchEmotionHasNotSucceeded",
        "no good run yet, the last one ended with 4",
    ),
    (
        "37h",
        {"last_run_exit_code": "4", "last_success_timestamp_seconds": "0"},
        "BatchEmotionHasNotSucceeded",
        "",
    ),
    ("3h", {"last_run_exit_code": "0"}, "BatchEmotionFailed", ""),
    ("3h", {"last_run_exit_code": "4"}, "BatchEmotionFailed", ""),
    ("3h", {"last_run_exit_code": "2"}, "BatchEmotionFailed", "the last run ended with 2"),
    ("3h", {"last_run_exit_code": "143"}, "BatchEmotionFailed", "the last run ended with 143"),
    ("3h", {"images ok": "80", "images no_face": "20", "images empty": "5"}, "BatchEmotionManyImagesFail", ""),
    (
        "3h",
        {"images ok": "85", "images missing": "5", "images empty": "10"},
        "BatchEmotionManyImagesFail",
        "15% of the images cannot be scored",
    ),
    ("3h", {"last_run_timestamp_seconds": "0"}, "BatchEmotionHasNoMetrics", ""),
    ("3h", {"other": "0"}, "BatchEmotionHasNoMetrics", "no metrics of batch-emotion are collected"),
]


@needs_promtool
@pytest.mark.parametrize("label", ["exported_job", "job"])
def test_alerts_fire_when_they_should_and_name_the_job(tmp_path: Path, label: str) -> None:
    """With the exporter's job label in the way, and with honor_labels."""
    tests = []
    for at, series, alert, summary in CASES:
        labels = {"instance": "a:9100", label: "nightly"} | ({"job": "node"} if label != "job" else {})
        rule = next(rule for rule in _rules() if rule["alert"] == alert)
        of_job = alert != "BatchEmotionHasNoMetrics"
        expected = {
            "exp_labels": rule["labels"] | (labels if of_job else {}),
            "exp_annotations": {
                "summary": f"nightly: {summary}" if of_job else summary,
                "description": rule["annotations"]["description"],
            },
        }
        tests.append(
            {
                "interval": "1m",
                "input_series": [
                    {"series": _series(name, labels), "values": f"{value}x2400"} for name, value in series.items()
                ],
                "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": [expected] if summary else []}],
            }
        )
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": tests}))
    _promtool("test", "rules", str(tmp_path / "tests.yml"))


def _series(name: str, labels: dict[str, str]) -> str:
    metric, _, status = name.partition(" ")
    if status:
        labels = labels | {"status": status}
    inside = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return f"batch_emotion_{metric}{{{inside}}}"


@needs_promtool
def test_prometheus_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [{"record": f"a:{number}", "expr": query} for number, query in enumerate(_queries())]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in _promtool("check", "rules", str(tmp_path / "queries.yml"))


def test_only_metrics_that_there_are_are_asked_for() -> None:
    of_rules = {name for rule in _rules() for name in re.findall(r"batch_emotion_\w+", rule["expr"])}
    of_dashboard = {name for query in _queries() for name in re.findall(r"batch_emotion_\w+", query)}
    variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
    of_dashboard |= set(re.findall(r"batch_emotion_\w+", json.dumps(variables)))
    assert of_rules < METRICS
    assert of_dashboard == METRICS


def test_the_dashboard_is_whole_and_its_panels_do_not_overlap() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "job"}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells
    for panel in panels:
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        values = [step["value"] for step in steps[1:]]
        assert all(low < high for low, high in pairwise(values))
