"""Metrics of the last run, in the text format that the Prometheus node exporter collects from files."""

from __future__ import annotations

import time
from pathlib import Path

from batch_emotion.results.run_document import LastRun

_PREFIX = "batch_emotion_"
_LAST_SUCCESS = "last_success_timestamp_seconds"
_OF_RESULT = {
    "images": ("Images of the result by status.", "status"),
    "emotion_share": ("Share of the scored rows by emotion.", "emotion"),
    "confidence_mean": ("Mean confidence of the scored rows.", None),
    "model_info": ("1 for the model that scored the result.", "model"),
    "drift": ("Largest distance from the baseline.", None),
    _LAST_SUCCESS: ("When a run last ended well, in seconds since 1970.", None),
}
_OF_RUN = {
    "last_run_timestamp_seconds": "When the last run ended, in seconds since 1970.",
    "last_run_duration_seconds": "How long the last run took.",
    "last_run_exit_code": "The exit code of the last run.",
    "last_run_images_scored": "Images that the last run scored itself.",
}


def write_metrics(file: Path, job: str, last_run: LastRun, has_result: bool) -> None:
    """Write the metrics of a run; what they have of the result is carried forward where this run made none.

    Args:
        file: ends in ``.prom``.
        job: the ``job`` label of every sample.
        last_run: the run as ``run.json`` tells it.
        has_result: whether the counts in ``last_run`` are those of a whole result.

    Raises:
        OSError: the file cannot be written.
    """
    from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

    now = time.time()
    registry = CollectorRegistry()
    run = (now, last_run["seconds"], last_run["exit_code"], last_run["scored_in_this_run"])
    for (name, text), value in zip(_OF_RUN.items(), run, strict=True):
        Gauge(_PREFIX + name, text, ["job"], registry=registry).labels(job).set(value)
    samples = _of_result(last_run) if has_result else _carried(file, job)
    if has_result and last_run["exit_code"] == 0:
        samples[_LAST_SUCCESS, None] = now
    elif has_result:
        samples |= {key: value for key, value in _carried(file, job).items() if key[0] == _LAST_SUCCESS}
    for name, (text, label) in _OF_RESULT.items():
        mine = {key: value for (sample, key), value in samples.items() if sample == name}
        if mine:
            gauge = Gauge(_PREFIX + name, text, ["job", *([label] if label else [])], registry=registry)
            for key, value in mine.items():
                gauge.labels(job, *([key] if label else [])).set(value)
    write_to_textfile(str(file), registry)


_Samples = dict[tuple[str, str | None], float]


def _of_result(counts: LastRun) -> _Samples:
    samples: _Samples = {("images", status): count for status, count in counts["statuses"].items()}
    scored = sum(counts["emotions"].values())
    samples |= {("emotion_share", emotion): count / scored for emotion, count in counts["emotions"].items()}
    samples["confidence_mean", None] = counts["mean_confidence"]
    model = counts["model"]
    if model is not None:
        version = model.get("version")
        samples["model_info", f"{model['name']}@{version}" if version else model["name"]] = 1
    if counts["drift"]:
        samples["drift", None] = counts["drift"]["largest"]
    return samples


def _carried(file: Path, job: str) -> _Samples:
    """The samples of the result that the file has from before."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        families = list(text_string_to_metric_families(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
    samples: _Samples = {}
    for sample in (sample for family in families for sample in family.samples):
        name = sample.name.removeprefix(_PREFIX)
        if name in _OF_RESULT and sample.labels.get("job") == job:
            label = _OF_RESULT[name][1]
            samples[name, sample.labels[label] if label else None] = sample.value
    return samples
