"""A report for people: one HTML page that needs nothing else and stays small whatever the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch_emotion.metrics.groups import FEWEST
from batch_emotion.reporting.comparison import labelled_sentences
from batch_emotion.reporting.document import ReportDocument
from batch_emotion.reporting.photos import Photo
from batch_emotion.reporting.saliency import HeatMap, Saliency
from batch_emotion.reporting.samples import Sample, Samples
from batch_emotion.results.class_prior import prior_in_words
from batch_emotion.results.run_document import LastRun
from batch_emotion.visualization.groups import gap_sentences
from batch_emotion.visualization.html import Picture, percent, render, script, shorten, thumbnail_uri
from batch_emotion.visualization.palette import class_colours

PICTURE_BYTES = 2_500_000
"""The most that all thumbnails of a page may take up, as text; and all whole photos."""

Thumbnails = Mapping[int, NDArray[np.uint8]]


@dataclass(frozen=True)
class _Face:
    sample: Sample
    uri: str | None
    anchor: str | None
    alt: str
    gone: str
    lines: tuple[str, ...]
    link: str | None


@dataclass(frozen=True)
class _Line:
    """A row of the table of samples."""

    sample: Sample
    kinds: tuple[str, ...]
    anchor: str | None
    predicted: str
    text: str


@dataclass(frozen=True)
class _Pair:
    """A sample as the model saw it and where it looked, as data URIs."""

    sample: Sample
    plain: str | None
    heat: str | None
    alt: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Whole:
    """A whole photo as a data URI, and a link to its file where there is one."""

    path: str
    uri: str | None
    alt: str
    faces: int
    link: str | None


class _Faces:
    """Turns samples into captioned pictures, until these take up too much."""

    def __init__(self, thumbnails: Thumbnails, link: Callable[[str], str | None]) -> None:
        self._thumbnails, self._link = thumbnails, link
        self._left, self._left_for_photos = PICTURE_BYTES, PICTURE_BYTES
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
        """The captioned pictures of samples; ``labelled`` adds their labels."""
        return [self._face(sample, labelled) for sample in samples]

    def _face(self, sample: Sample, labelled: bool) -> _Face:
        anchor = None if sample.row in self.anchors else f"row-{sample.row}"
        if anchor:
            self.anchors[sample.row] = anchor
        pixels = self._thumbnails.get(sample.row)
        gone = "image not found" if pixels is None else "left out"
        caption = _caption(sample, labelled)
        return _Face(
            sample,
            self.uri(pixels),
            anchor,
            _alt(sample),
            gone,
            caption,
            self._link(sample.path) if pixels is not None else None,
        )

    def of_photo(self, photo: Photo) -> _Whole:
        """A whole photo, its faces marked."""
        first = photo.faces[0]
        alt = "A photo with its faces marked: " + ", ".join(str(face.predicted) for face in photo.faces)
        uri = thumbnail_uri(photo.pixels)
        if uri and len(uri) > self._left_for_photos:
            uri = None
        self._left_for_photos -= len(uri or "")
        return _Whole(first.path, uri, shorten(alt, 300), len(photo.faces), self._link(first.path))


def report_page(
    report: ReportDocument,
    samples: Samples,
    thumbnails: Thumbnails,
    charts: Mapping[str, Picture],
    saliency: Saliency,
    photos: Sequence[Photo] = (),
    link: Callable[[str], str | None] = lambda path: None,
) -> str:
    """The page.

    Args:
        report: the document.
        samples: the rows to show.
        thumbnails: by row number.
        charts: by name, those of ``CHART_NAMES`` that there are.
        saliency: where the model looks.
        photos: whole photos with their faces marked.
        link: gives a path of the result as a link to its file.
    """
    class_names = report["result"]["class_names"]
    faces = _Faces(thumbnails, link)
    shows_all = report["scored"] <= len(samples.random)
    by_class = {} if shows_all else samples.surest
    sheets = {
        "mistakes": faces.of(samples.mistakes, labelled=True),
        "changed": faces.of(samples.changed),
        "random": faces.of(samples.random),
        "surest": {name: faces.of(each) for name, each in by_class.items()},
        "least_sure": {name: faces.of(samples.least_sure[name]) for name in by_class},
        "failures": samples.failures,
    }
    pairs = None
    if saliency.by_heading is not None:
        pairs = [(title, [_pair(each, faces) for each in shown]) for title, shown in saliency.by_heading]
    lines = _lines(samples, class_names, faces.anchors)
    predicted = {line.predicted: line.sample.predicted or line.sample.status for line in lines}
    return render(
        __package__,
        "report.html.j2",
        script=script("samples.js"),
        report=report,
        gap_sentences=gap_sentences,
        labelled_sentences=labelled_sentences,
        fewest=FEWEST,
        class_names=class_names,
        colours=class_colours(class_names),
        charts=charts,
        sheets=sheets,
        shows_all=shows_all,
        photos=[faces.of_photo(photo) for photo in photos],
        photo_count=samples.photo_count,
        mix=sorted(report["classes"].items(), key=lambda pair: -pair[1]["rows"]),
        saliency=pairs,
        no_saliency=saliency.reason,
        hidden_pictures=faces.hidden,
        lines=lines,
        predicted_choices=sorted(predicted.items(), key=lambda pair: pair[1]),
        kind_choices=sorted({kind for line in lines for kind in line.kinds}),
        facts=_facts(report),
        sections=_sections(report),
    )


def _pair(shown: HeatMap, faces: _Faces) -> _Pair:
    sample = shown.sample
    lines = _caption(sample, labelled=sample.label not in (None, sample.predicted))
    return _Pair(sample, faces.uri(shown.plain), faces.uri(shown.heat), _alt(sample), lines)


def _alt(sample: Sample) -> str:
    labelled = f", labelled {shorten(sample.label, 40)}" if sample.label else ""
    return f"A face predicted as {sample.predicted}, confidence {percent(sample.confidence)}{labelled}"


def _caption(sample: Sample, labelled: bool) -> tuple[str, ...]:
    if sample.other is not None:
        was = f"{sample.other} {percent(sample.other_confidence)} →"
        label = (f"label: {shorten(sample.label, 40)}",) if sample.label else ()
        return (was, f"{sample.predicted} {percent(sample.confidence)}", *label)
    before = f"{shorten(sample.label, 40)} → " if labelled and sample.label else ""
    return (f"{before}{sample.predicted}", percent(sample.confidence))


def _lines(samples: Samples, class_names: Sequence[str], anchors: Mapping[int, str]) -> list[_Line]:
    """One row for each sample, with all that it is shown as."""
    by_row: dict[int, tuple[Sample, list[str]]] = {}
    for kind, each in samples.named():
        for sample in each:
            by_row.setdefault(sample.row, (sample, []))[1].append(kind)
    # The predicted class is named by a number, for a class's name may hold spaces.
    number = {name: str(at) for at, name in enumerate(class_names)}
    return [
        _Line(
            sample,
            tuple(dict.fromkeys(kinds)),
            anchors.get(row),
            number[sample.predicted] if sample.predicted else f"status-{sample.status}",
            " ".join(shorten(text, 200) for text in (sample.path, sample.label or "", sample.error or "") if text),
        )
        for row, (sample, kinds) in sorted(by_row.items())
    ]


def _sections(report: ReportDocument) -> list[tuple[str, str]]:
    wanted: list[tuple[str, str, object]] = [
        ("mix", "Class mix", True),
        ("confidence", "Confidence", report["scored"]),
        ("labels", "Labels", report["labels"]),
        ("comparison", "Comparison", report["comparison"]),
        ("groups", "Groups", report["groups"]),
        ("photos", "Photos", report["scored"] and report["result"]["with_faces"]),
        ("faces", "Faces", report["scored"]),
        ("saliency", "Where it looks", report["scored"]),
        ("failures", "Failures", True),
        ("all-samples", "All samples", True),
        ("facts", "About this run", True),
    ]
    return [(anchor, name) for anchor, name, there in wanted if there]


def _facts(report: ReportDocument) -> list[tuple[str, str]]:
    """The facts of the result and its last run, for people."""
    names = {
        "version": "scored by batch-emotion",
        "model": "model",
        "model_version": "model version",
        "model_sha256": "model sha256",
        "image_size": "image size",
        "decoder": "decoder",
        "jpeg_decoding": "JPEG decoding",
        "runtime": "runtime",
        "precision": "precision",
        "detector": "face detector",
        "detector_sha256": "face detector sha256",
        "plan": "digest of the image list",
    }
    made_by, run = report["made_by"], report["run"]
    facts = [(name, made_by[key]) for key, name in names.items() if made_by.get(key)]
    if report["class_prior"]:
        facts.append(("assumed class mix", prior_in_words(report["class_prior"])))
    return [*facts, *(_run_facts(run) if run else []), ("report", f"{report['tool']}, {report['made']}")]


def _run_facts(run: LastRun) -> list[tuple[str, str]]:
    """Of an early version or another engine, a ``run.json`` may lack some."""
    times = (("run started", run.get("started")), ("run finished", run.get("finished")), ("error", run.get("error")))
    facts = [(name, value) for name, value in times if value]
    if run.get("scored_in_this_run"):
        pace = f"{run['scored_in_this_run']:,} images in {run.get('scoring_seconds', 0):,.1f} s"
        facts.append(("scored in this run", f"{pace}, {run.get('images_per_second', 0):,.1f} a second"))
    if run.get("runtime"):
        facts.append(("runtime and threads", f"{run['runtime']}, {run.get('threads', '?')} threads"))
    stages = run.get("profile_seconds")
    if stages:
        facts.append(("seconds by stage", ", ".join(f"{stage} {spent:,.1f}" for stage, spent in stages.items())))
    return facts
