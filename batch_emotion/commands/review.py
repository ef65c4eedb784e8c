"""``review``: the images of a result that teach most, on a page that takes a person's labels."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.cores import available_cores
from batch_emotion.errors import OutputMismatch, SourceError
from batch_emotion.frames import Frame
from batch_emotion.images.decode import resize
from batch_emotion.labels.reading import LabelReader
from batch_emotion.labels.results import find_labels
from batch_emotion.options.review import ReviewOptions
from batch_emotion.records import InputSpec
from batch_emotion.reporting.review_page import ReviewImage, review_page
from batch_emotion.reporting.review_sample import ReviewSample, review_sample
from batch_emotion.reporting.samples import Sample
from batch_emotion.reporting.thumbnails import SampleImages
from batch_emotion.results.reader import StoredResult, open_result
from batch_emotion.runs.asked import asked, called_back
from batch_emotion.runs.needs import check_asked
from batch_emotion.runs.predict_result import PredictResult
from batch_emotion.sources.archives.finding import Finder, absolute_path
from batch_emotion.sources.missing import check_root
from batch_emotion.storage.commits import commit_text, committing_folder
from batch_emotion.storage.places import Place
from batch_emotion.storage.targets import check_named, check_replaceable, check_spared, replacing_folder
from batch_emotion.visualization.boxes import png_bytes
from batch_emotion.visualization.html import GENERATOR, thumbnail_uri

PAGE, FACES = "index.html", "faces"
_SIDE = 256


@dataclass(frozen=True)
class ReviewResult:
    """The page, and what is on it: each row with why it was chosen, and how many rows of the result it stands for."""

    page: Path
    sample: ReviewSample


def review(
    result: ReviewOptions | PredictResult | Frame | str | Place,
    log: Callable[[str], None] = lambda line: None,
    *,
    out: str | Path | None = None,
    images: int = 200,
    by_chance: float = 0.25,
    labels: str | Path | Frame | None = None,
    compare: PredictResult | Frame | str | Place | None = None,
    root: str | Place | None = None,
    seed: int = 0,
    overwrite: bool = False,
    **options: Any,
) -> ReviewResult:
    """Make a page of the images that teach most, to be opened from disk, that takes labels and saves a manifest.

    Args:
        result: a result of ``predict``, its rows or where it was written; or ``ReviewOptions``, which hold all that the
            keywords can say.
        log: called with each line that is worth knowing.
        out: the folder for the page; needed.
        images: how many to show.
        by_chance: the part of them that is drawn by chance, by which the accuracy can be estimated without bias.
        labels: a manifest or DataFrame with path and label, ``folders`` or ``none``.
        compare: another result of the same images, or where it was written.
        root: where the result's relative paths start.
        seed: random seed.
        overwrite: replace an earlier page.
        options: any other option of ``batch-emotion review --help``, with underscores.

    Raises:
        UsageError: the result, the labels or the options make no sense, or the output is something else.

    Example:
        >>> from batch_emotion import predict, review
        >>> made = review(predict("faces", out="results.parquet"), out="review", images=12)
        >>> made.page.name, len(made.sample.chosen), sum(made.sample.weights)
        ('index.html', 12, 48.0)
    """
    called_back(log, "log")
    keywords = {
        "out": out,
        "images": images,
        "by_chance": by_chance,
        "labels": labels,
        "compare": compare,
        "root": root,
        "seed": seed,
        "overwrite": overwrite,
    }
    return _review(asked(ReviewOptions, "result", result, options | keywords), log)


def _review(options: ReviewOptions, log: Callable[[str], None]) -> ReviewResult:
    check_asked(options)
    check_root(options.root)
    out = options.out
    check_named(out, "folder, such as review")
    check_spared(out, (options.result, options.compare, options.labels))
    with replacing_folder(out, lambda: _check_target(out, options.overwrite)):
        return _reviewed(options, log)


def _reviewed(options: ReviewOptions, log: Callable[[str], None]) -> ReviewResult:
    out = options.out
    result = open_result(options.result)
    other = open_result(options.compare) if options.compare else None
    labels = find_labels(result, options, LabelReader(result.class_names, options.map_labels))
    if labels is not None:
        log(f"labels: {labels.summary}")
    sample = review_sample(result, labels, other, options.images, options.by_chance, options.seed)
    if sample.left_out:
        log(sample.left_out)
    with committing_folder(out) as folder:
        images = _images(options, result, [each for each, _ in sample.chosen], folder)
        gone = sum(image.uri is None for image in images)
        if gone == len(images):
            raise SourceError("none of the images was found; `root` names the folder that relative paths start in")
        if gone:
            log(f"not found: {gone} of {len(images)} images")
        commit_text(folder / PAGE, review_page(result.path.name, result.class_names, sample, images))
    return ReviewResult(out / PAGE, sample)


def _images(options: ReviewOptions, result: StoredResult, samples: list[Sample], folder: Path) -> list[ReviewImage]:
    root = options.root or Path()
    margin = float(result.facts.get("face_margin") or 0)
    pictures = SampleImages(root, options.limits, margin, finder=Finder(options.image_column))

    def image(sample: Sample) -> ReviewImage:
        location = absolute_path(root, sample.path)
        if sample.box is None:
            return ReviewImage(location, thumbnail_uri(pictures.picture(sample, _SIDE)))
        face = pictures.face(sample)
        name = f"{sample.row:07d}.png"
        if face is not None:
            (folder / FACES).mkdir(exist_ok=True)
            (folder / FACES / name).write_bytes(png_bytes(face))
        path = str(options.out.absolute() / FACES / name)
        return ReviewImage(path, thumbnail_uri(None if face is None else _shown(face)), sample.face, sample.path)

    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(image, samples))


def _shown(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return resize(face, InputSpec((_SIDE, _SIDE)))


def _check_target(out: Path, overwrite: bool) -> None:
    check_replaceable(out, lambda name: name in (PAGE, FACES) and _is_ours(out / PAGE))
    if out.exists() and any(out.iterdir()) and not overwrite:
        raise OutputMismatch(f"{out} holds a review already; choose another `out` or give `overwrite`")


def _is_ours(page: Path) -> bool:
    return page.is_file() and f'content="{GENERATOR}"' in page.read_text(encoding="utf-8", errors="replace")[:4096]
