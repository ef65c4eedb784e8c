"""``report``: a result as a page for people, as figures, and as numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from batch_emotion.errors import BatchEmotionError, OutputMismatch, UsageError
from batch_emotion.evaluation.gathering import find_maker
from batch_emotion.labels.results import find_labels
from batch_emotion.model.bundle import bundled_models, load_bundle
from batch_emotion.options.images import Limits
from batch_emotion.reporting.document import Samples, report_document
from batch_emotion.reporting.figures import FIGURE_NAMES, report_figures
from batch_emotion.reporting.looks import look_at
from batch_emotion.reporting.page import Looks, report_page
from batch_emotion.reporting.pictures import PictureSource
from batch_emotion.reporting.samples import Sample
from batch_emotion.results.reader import StoredResult, open_result
from batch_emotion.storage.commits import commit_text, committing_folder, restore_output
from batch_emotion.storage.places import Place
from batch_emotion.visualization.charts import Kind
from batch_emotion.visualization.html import GENERATOR, Picture
from batch_emotion.visualization.palette import DARK, LIGHT

_PAGE_SUFFIXES = (".html", ".htm")
_LOOKS = 12


@dataclass(frozen=True)
class ReportOptions:
    """What to report on, and where to.

    Attributes:
        result: what ``predict`` wrote: a Parquet file, a CSV file or a directory of parts.
        out: the page, ``.html``.
        labels: a manifest with path and label, ``folders`` or ``none``; where None the result's column ``label`` is
            taken, else the folders in its paths where most are named like classes.
        root: where the result's relative paths start; the working directory where None.
        compare: another result of the same images.
        group_by: a column of the result whose values are told apart.
        figures: a folder for the charts.
        figure_kind: of those files.
        json: a file for the numbers.
        model: what made the result, to show where it looks; where None, the bundled model that the result names.
        explain: show where the model looks.
        limits: what is refused when images are read.
        encoding: of a CSV manifest of labels; told by its bytes where None.
        delimiter: of a CSV manifest of labels; told by its header where None.
    """

    result: Place
    out: Path
    labels: str | None = None
    root: Place | None = None
    compare: Place | None = None
    group_by: str | None = None
    figures: Path | None = None
    figure_kind: Kind = "png"
    json: Path | None = None
    model: str | Path | None = None
    explain: bool = True
    limits: Limits = field(default_factory=Limits)
    encoding: str | None = None
    delimiter: str | None = None


def report(options: ReportOptions, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Read a result once, write the page and what else is asked for, and give the numbers.

    Args:
        options: what and where to.
        say: told what is worth knowing, a line at a time.

    Raises:
        UsageError: the result, the labels or the options make no sense, or a target is something else.
    """
    check_page_target(options.out)
    if options.json is not None:
        _check_json_target(options.json)
    if options.figures is not None:
        _check_figures_target(options.figures)
    result = open_result(options.result)
    other = open_result(options.compare) if options.compare else None
    if options.group_by is not None:
        result.check_column(options.group_by)
    root = options.root or Path()
    labels = find_labels(result, options.labels, root, options.encoding, options.delimiter)
    if labels is not None:
        say(f"labels: {labels.origin}")
    document, samples = report_document(result, labels, options.group_by, other)
    pictures = PictureSource(root, options.limits)
    thumbnails = pictures.thumbnails(sample for kind, each in samples.named() if kind != "failure" for sample in each)
    looks = _looks(options, result, samples, pictures)
    if looks.by_heading is None:
        say(f"where the model looks is not shown: {looks.reason}")
    charts = [report_figures(document, scheme) for scheme in (LIGHT, DARK)]
    pairs = {name: Picture(charts[0][name], charts[1][name]) for name in charts[0]}
    commit_text(options.out, report_page(document, samples, thumbnails, pairs, looks))
    if options.json is not None:
        commit_text(options.json, _as_json(document, samples))
    if options.figures is not None:
        drawn = charts[0] if options.figure_kind == "png" else report_figures(document, LIGHT, options.figure_kind)
        with committing_folder(options.figures) as folder:
            for name, data in drawn.items():
                (folder / f"{name}.{options.figure_kind}").write_bytes(data)
    return document


def check_page_target(out: Path) -> None:
    """Refuse to write a page where it cannot go, or over something that is not one.

    Raises:
        UsageError: the name is none of a page, its folder is not there, or another file is in the way.
    """
    if out.suffix.lower() not in _PAGE_SUFFIXES:
        raise UsageError(f"a report is a page: its name must end in .html, and {out} does not")
    _check_folder(out)
    if out.exists() and f'name="generator" content="{GENERATOR}"' not in _beginning(out):
        raise OutputMismatch(f"{out} is there already and is no report; choose another name")


def _check_json_target(path: Path) -> None:
    _check_folder(path)
    if path.exists() and '"tool": "batch-emotion ' not in _beginning(path):
        raise OutputMismatch(f"{path} is there already and does not hold a report's numbers; choose another name")


def _check_figures_target(folder: Path) -> None:
    _check_folder(folder)
    restore_output(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputMismatch(f"{folder} is a file; --figures is a folder")
    names = {f"{name}.{kind}" for name in FIGURE_NAMES for kind in ("png", "svg")}
    foreign = sorted(child.name for child in folder.iterdir() if child.name not in names) if folder.exists() else []
    if foreign:
        raise OutputMismatch(f"the folder {folder} holds other things ({foreign[0]}, …); choose a new one")


def _check_folder(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder {path.absolute().parent} does not exist; make it first")


def _beginning(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(4096).decode("utf-8", "replace")


def _looks(options: ReportOptions, result: StoredResult, samples: Samples, pictures: PictureSource) -> Looks:
    if not options.explain:
        return Looks(None, "it was not asked for")
    if not samples.unsure:
        return Looks([])
    bundle, unknown = find_maker(result, options.model)
    if bundle is None and result.footer.get("model") in bundled_models():  # its run.json was left elsewhere
        named = load_bundle(result.footer["model"])
        bundle = named if named.sha256 == result.footer.get("model_sha256") else None
    if bundle is None:
        return Looks(None, unknown)
    lists = [("Least sure", samples.unsure), ("Most wrong", samples.mistakes[:_LOOKS])]
    try:
        looks = look_at(lists, bundle, pictures)
    except BatchEmotionError as error:  # of a network that cannot be explained; the page is worth having without
        return Looks(None, str(error))
    return Looks(looks) if any(shown for _, shown in looks) else Looks(None, "no image is there any more")


def _as_json(document: dict[str, Any], samples: Samples) -> str:
    def told(sample: Sample) -> dict[str, Any]:
        return {key: value for key, value in asdict(sample).items() if key != "score" and value is not None}

    shown = {
        "random": [told(each) for each in samples.random],
        "surest": {name: [told(each) for each in listed] for name, listed in samples.surest.items()},
        "least_sure": {name: [told(each) for each in listed] for name, listed in samples.least_sure.items()},
        "mistakes": [told(each) for each in samples.mistakes],
        "changed": [told(each) for each in samples.changed],
        "failures": {status: [told(each) for each in listed] for status, listed in samples.failures.items()},
    }
    return json.dumps(document | {"samples": shown}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
