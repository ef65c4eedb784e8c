"""``review``: a page on which real keys label images, whose manifest trains and evaluates."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from batch_emotion import evaluate, predict, report, review, sample, train
from batch_emotion.cli import main
from batch_emotion.errors import OutputMismatch, SourceError, UsageError
from batch_emotion.reporting.review_sample import review_sample
from batch_emotion.results.reader import open_result
from batch_emotion.visualization.html import percent
from tests.support.browser import Page, browser_path, opened_browser
from tests.support.composites import photo, write_photo
from tests.support.made_results import CLASSES, result_table, write

KEYS = {name: str(at) for at, name in enumerate(("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"), 1)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    sample(folder / "faces", count=40)
    predict(folder / "faces", out=folder / "r.parquet")
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = browser_path()
    if path is None:
        pytest.skip("there is no Chromium on this machine to open the page in")
    with opened_browser(path, tmp_path_factory.mktemp("profile")) as page:
        yield page


def _data(page: Path) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="review">(.*?)</script>', page.read_text(), re.S)
    return json.loads(text)


def _class_of(image: dict[str, Any]) -> str:
    return Path(image["path"]).parent.name


def proportion_interval(share: float, number: float) -> list[float]:
    """Wilson's score interval: the shares from which this one is 1.96 standard errors away, found by trying."""
    tried = np.linspace(0, 1, 1_000_001)
    inside = tried[np.abs(tried - share) <= 1.96 * np.sqrt(tried * (1 - tried) / number)]
    return [inside.min(), inside.max()]


def _strata(rows: pd.DataFrame) -> dict[str, pd.Series]:
    by_chance = rows["chosen"] == "chance"
    return {"chance": by_chance, "reason": ~by_chance}


def _saved(browser: Page, folder: Path, name: str) -> Path:
    file, patience_ends = folder / name, time.monotonic() + 60
    while not file.is_file():
        assert time.monotonic() < patience_ends, "nothing is saved"
        browser.run("0")
        time.sleep(0.05)
    return file


def test_200_images_are_labelled_by_keys_and_the_manifest_trains(place: Path, browser: Page, tmp_path: Path) -> None:
    made = review(place / "r.parquet", out=tmp_path / "review")
    data = _data(made.page)
    images = data["images"]
    assert len(images) == 200
    browser.downloading_to(tmp_path)
    browser.open(made.page)

    def count() -> str:
        return browser.run("document.getElementById('count').textContent")

    for at, image in enumerate(images):
        assert browser.run("document.getElementById('place').textContent") == f"{at + 1} of 200"
        browser.press(KEYS[_class_of(image)])
        if at == 90:  # a reload in the middle loses nothing
            browser.open(made.page)
            assert count() == "91 of 200 answered"
    assert count() == "200 of 200 answered"
    assert "All 200 are answered" in browser.run("document.getElementById('said').textContent")
    shown = browser.run("document.getElementById('estimate').textContent")
    browser.press("s")
    manifest = _saved(browser, tmp_path, "r-labels.csv")
    assert browser.requests == []
    assert browser.complaints == []

    rows = pd.read_csv(manifest)
    assert list(rows["label"]) == [_class_of(image) for image in images]
    assert list(rows["path"]) == [image["path"] for image in images]
    assert rows["weight"].sum() == pytest.approx(240)
    right = rows["label"] == rows["predicted"]
    accuracy = (rows["weight"] * right).sum() / rows["weight"].sum()
    told = re.findall(r"right on ([\d.]+) % of the result", shown)[0]
    assert float(told) == pytest.approx(100 * accuracy, abs=0.051)
    low, high = map(float, re.findall(r"interval ([\d.]+)–([\d.]+)", shown)[0])
    off = right - accuracy
    strata = [(off[here], data["strata"][name]) for name, here in _strata(rows).items()]
    variance = sum(size**2 / len(each) * (1 - len(each) / size) * each.var() for each, size in strata)
    assert variance < 1e-9  # all mistakes are among the images that were chosen for a reason
    effective = 1 / sum((size / 240) ** 2 * (1 / len(each) - 1 / size) for each, size in strata)
    interval = proportion_interval(accuracy, effective)
    assert [low, high] == pytest.approx([100 * end for end in interval], abs=0.051)

    measured = evaluate(place / "r.parquet", out=tmp_path / "e", labels=str(manifest)).evaluation
    assert measured["all"]["images"] == 200
    assert measured["reviewed"]["accuracy"] == pytest.approx(accuracy)
    assert measured["reviewed"]["interval"] == pytest.approx(interval, abs=1e-4)
    assert measured["reviewed"]["stand_for"] == 240
    told = percent(measured["reviewed"]["accuracy"])
    assert f"accuracy on all 240 images is {told}" in (tmp_path / "e" / "evaluation.html").read_text()
    alone = evaluate(manifest, out=tmp_path / "alone").evaluation  # which scores the images anew
    assert alone["reviewed"]["accuracy"] == pytest.approx(accuracy)
    trained = train(manifest, out=tmp_path / "model", epochs=1)
    assert trained.unusable == []
    assert len(trained.bundle.card.class_names) == 6


def test_keys_mouse_and_settings_do_what_they_say(place: Path, browser: Page, tmp_path: Path) -> None:
    made = review(place / "r.parquet", out=tmp_path / "review", images=5, seed=7)
    images = _data(made.page)["images"]
    browser.downloading_to(tmp_path)
    browser.open(made.page)

    def text(name: str) -> str:
        return browser.run(f"document.getElementById({name!r}).textContent")

    def pressed() -> list[str]:
        return browser.run("[...document.querySelectorAll('[aria-pressed=true]')].map((each) => each.dataset.answer)")

    assert text("facts") == ""  # neither its name nor the prediction tells what to see
    browser.press("0")
    browser.press("c")
    browser.click("[data-answer=happy]")
    assert (text("place"), text("count")) == ("4 of 5", "3 of 5 answered")
    for _ in range(3):
        browser.press("ArrowLeft")
    assert (text("place"), pressed()) == ("1 of 5", ["not a face"])
    browser.press("ArrowRight")
    assert pressed() == ["cannot tell"]
    browser.press("Backspace")
    assert (text("count"), pressed()) == ("2 of 5 answered", [])
    assert text("said") == "Image 2 has no answer now."
    browser.click("#keys")
    browser.press("1")
    assert text("count") == "2 of 5 answered"
    browser.click("#keys")
    browser.click("#reveal")
    assert images[1]["predicted"] in text("facts")
    assert images[1]["name"] in text("facts")
    browser.click("#overview li:nth-child(5) button")
    assert text("place") == "5 of 5"
    browser.press("7")
    assert (text("place"), text("count")) == ("2 of 5", "3 of 5 answered")  # on to what has no answer yet
    browser.click("#save")
    rows = pd.read_csv(_saved(browser, tmp_path, "r-labels.csv"), keep_default_na=False)
    assert list(rows["answer"]) == ["not a face", "happy", "neutral"]
    assert list(rows["label"]) == ["", "happy", "neutral"]
    # An image without a face has no label, so that what measures and trains leaves it out.
    measured = evaluate(place / "r.parquet", out=tmp_path / "e", labels=str(tmp_path / "r-labels.csv")).evaluation
    assert measured["all"]["images"] == 2
    assert "reviewed" not in measured  # far too few to say anything of the whole


def test_the_page_is_for_small_screens_dark_rooms_printers_and_screen_readers(
    place: Path, browser: Page, tmp_path: Path
) -> None:
    page = review(place / "r.parquet", out=tmp_path / "review", images=12, seed=3).page
    for scheme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(24, 27, 32)")):
        browser.open(page, 390, 844, scheme=scheme)
        assert browser.run("document.documentElement.scrollWidth") <= 390
        assert browser.run("getComputedStyle(document.body).backgroundColor") == paper
        assert browser.run("document.getElementById('save').getBoundingClientRect().bottom") <= 844
        heights = browser.run("[...document.querySelectorAll('.choices button')].map((each) => each.offsetHeight)")
        assert min(heights) >= 44
        assert browser.run("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    browser.open(page)
    names = browser.run(
        "[...document.querySelectorAll('button, input, progress')].map((each) => "
        "each.ariaLabel || each.textContent.trim() || each.closest('label')?.textContent.trim())"
    )
    assert all(names)
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    found = {(node["role"]["value"], node["name"]["value"]) for node in tree if node.get("name", {}).get("value")}
    assert {("group", "What does the face show?"), ("image", "Image 1 of 12"), ("progressbar", "Answered")} <= found
    assert ("button", "happy") in found
    assert ("button", "Image 2: not answered") in found
    browser.press("Tab")
    browser.press("Tab")
    browser.press("Enter")  # the second answer is reached and given without a mouse
    assert browser.run("document.getElementById('said').textContent") == "Image 1: disgust. Now image 2."
    browser.open(page, scheme="dark", media="print")
    assert browser.run("getComputedStyle(document.getElementById('task')).display") == "none"
    assert browser.run("document.getElementById('overview').innerText").split()[0] == "disgust"


def test_the_sample_holds_what_teaches_and_its_weights_are_unbiased(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = 1500
    probabilities = rng.dirichlet(np.full(3, 0.6), rows)
    predicted = probabilities.argmax(axis=1)
    # The model is right as often as it is confident, so that what it is unsure of is far from like the rest.
    shown = np.where(rng.random(rows) < probabilities.max(axis=1), predicted, (predicted + 1) % 3)
    paths = [f"photos/{at:06d}.jpg" for at in range(rows)]
    result = write(result_table(paths, probabilities), tmp_path / "r.parquet")
    opened = open_result(result)
    right = shown == predicted
    weighted, plain = [], []
    for seed in range(300):
        drawn = review_sample(opened, None, None, 80, 0.5, seed)
        here = np.array([each.row for each, _ in drawn.chosen])
        assert len(set(here)) == 80
        weights = np.array(drawn.weights)
        assert weights.sum() == pytest.approx(rows)
        weighted.append((weights * right[here]).sum() / rows)
        plain.append(right[here].mean())
    error = np.std(weighted) / np.sqrt(len(weighted))
    assert abs(np.mean(weighted) - right.mean()) < 3 * error
    assert abs(np.mean(plain) - right.mean()) > 20 * error
    least_sure = set(np.argsort(probabilities.max(axis=1))[:40])
    assert {each.row for each, reason in drawn.chosen if reason == "unsure"} == least_sure


def test_the_interval_is_as_wide_as_the_answers_are_far_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.full(3, 0.6), 400)
    predicted = probabilities.argmax(axis=1)
    shown = np.where(rng.random(400) < probabilities.max(axis=1), predicted, (predicted + 1) % 3)
    paths = [str(tmp_path / f"{at}.jpg") for at in range(400)]
    result = write(result_table(paths, probabilities), tmp_path / "r.parquet")
    drawn = review_sample(open_result(result), None, None, 100, 0.5, 0)
    rows = np.array([each.row for each, _ in drawn.chosen])
    manifest = pd.DataFrame(
        {
            "path": [paths[row] for row in rows],
            "label": [CLASSES[shown[row]] for row in rows],
            "chosen": [reason for _, reason in drawn.chosen],
            "weight": drawn.weights,
        }
    )
    manifest.to_csv(tmp_path / "m.csv", index=False)
    found = evaluate(result, out=tmp_path / "e", labels=str(tmp_path / "m.csv")).evaluation["reviewed"]
    right = manifest["label"] == [CLASSES[predicted[row]] for row in rows]
    accuracy = np.average(right, weights=manifest["weight"])
    assert found["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    by_chance = manifest["chosen"] == "chance"
    # The others are all there: only those drawn by chance, 50 of 350, leave a doubt.
    variance = (350 / 400) ** 2 * (1 / 50 - 1 / 350) * right[by_chance].var()
    assert found["interval"] == pytest.approx(
        proportion_interval(accuracy, accuracy * (1 - accuracy) / variance), abs=1e-4
    )
    assert found["interval"][0] < (shown == predicted).mean() < found["interval"][1]
    moved = manifest.assign(path=[f"/elsewhere/{path.rsplit('/', 1)[1]}" for path in manifest["path"]])
    moved.to_csv(tmp_path / "moved.csv", index=False)
    again = evaluate(result, out=tmp_path / "f", labels=str(tmp_path / "moved.csv")).evaluation["reviewed"]
    assert again["interval"] == found["interval"]


def test_conflicts_with_labels_and_with_another_model_come_first(tmp_path: Path) -> None:
    sure, other = np.full((60, 3), 0.02), np.full((60, 3), 0.02)
    sure[:, 0] = other[:, 0] = 0.96
    other[40:44] = (0.01, 0.01, 0.98)
    paths = [f"{'happy' if at in (7, 8) else 'angry'}/{at}.png" for at in range(60)]
    for name, values in (("r", sure), ("s", other)):
        write(result_table(paths, values), tmp_path / f"{name}.parquet")
    for path in paths:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.new("L", (20, 20)).save(tmp_path / path)
    made = review(tmp_path / "r.parquet", out=tmp_path / "v", images=12, compare=tmp_path / "s.parquet", root=tmp_path)
    reasons = {each.row: reason for each, reason in made.sample.chosen}
    assert {row for row, reason in reasons.items() if reason == "models"} == {40, 41, 42, 43}
    assert {row for row, reason in reasons.items() if reason == "label"} == {7, 8}
    assert sorted(reasons.values()).count("chance") == 3
    data = _data(made.page)
    assert data["columns"] == [
        *("path", "label", "answer", "predicted", "predicted_confidence", "earlier_label", "other_predicted"),
        *("chosen", "weight"),
    ]
    assert data["strata"] == {"chance": 51, "reason": 9}


def test_faces_are_cut_out_for_training(tmp_path: Path) -> None:
    for at, sides in enumerate(([90, 60], [80])):
        write_photo(tmp_path / f"{at}.jpg", photo(480, 320, sides)[0])
    result = predict([tmp_path / "0.jpg", tmp_path / "1.jpg"], out=tmp_path / "r.parquet", faces=True)
    made = review(result, out=tmp_path / "review")
    images = _data(made.page)["images"]
    assert sorted((Path(each["photo"]).name, each["face_index"]) for each in images) == [
        ("0.jpg", 0),
        ("0.jpg", 1),
        ("1.jpg", 0),
    ]
    again = predict([each["path"] for each in images])
    assert again.summary.statuses == {"ok": 3}
    before = {(row["path"], row["face_index"]): row for row in result}
    for each, row in zip(images, again, strict=True):
        assert row["p_happy"] == pytest.approx(before[each["photo"], each["face_index"]]["p_happy"], abs=0.1)


def test_what_makes_no_sense_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["review", str(place / "r.parquet"), "--out", str(tmp_path / "v"), "--images", "9"]
    assert main(arguments) == 0
    assert f"9 images; open {tmp_path / 'v' / 'index.html'} in a browser" in capsys.readouterr().err
    page = (tmp_path / "v" / "index.html").read_bytes()
    assert main(arguments) == 2
    assert "holds a review already" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--quiet"]) == 0
    assert (tmp_path / "v" / "index.html").read_bytes() == page
    with pytest.raises(OutputMismatch, match="holds other things"):
        review(place / "r.parquet", out=place / "faces", overwrite=True)
    with pytest.raises(UsageError, match="`images` must be between 1 and 2000, not 0"):
        review(place / "r.parquet", out=tmp_path / "w", images=0)
    write(result_table(["gone.png"] * 4, np.full((4, 3), 1 / 3), class_names=CLASSES), tmp_path / "gone.parquet")
    with pytest.raises(SourceError, match="none of the images was found; `root` names the folder"):
        review(tmp_path / "gone.parquet", out=tmp_path / "w")
    none = result_table(["a.png"] * 4, np.full((4, 3), 1 / 3), ["missing"] * 4)
    with pytest.raises(SourceError, match=r"no row of .* is scored"):
        review(write(none, tmp_path / "none.parquet"), out=tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_a_page_of_report_is_not_taken_for_one_of_review(place: Path, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    report(place / "r.parquet", out=tmp_path / "v" / "report.html", explain=False)
    with pytest.raises(OutputMismatch, match=r"holds other things \(report\.html"):
        review(place / "r.parquet", out=tmp_path / "v", overwrite=True)
