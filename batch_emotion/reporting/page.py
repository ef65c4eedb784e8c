"""A report for people: one HTML page that needs nothing else and stays small whatever the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.reporting.document import Samples
from batch_emotion.reporting.samples import Sample
from batch_emotion.visualization.html import Picture, percent, render, script, shorten, thumbnail_uri
from batch_emotion.visualization.palette import class_colours

PICTURE_BYTES = 2_500_000
"""The most that all thumbnails of a page may take up, as text."""

Thumbnails = Mapping[int, NDArray[np.uint8]]


@dataclass(frozen=True)
class Look:
    """A sample as the model was shown it, uint8 (H, W, 3), and where it looked, uint8 (H, W, 3)."""

    sample: Sample
    plain: NDArray[np.uint8]
    heat: NDArray[np.uint8]


@dataclass(frozen=True)
class Looks:
    """What Grad-CAM shows, by heading; None where it could not be had, for a reason."""

    by_heading: list[tuple[str, list[Look]]] | None
    reason: str = ""


@dataclass(frozen=True)
class _Face:
    sample: Sample
    uri: str | None
    anchor: str | None
    alt: str
    gone: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Line:
    """A row of the table of samples."""

    sample: Sample
    kinds: tuple[str, ...]
    anchor: str | None
    said: str
    text: str


class _Faces:
    """Turns samples into figures, until their pictures take up too much."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        self._thumbnails = thumbnails
        self._left = PICTURE_BYTES
        self.hidden = 0
        self.anchors: dict[int, str] = {}

    def uri(self, pixels: NDArray[np.uint8] | None) -> str | None:
        """The picture as a data URI; None where there is none or no room."""
        uri = thumbnail_uri(pixels)
        if uri and len(uri) > self._left:
            self.hidden += 1
            return None
        self._left -= len(uri or "")
        return uri

    def of(self, samples: Sequence[Sample], labelled: bool = False) -> list[_Face]:
        """The figures of samples; ``labelled`` ones are told with their label."""
        return [self._face(sample, labelled) for sample in samples]

    def _face(self, sample: Sample, labelled: bool) -> _Face:
        anchor = None if sample.row in self.anchors else f"row-{sample.row}"
        if anchor:
            self.anchors[sample.row] = anchor
        pixels = self._thumbnails.get(sample.row)
        gone = "image is not there" if pixels is None else "left out"
        return _Face(sample, self.uri(pixels), anchor, _alt(sample), gone, _caption(sample, labelled))


def report_page(
    report: dict[str, Any], samples: Samples, thumbnails: Thumbnails, charts: Mapping[str, Picture], looks: Looks
) -> str:
    """The page.

    Args:
        report: the document.
        samples: the rows to show.
        thumbnails: by row number.
        charts: ``class_mix, confidence, confusion_matrix, reliability, groups``, those that there are.
        looks: where the model looks.
    """
    class_names = report["result"]["class_names"]
    faces = _Faces(thumbnails)
    sheets = {
        "mistakes": faces.of(samples.mistakes, labelled=True),
        "changed": faces.of(samples.changed),
        "random": faces.of(samples.random),
        "surest": {name: faces.of(each) for name, each in samples.surest.items()},
        "least_sure": {name: faces.of(each) for name, each in samples.least_sure.items()},
        "failures": samples.failures,
    }
    shown_looks = None
    if looks.by_heading is not None:
        shown_looks = [(title, [_look(look, faces) for look in shown]) for title, shown in looks.by_heading]
    lines = _lines(samples, class_names, faces.anchors)
    said = {line.said: line.sample.said or line.sample.status for line in lines}
    return render(
        "report.html.j2",
        script=script("report.js"),
        report=report,
        class_names=class_names,
        colours=class_colours(class_names),
        charts=charts,
        sheets=sheets,
        mix=sorted(report["classes"].items(), key=lambda pair: -pair[1]["rows"]),
        looks=shown_looks,
        no_looks=looks.reason,
        hidden_pictures=faces.hidden,
        lines=lines,
        said_choices=sorted(said.items(), key=lambda pair: pair[1]),
        kind_choices=sorted({kind for line in lines for kind in line.kinds}),
        facts=_facts(report),
        sections=_sections(report),
    )


def _look(look: Look, faces: _Faces) -> dict[str, Any]:
    return {
        "sample": look.sample,
        "plain": faces.uri(look.plain),
        "heat": faces.uri(look.heat),
        "alt": _alt(look.sample),
        "lines": _caption(look.sample, labelled=look.sample.label not in (None, look.sample.said)),
    }


def _alt(sample: Sample) -> str:
    labelled = f", labelled {shorten(sample.label, 40)}" if sample.label else ""
    return f"A face taken for {sample.said}, confidence {percent(sample.confidence)}{labelled}"


def _caption(sample: Sample, labelled: bool) -> tuple[str, ...]:
    if sample.other is not None:
        was = f"{sample.other} {percent(sample.other_confidence)} →"
        label = (f"label: {shorten(sample.label, 40)}",) if sample.label else ()
        return (was, f"{sample.said} {percent(sample.confidence)}", *label)
    before = f"{shorten(sample.label, 40)} → " if labelled and sample.label else ""
    return (f"{before}{sample.said}", percent(sample.confidence))


def _lines(samples: Samples, class_names: Sequence[str], anchors: Mapping[int, str]) -> list[_Line]:
    """One row for each sample, with all that it is shown as."""
    by_row: dict[int, tuple[Sample, list[str]]] = {}
    for kind, each in samples.named():
        for sample in each:
            by_row.setdefault(sample.row, (sample, []))[1].append(kind)
    # What was said is named by a number, for a class's name may hold spaces.
    number = {name: str(at) for at, name in enumerate(class_names)}
    return [
        _Line(
            sample,
            tuple(dict.fromkeys(kinds)),
            anchors.get(row),
            number[sample.said] if sample.said else f"status-{sample.status}",
            " ".join(shorten(text, 200) for text in (sample.path, sample.label or "", sample.error or "") if text),
        )
        for row, (sample, kinds) in sorted(by_row.items())
    ]


def _sections(report: dict[str, Any]) -> list[tuple[str, str]]:
    wanted = [
        ("mix", "Class mix", True),
        ("confidence", "Confidence", report["scored"]),
        ("labels", "Labels", report["labels"]),
        ("comparison", "Comparison", report["comparison"]),
        ("groups", "Groups", report["groups"]),
        ("faces", "Faces", report["scored"]),
        ("looks", "Where it looks", report["scored"]),
        ("failures", "Failures", True),
        ("all-samples", "All samples", True),
        ("facts", "How it was made", True),
    ]
    return [(anchor, name) for anchor, name, there in wanted if there]


def _facts(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What is known of the run, for people."""
    names = {
        "version": "scored by batch-emotion",
        "model": "model",
        "model_sha256": "its sha256",
        "image_size": "image size",
        "decoder": "decoder",
        "jpeg_decoding": "decoding of JPEGs",
        "runtime": "runtime",
        "precision": "precision",
        "plan": "digest of the image list",
    }
    made_by, run = report["made_by"], report["run"]
    facts = [(name, str(made_by[key])) for key, name in names.items() if made_by.get(key)]
    for key, name in (("started", "run started"), ("finished", "run finished"), ("error", "run ended with")):
        if run.get(key):
            facts.append((name, str(run[key])))
    if run.get("scored_in_this_run"):
        pace = f"{run['scored_in_this_run']:,} images in {run.get('scoring_seconds', 0):,.1f} s"
        facts.append(("scored in this run", f"{pace}, {run.get('images_per_second', 0):,.1f} a second"))
    if run.get("runtime"):
        facts.append(("run by", f"{run['runtime']}, {run.get('threads', '?')} threads"))
    stages = run.get("profile_seconds")
    if isinstance(stages, dict):
        facts.append(("seconds by stage", ", ".join(f"{stage} {spent:,.1f}" for stage, spent in stages.items())))
    return [*facts, ("report", f"{report['tool']}, {report['made']}")]
