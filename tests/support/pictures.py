"""The pictures of the documents, in ``jobs/pictures/``: made from ``sample``'s synthetic faces; ``make pictures``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from batch_emotion import (
    ExplainOptions,
    PredictOptions,
    ReportOptions,
    SampleOptions,
    explain,
    predict,
    report,
    sample,
)
from tests.support.browser import browser_path, opened_browser

PICTURES = Path(__file__).parents[2] / "jobs" / "pictures"
MAX_BYTES = 100_000
_WIDTH = 1100


def make_pictures(folder: Path) -> None:
    """Write every picture into a folder that is there: the page about a result, and where the model looks.

    Raises:
        RuntimeError: there is no Chromium to show the page in.
    """
    browser = browser_path()
    if browser is None:
        raise RuntimeError("the pictures need Chromium on the PATH")
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        sample(SampleOptions(work / "faces"))
        predict(PredictOptions((str(work / "faces"),), work / "results.parquet"))
        report(ReportOptions(work / "results.parquet", work / "report.html"))
        with opened_browser(browser, work / "profile") as page:
            page.open(work / "report.html", _WIDTH, 760)
            page.screenshot(work / "page.png", whole=False)
        explain(ExplainOptions((str(work / "faces/happy/happy-0001.png"),), work / "explained.png"))
        for name in ("page.png", "explained.png"):
            _write_small(work / name, folder / name)


def _write_small(source: Path, target: Path) -> None:
    """Write a picture in 256 colours, which drawings do not need more of."""
    with Image.open(source) as picture:
        picture.convert("RGB").quantize(256).save(target, optimize=True)
    if target.stat().st_size > MAX_BYTES:
        raise RuntimeError(f"{target.name} has {target.stat().st_size:,} bytes, more than {MAX_BYTES:,}")


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    make_pictures(PICTURES)
