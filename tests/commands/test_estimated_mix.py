"""The estimated mix of a result, beside the count, in run.json, the summary and the report."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from batch_emotion import PredictOptions, SampleOptions, predict, sample
from batch_emotion.cli import main
from batch_emotion.metrics.quantification import FEWEST

MODEL = "seed-cnn"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "faces"
    sample(SampleOptions(folder, count=20))
    return folder


def _counts(out: Path) -> dict[str, Any]:
    counts: dict[str, Any] = json.loads(out.with_name(out.name + ".run.json").read_text())["result"]["counts"]
    return counts


def _close(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, each in one.items():
        assert each == pytest.approx(other[name], abs=2e-4)


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_it_stands_beside_the_count_and_does_not_depend_on_the_assumed_mix(
    tmp_path: Path, many: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, even = tmp_path / name, tmp_path / f"even{Path(name).suffix}"
    assert main(["predict", str(many), "--model", MODEL, "--out", str(out)]) == 0
    text = capsys.readouterr().err
    mix = _counts(out)["estimated_mix"]
    assert f"Estimated class mix: angry {mix['angry']['share']:.1%} (" in text
    assert sum(each["share"] for each in mix.values()) == pytest.approx(1, abs=1e-5)
    assert main(["predict", str(many), "--model", MODEL, "--out", str(even), "--class-prior", "uniform"]) == 0
    _close(_counts(even)["estimated_mix"], mix)
    numbers, page = tmp_path / "n.json", tmp_path / "p.html"
    assert main(["report", str(even), "--out", str(page), "--json", str(numbers), "--no-explain"]) == 0
    _close(json.loads(numbers.read_text())["estimated_mix"], mix)
    assert "95 % interval" in page.read_text()
    again = predict(PredictOptions((str(many),), out, model=MODEL))
    assert (again.outcome, again.summary.estimated_mix) == ("nothing to do", mix)


def test_merged_tasks_have_the_mix_of_a_single_run(tmp_path: Path, many: Path) -> None:
    parts = [str(tmp_path / f"{index}.parquet") for index in range(2)]
    for index, part in enumerate(parts):
        task = ["--task-index", str(index), "--task-count", "2"]
        assert main(["predict", str(many), "--model", MODEL, "--out", part, "--class-prior", "auto", *task]) == 0
        assert "estimated_mix" not in _counts(Path(part)), f"{60} images are fewer than {FEWEST}"
    assert main(["merge", *parts, "--out", str(tmp_path / "r.parquet")]) == 0
    predict(PredictOptions((str(many),), tmp_path / "whole.parquet", model=MODEL))
    _close(_counts(tmp_path / "r.parquet")["estimated_mix"], _counts(tmp_path / "whole.parquet")["estimated_mix"])


def test_an_update_and_kept_classes_have_theirs(tmp_path: Path, many: Path) -> None:
    source, out = tmp_path / "faces", tmp_path / "r.parquet"
    shutil.copytree(many, source)
    arguments = [str(source), "--model", MODEL, "--out", str(out), "--only", "happy,sad,surprise"]
    assert main(["predict", *arguments, "--class-prior", "uniform"]) == 0
    first = _counts(out)["estimated_mix"]
    assert list(first) == ["happy", "sad", "surprise"]
    assert main(["predict", *arguments, "--class-prior", "training", "--update"]) == 0
    _close(_counts(out)["estimated_mix"], first)


def test_groups_with_enough_images_have_theirs(tmp_path: Path, many: Path) -> None:
    images = sorted(many.rglob("*.png"))
    manifest, out = tmp_path / "m.csv", tmp_path / "r.parquet"
    rows = [f"{image},{'a' if at < FEWEST else 'b'}\n" for at, image in enumerate(images)]
    manifest.write_text("path,camera\n" + "".join(rows))
    assert main(["predict", str(manifest), "--model", MODEL, "--out", str(out)]) == 0
    numbers, page = tmp_path / "n.json", tmp_path / "p.html"
    report = ["report", str(out), "--out", str(page), "--json", str(numbers), "--no-explain", "--group-by", "camera"]
    assert main(report) == 0
    groups = {each["value"]: each["estimated_mix"] for each in json.loads(numbers.read_text())["groups"]["groups"]}
    assert groups["b"] is None
    alone = tmp_path / "alone.parquet"
    manifest.write_text("path,camera\n" + "".join(rows[:FEWEST]))
    assert main(["predict", str(manifest), "--model", MODEL, "--out", str(alone)]) == 0
    _close(groups["a"], _counts(alone)["estimated_mix"])
    assert "the estimated share and its 95 % interval, of groups" in page.read_text()


def test_without_an_estimate_the_page_says_why(tmp_path: Path, faces: Path) -> None:
    out, page = tmp_path / "r.parquet", tmp_path / "p.html"
    assert main(["predict", str(faces), "--model", MODEL, "--out", str(out)]) == 0
    assert "estimated_mix" not in _counts(out)
    assert main(["report", str(out), "--out", str(page), "--no-explain"]) == 0
    assert "48 are fewer than the 100 that it takes" in page.read_text()
