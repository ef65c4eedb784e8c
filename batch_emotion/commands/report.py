"""``report``: a result as a page, as charts, and as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from batch_emotion.errors import BatchEmotionError, OutputMismatch, UsageError, spelled
from batch_emotion.evaluation.maker import load_maker
from batch_emotion.frames import Frame
from batch_emotion.labels.reading import LabelReader
from batch_emotion.labels.results import find_labels
from batch_emotion.metrics.quantification import Moments
from batch_emotion.model.held_out import held_out_moments
from batch_emotion.options.report import ReportOptions
from batch_emotion.reporting.charts import CHART_NAMES, report_charts
from batch_emotion.reporting.document import ReportDocument, report_document
from batch_emotion.reporting.page import report_page
from batch_emotion.reporting.photos import marked_photos
from batch_emotion.reporting.saliency import Saliency, heat_maps
from batch_emotion.reporting.samples import Sample, Samples
from batch_emotion.reporting.thumbnails import SampleImages
from batch_emotion.results.reader import StoredResult, open_result
from batch_emotion.runs.asked import asked, called_back
from batch_emotion.runs.needs import check_asked
from batch_emotion.runs.predict_result import PredictResult
from batch_emotion.sources.archives.finding import Finder
from batch_emotion.sources.missing import check_root
from batch_emotion.storage.commits import check_folder, commit_text, committing_folder
from batch_emotion.storage.escaping import json_text
from batch_emotion.storage.places import Place
from batch_emotion.storage.targets import check_apart, check_named, check_replaceable, replacing_folder
from batch_emotion.visualization.html import GENERATOR, Picture
from batch_emotion.visualization.palette import DARK, LIGHT, class_colours

_PAGE_SUFFIXES = (".html", ".htm")
_HEAT_MAPS = 12
NOT_FOUND = "no image was found; `root` names the folder that the result's paths start in"


def report(
    result: ReportOptions | PredictResult | Frame | str | Place,
    log: Callable[[str], None] = lambda line: None,
    *,
    out: str | Path | None = None,
    labels: str | Path | Frame | None = None,
    root: str | Place | None = None,
    compare: PredictResult | Frame | str | Place | None = None,
    group_by: str | None = None,
    figures: str | Path | None = None,
    model: str | Path | None = None,
    **options: Any,
) -> ReportDocument:
    """Read a result once, write the page and what else is asked for, and give the numbers.

    Args:
        result: a result of ``predict``, its rows or where it was written; or ``ReportOptions``, which hold all that the
            keywords can say.
        log: called with each line that is worth knowing.
        out: the page, ``.html``; needed.
        labels: a manifest or DataFrame with path and label, ``folders`` or ``none``.
        root: where the result's relative paths start.
        compare: another result of the same images, or where it was written.
        group_by: a column of the result whose values are counted apart.
        figures: a folder for the charts.
        model: the one that made the result, to show where it looks.
        options: any other option of ``batch-emotion report --help``, with underscores.

    Raises:
        UsageError: the result, the labels or the options make no sense, or a target is something else.

    Example:
        >>> from batch_emotion import predict, report
        >>> document = report(predict("faces", out="results.parquet"), out="report.html", explain=False)
        >>> document["scored"], document["labels"]["origin"]
        (48, 'the folders in the paths')
    """
    called_back(log, "log")
    keywords = {
        "out": out,
        "labels": labels,
        "root": root,
        "compare": compare,
        "group_by": group_by,
        "figures": figures,
        "model": model,
    }
    return _report(asked(ReportOptions, "result", result, options | keywords), log)


def _report(options: ReportOptions, log: Callable[[str], None]) -> ReportDocument:
    check_asked(options)
    check_root(options.root)
    check_page_target(options.out)
    if options.json is not None:
        _check_json_target(options.json)
    if options.figures is not None:
        check_named(options.figures, "folder, such as charts", "figures")
        check_folder(options.figures.absolute().parent)
        _check_figures(options.figures)
    check_apart({"out": options.out, "json": options.json, "figures": options.figures})
    result = open_result(options.result)
    other = open_result(options.compare) if options.compare else None
    root = options.root or Path()
    reader = LabelReader(result.class_names, options.map_labels)
    labels = find_labels(result, options, reader)
    if options.group_by is not None:
        result.check_column(options.group_by, *((labels.more, labels.origin) if labels else ()))
    document, samples = report_document(result, labels, options.group_by, other, _held_out(result, options.model))
    if document["left_out"]:
        log(document["left_out"])
    if labels is not None:
        log(f"labels: {labels.summary}; images of the training data were not looked for, evaluate does that")
    margin = float(document["made_by"].get("face_margin", 0))
    images = SampleImages(root, options.limits, margin, finder=Finder(options.image_column))
    photos = marked_photos(samples.photos, images, class_colours(result.class_names))
    thumbnails = images.thumbnails(sample for kind, each in samples.named() if kind != "failure" for sample in each)
    saliency = _saliency(options, result, samples, images)
    if samples.random and not thumbnails:
        log(f"no sample is shown, nor where the model looks: {spelled(NOT_FOUND)}")
    elif saliency.by_heading is None:
        log(f"where the model looks is not shown: {saliency.reason}")
    light, dark = (report_charts(document, scheme) for scheme in (LIGHT, DARK))
    narrow_light, narrow_dark = (report_charts(document, scheme, narrow=True) for scheme in (LIGHT, DARK))
    pictures = {
        name: Picture(light[name], dark[name], narrow_light.get(name), narrow_dark.get(name))
        for name in light
        if name != "class_mix"  # pages draw it themselves
    }
    link = images.linked_from(options.out.parent)
    commit_text(options.out, report_page(document, samples, thumbnails, pictures, saliency, photos, link))
    if options.json is not None:
        commit_text(options.json, _as_json(document, samples))
    if options.figures is not None:
        drawn = light if options.figure_format == "png" else report_charts(document, LIGHT, options.figure_format)
        _write_figures(options.figures, {f"{name}.{options.figure_format}": data for name, data in drawn.items()})
    return document


def _write_figures(figures: Path, drawn: Mapping[str, bytes]) -> None:
    with replacing_folder(figures, lambda: _check_figures(figures)), committing_folder(figures) as folder:
        for name, data in drawn.items():
            (folder / name).write_bytes(data)


def check_page_target(out: Path, to_be_made: Path | None = None) -> None:
    """Refuse a page that cannot be written there, or would replace something else.

    Args:
        out: the page.
        to_be_made: a folder that counts as there, as the run makes it first.

    Raises:
        UsageError: the name does not end in .html, the folder does not exist, or another file is in the way.
    """
    if out.suffix.lower() not in _PAGE_SUFFIXES:
        raise UsageError(f"a report is a page: its name must end in .html, and {out} does not")
    check_folder(out.absolute().parent, to_be_made=to_be_made)
    try:
        is_foreign = out.exists() and f'name="generator" content="{GENERATOR}"' not in _beginning(out)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be looked at: {error.strerror or error}; choose another place for the page"
        ) from None
    if is_foreign:
        raise OutputMismatch(f"{out} exists and is not a report; choose another name")


def _check_json_target(path: Path) -> None:
    check_folder(path.absolute().parent)
    if path.exists() and '"tool": "batch-emotion ' not in _beginning(path):
        raise OutputMismatch(f"{path} exists and does not hold a report's numbers; choose another name")


def _check_figures(folder: Path) -> None:
    check_replaceable(
        folder, {f"{name}.{kind}" for name in CHART_NAMES for kind in ("png", "svg")}.__contains__, "figures"
    )


def _beginning(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(4096).decode("utf-8", "replace")


def _saliency(options: ReportOptions, result: StoredResult, samples: Samples, images: SampleImages) -> Saliency:
    if not options.explain:
        return Saliency(None, "it was not asked for")
    if not samples.unsure:
        return Saliency([])
    bundle, unknown = load_maker(result, options.model)
    if bundle is None:
        return Saliency(None, unknown)
    lists = [("Least confident", samples.unsure), ("Most confident mistakes", samples.mistakes[:_HEAT_MAPS])]
    try:
        found = heat_maps(lists, bundle, images)
    except BatchEmotionError as error:  # of a network that cannot be explained; the page is worth having without
        return Saliency(None, str(error))
    return Saliency(found) if any(shown for _, shown in found) else Saliency(None, spelled(NOT_FOUND))


def _held_out(result: StoredResult, model: str | Path | None) -> list[Moments] | None:
    bundle, _ = load_maker(result, model)
    return None if bundle is None else held_out_moments(bundle, result.class_names)


def _as_json(document: ReportDocument, samples: Samples) -> str:
    def facts(sample: Sample) -> dict[str, object]:
        return {key: value for key, value in asdict(sample).items() if key != "score" and value is not None}

    shown = {
        "random": [facts(each) for each in samples.random],
        "surest": {name: [facts(each) for each in listed] for name, listed in samples.surest.items()},
        "least_sure": {name: [facts(each) for each in listed] for name, listed in samples.least_sure.items()},
        "mistakes": [facts(each) for each in samples.mistakes],
        "changed": [facts(each) for each in samples.changed],
        "failures": {status: [facts(each) for each in listed] for status, listed in samples.failures.items()},
    }
    return json_text({**document, "samples": shown}, indent=2, allow_nan=False) + "\n"
