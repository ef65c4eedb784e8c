import json
import os
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from batch_emotion import DEFAULT_MODEL, FaceOptions, PredictOptions, ReportOptions, __version__, predict, report
from batch_emotion.cli import main
from batch_emotion.errors import OutputMismatch, UsageError
from batch_emotion.reporting import page
from batch_emotion.reporting.charts import CHART_NAMES
from batch_emotion.reporting.photos import PhotoChooser
from batch_emotion.reporting.predicted_rows import PredictedRows
from tests.support.browser import browser_path, opened_browser
from tests.support.composites import astronaut, backdrop, photo, write_photo
from tests.support.made_results import CLASSES, random_table, result_table, write

EVIL = "<script>alert(1)</script>.jpg"


class _Page(HTMLParser):
    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def made(faces: Path, tmp_path: Path) -> Path:
    """A result of forty real faces with made-up probabilities, some of whose names are out to do harm."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    for name in CLASSES:
        shutil.copytree(faces / name, folder / name)
    (folder / "sad" / "<script>alert(1)<").mkdir()
    shutil.copy(next((faces / "sad").glob("*.png")), folder / "sad" / EVIL)
    paths = sorted(str(path.relative_to(tmp_path)) for path in folder.rglob("*") if path.is_file())
    paths += [f"photos/happy/gone-{at}.jpg" for at in range(12)] + ['photos/"><b onclick=x>/' + "long" * 100 + ".jpg"]
    columns = {
        "camera": pa.array([["yard", "<i>door</i>", None][at % 3] for at in range(len(paths))]),
        "day": pa.array([f"2026-11-{1 + at % 9:02d}" for at in range(len(paths))]),
    }
    statuses = ["ok" if (tmp_path / path).exists() else "missing" for path in paths]
    return write(
        result_table(paths, rng.dirichlet(np.full(3, 0.5), len(paths)), statuses, columns), tmp_path / "r.parquet"
    )


def _options(made: Path, **more: object) -> ReportOptions:
    return ReportOptions(made, made.with_name("r.html"), root=made.parent, **({"explain": False} | more))  # type: ignore[arg-type]


def test_the_page_stands_alone_and_takes_names_for_text(made: Path) -> None:
    other = write(pq.read_table(made).slice(5).replace_schema_metadata(None), made.with_name("o.parquet"))
    document = report(_options(made, group_by="camera", compare=other))
    page = _Page(made.with_name("r.html"))
    assert [tag for tag, _ in page.tags if tag in ("link", "i", "iframe", "b", "object")] == []
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}]
    assert EVIL in page.text
    assert "<i>door</i>" in page.text
    assert not [attributes for _, attributes in page.tags if any(key.startswith("on") for key in attributes)]
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) > 60
    assert all(attributes["alt"] and str(attributes["src"]).startswith("data:") for attributes in images)
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        if "href" in attributes:
            href = str(attributes["href"])
            assert href[1:] in ids if href.startswith("#") else (made.parent / unquote(href)).is_file()
    assert document["labels"]["rows"] == document["scored"] - 1  # one lies deeper than the folders of the others


def test_the_numbers_and_the_charts_can_be_had_by_themselves(made: Path, tmp_path: Path) -> None:
    for kind in ("png", "svg"):
        document = report(
            _options(made, group_by="day", figures=tmp_path / "f", figure_format=kind, json=tmp_path / "r.json")
        )
        names = {path.name for path in (tmp_path / "f").iterdir()}
        assert names == {f"{name}.{kind}" for name in CHART_NAMES}
    assert (tmp_path / "f" / "groups.svg").read_text().startswith("<?xml")
    written = json.loads((tmp_path / "r.json").read_text())
    samples = written.pop("samples")
    assert written == json.loads(json.dumps(document))
    assert samples["failures"]["missing"][0]["error"] == "it is missing"
    assert {sample["predicted"] for sample in samples["surest"]["sad"]} == {"sad"}


def test_a_page_is_replaced_and_nothing_else_is(made: Path, tmp_path: Path) -> None:
    report(_options(made))
    report(_options(made))
    precious = tmp_path / "thesis.html"
    precious.write_text("<html>do not lose")
    for more in ({"out": precious}, {"json": precious}, {"figures": tmp_path / "photos"}):
        with pytest.raises(OutputMismatch):
            report(ReportOptions(**({"result": made, "out": tmp_path / "n.html", "explain": False} | more)))  # type: ignore[arg-type]
    assert precious.read_text() == "<html>do not lose"
    assert not (tmp_path / "n.html").exists()
    for out in ("r.pdf", "gone/r.html"):
        with pytest.raises(UsageError):
            report(ReportOptions(made, tmp_path / out))


@pytest.mark.parametrize("count", [7, 60])
def test_the_page_stays_small_whatever_the_result(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    names = tuple(f"class {at}" for at in range(count))
    rows = 1200
    deep = "/".join(["d" * 200] * 4)
    (tmp_path / deep).mkdir(parents=True)
    paths = [f"{deep}/{at}.png" for at in range(rows)]
    for path in paths:
        os.link(tmp_path / "noise.png", tmp_path / path)
    paths += [f"{deep}/gone-{at}.png" for at in range(50)]
    probabilities = np.random.default_rng(1).dirichlet(np.full(count, 0.1), len(paths))
    statuses = ["ok"] * rows + ["missing"] * 50
    columns = {"label": pa.array([names[at % count] for at in range(len(paths))])}
    result = write(result_table(paths, probabilities, statuses, columns, names), tmp_path / "r.parquet")
    document = report(ReportOptions(result, tmp_path / "r.html", root=tmp_path, explain=False))
    assert document["scored"] == rows
    assert (tmp_path / "r.html").stat().st_size < 5_000_000
    whole = (tmp_path / "r.html").stat().st_size
    monkeypatch.setattr(page, "PICTURE_BYTES", 300_000)
    report(ReportOptions(result, tmp_path / "r.html", root=tmp_path, explain=False))
    assert (tmp_path / "r.html").stat().st_size < whole - 700_000
    assert "samples are left out" in _Page(tmp_path / "r.html").text


def test_images_that_are_gone_are_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    result = write(random_table(60), tmp_path / "r.csv")
    report(ReportOptions(result, tmp_path / "r.html"))
    page = _Page(tmp_path / "r.html")
    assert page.text.count("image not found") > 20
    assert "Not shown: it is not known which model made the result" in page.text


def test_where_no_image_is_found_the_option_that_finds_them_is_named(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(PredictOptions((str(shutil.copytree(faces / "sad", tmp_path / "in" / "sad")),), tmp_path / "r.parquet"))
    shutil.rmtree(tmp_path / "in")
    hint = "no image was found; --root names the folder that the result's paths start in"
    assert main(["report", str(tmp_path / "r.parquet"), "--out", str(tmp_path / "r.html")]) == 0
    assert f"no sample is shown, nor where the model looks: {hint}" in capsys.readouterr().err
    text = _Page(tmp_path / "r.html").text
    assert hint in text
    assert "images of the model's training data too, which were not looked for" in text
    assert main(["evaluate", str(tmp_path / "r.parquet"), "--out", str(tmp_path / "e")]) == 0
    lost = "8 images of the result were not found; --root names the folder that its paths start in"
    assert lost in capsys.readouterr().err
    assert lost in _Page(tmp_path / "e" / "evaluation.html").text


def test_a_prediction_can_end_in_a_page(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work").mkdir()
    shutil.copytree(faces / "sad", tmp_path / "in" / "sad")
    lines = [f"sad/{path.name},{path.stem}" for path in sorted((faces / "sad").iterdir())]
    (tmp_path / "in" / "m.csv").write_text("path,who\n" + "\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path / "work")
    arguments = ["predict", "../in/m.csv", "--out", "r.parquet", "--report", "r.html"]
    assert main(arguments) == 0
    assert "Report: r.html" in capsys.readouterr().err
    page = _Page(Path("r.html"))
    assert "image not found" not in page.text
    assert "Least confident" in page.text
    assert [attributes for tag, attributes in page.tags if tag == "ol" and attributes.get("class") == "saliency"]
    for fact in (DEFAULT_MODEL, "images per second", "onnxruntime", "seconds by stage"):
        assert fact in page.text
    Path("r.html").unlink()
    assert main(arguments) == 0
    assert Path("r.html").exists()
    assert main(["predict", str(faces / "sad" / "sad-0001.png"), "--report", "r.html"]) == 2
    Path("notes.html").write_text("mine")
    assert main([*arguments[:3], "new.parquet", "--report", "notes.html"]) == 2
    assert not Path("new.parquet").exists()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    path = browser_path()
    if path is None:
        pytest.skip("there is no Chromium on this machine to open the page in")
    with opened_browser(path, tmp_path_factory.mktemp("profile")) as page:
        yield page


def test_the_page_works_in_a_browser(made: Path, browser) -> None:
    report(_options(made, group_by="day", compare=made))
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            browser.open(made.with_name("r.html"), width, scheme=scheme)
            assert browser.requests == []
            assert browser.complaints == []
            assert browser.run("document.documentElement.scrollWidth") <= width
            images = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
            assert browser.run(images)
            charts = "[...document.querySelectorAll('.chart img')]"
            assert browser.run(f"{charts}.every((each) => each.offsetWidth <= {width} - 32)")
            narrow = "[...document.querySelectorAll('.chart source[media*=\"35rem\"]')].map((each) => each.srcset)"
            assert browser.run(f"{charts}.some((each) => {narrow}.includes(each.currentSrc))") == (width == 390)
            paper = browser.run("getComputedStyle(document.body).backgroundColor")
            assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(24, 27, 32)"}[scheme]
    for media, cue in (("screen", "linear-gradient"), ("print", "none")):
        browser.open(made.with_name("r.html"), 390, media=media)
        edges = browser.run("getComputedStyle(document.querySelector('.scroll')).backgroundImage")
        assert edges.startswith(cue)
    browser.open(made.with_name("r.html"), 390)
    shown = "[...document.querySelectorAll('#samples tbody tr')].filter((row) => !row.hidden)"
    total = browser.run(f"{shown}.length")
    assert total > 20

    def choose(name: str, text: str) -> int:
        browser.run(
            f"""(() => {{
              const field = document.querySelector("#filters [name={name}], #{name}");
              const option = [...(field.options ?? [])].find((each) => each.text === {text!r});
              field.value = option ? option.value : {text!r};
              field.dispatchEvent(new Event(field.options ? "change" : "input"));
            }})()"""
        )
        return browser.run(f"{shown}.length")

    kept = choose("predicted", "sad")
    assert 0 < kept < total
    assert browser.run(f"new Set({shown}.map((row) => row.cells[2].innerText.trim())).size") == 1
    assert browser.run("document.getElementById('shown').textContent") == f"{kept} of {total} samples"
    assert 0 < choose("kinds", "mistake") < kept
    assert choose("predicted", "any") > 0
    choose("kinds", "any")
    assert choose("filter-text", "<SCRIPT>") == 1
    assert EVIL in browser.run(f"{shown}[0].innerText")
    assert choose("filter-text", "") == total

    sort = "[...document.querySelectorAll('#samples thead th')].find((each) => each.textContent === 'confidence')"
    values = f"{shown}.map((row) => row.cells[3].dataset.value).filter(Boolean).map(Number)"
    for order, sign in (("ascending", 1), ("descending", -1)):
        browser.run(f"{sort}.querySelector('button').click()")
        assert browser.run(f"{sort}.getAttribute('aria-sort')") == order
        found = browser.run(values)
        assert found == sorted(found, key=lambda value: sign * value)
    assert browser.complaints == []


def test_the_page_prints_on_white(made: Path, browser) -> None:
    report(_options(made))
    browser.open(made.with_name("r.html"), scheme="dark", media="print")
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("getComputedStyle(document.getElementById('filters')).display") == "none"
    light = "[...document.querySelectorAll('picture img')].every((image) => image.currentSrc === image.src)"
    assert browser.run(light)


def test_photos_are_shown_whole_with_links_and_each_face_of_a_few_once(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "a #1.jpg", photo(900, 420, (70, 110))[0])
    write_photo(tmp_path / "photos" / "b.png", astronaut())
    write_photo(tmp_path / "photos" / "c.png", backdrop(300, 200))
    out = tmp_path / "r.csv"
    predict(PredictOptions((str(tmp_path / "photos"),), out, faces=FaceOptions()))
    report(ReportOptions(out, tmp_path / "r.html"))
    page = _Page(tmp_path / "r.html")
    wide = [attributes for tag, attributes in page.tags if tag == "img" and "marked" in str(attributes["alt"])]
    assert len(wide) == 2
    assert "happy, happy" in str(wide[0]["alt"])
    links = [str(attributes["href"]) for tag, attributes in page.tags if tag == "a"]
    files = [unquote(link) for link in links if not link.startswith("#")]
    assert files == ["photos/a #1.jpg", "photos/b.png", *files[2:]]
    assert sorted(files[2:]) == ["photos/a #1.jpg"] * 2 + ["photos/b.png"]
    assert "Every photo with a face." in page.text
    assert "All faces" in page.text
    assert "centerface" in page.text
    assert DEFAULT_MODEL in page.text
    assert __version__ in page.text


def test_a_sample_of_many_photos_is_shown() -> None:
    rows = 3000
    faces = pa.array([row % 3 for row in range(rows)], pa.int32())
    table = pa.record_batch(
        {
            "path": [f"{row // 3}.jpg" for row in range(rows)],
            "status": ["ok"] * rows,
            "face_index": faces,
            **{name: pa.array([1] * rows, pa.int32()) for name in ("box_x", "box_y", "box_w", "box_h")},
            "p_happy": pa.array(np.linspace(0, 1, rows), pa.float32()),
            "p_sad": pa.array(np.linspace(1, 0, rows), pa.float32()),
        }
    )
    chooser = PhotoChooser(("happy", "sad"))
    for first in range(0, rows, 100):
        chooser.add(PredictedRows.of(table.slice(first, 100), ("happy", "sad"), first))
    assert chooser.photos == 1000
    chosen = chooser.chosen
    assert len(chosen) == 24
    assert all(
        [face.row % 3 for face in each] == [0, 1, 2] and len({face.path for face in each}) == 1 for each in chosen
    )
    assert 200 < np.mean([int(each[0].path[:-4]) for each in chosen]) < 800
