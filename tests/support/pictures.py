"""The pictures of the documents, in ``jobs/pictures/``: made from ``sample``'s synthetic faces; ``make pictures``."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from PIL import Image

from batch_emotion import ExplainOptions, PredictOptions, ReportOptions, SampleOptions, explain, predict, report, sample
from tests.support.browser import Page, browser_path, opened_browser

PICTURES = Path(__file__).parents[2] / "jobs" / "pictures"
NAMES = ("explained.png", "faces.png", "page.png")
MAX_BYTES = 100_000
_WIDTH = 900
_MARGIN = 16


def make_pictures(folder: Path) -> None:
    """Write every picture into a folder that is there: parts of a page, and where the model looks in one face.

    Raises:
        RuntimeError: there is no Chromium to show the page in, or a picture has become too large.
    """
    browser = browser_path()
    if browser is None:
        raise RuntimeError("the pictures need Chromium on the PATH")
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        sample(SampleOptions(work / "faces"))
        predict(PredictOptions((str(work / "faces"),), work / "results.parquet"))
        # How fast this machine happens to be is not to be in the picture.
        (work / "results.parquet.run.json").unlink()
        report(ReportOptions(work / "results.parquet", work / "report.html"))
        with opened_browser(browser, work / "profile") as page:
            page.open(work / "report.html", _WIDTH, 800)
            page.run("document.documentElement.style.overflow = 'hidden'")  # no scroll bar
            _write_part(page, "body", "details", work / "page.png", to="top")
            _write_part(page, "#faces ~ h3", "#faces ~ ol.faces li:nth-child(10)", work / "faces.png", to="bottom")
        explain(ExplainOptions((str(work / "faces/happy/happy-0001.png"),), work / "explained.png"))
        for name in NAMES:
            _write_small(work / name, folder / name)


def _write_part(page: Page, first: str, last: str, file: Path, to: str) -> None:
    """Write the page from the top of one element to the top or bottom of another."""
    edge = "document.querySelector({!r}).getBoundingClientRect().{} + scrollY"
    top = max(page.run(edge.format(first, "top")) - _MARGIN, 0)
    bottom = page.run(edge.format(last, to)) + (_MARGIN if to == "bottom" else 0)
    clip = {"x": 0, "y": top, "width": _WIDTH, "height": bottom - top, "scale": 1}
    shot = page.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    file.write_bytes(base64.b64decode(shot["data"]))


def _write_small(source: Path, target: Path) -> None:
    """Write a picture in 256 colours, which is all that drawings need."""
    with Image.open(source) as picture:
        picture.convert("RGB").quantize(256).save(target, optimize=True)
    size = target.stat().st_size
    if size > MAX_BYTES:
        raise RuntimeError(f"{target.name} has {size:,} bytes, more than {MAX_BYTES:,}")


if __name__ == "__main__":
    make_pictures(PICTURES)
