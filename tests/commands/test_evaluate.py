import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from batch_emotion import DEFAULT_MODEL, EvaluateOptions, PredictOptions, evaluate, load_bundle, predict, report
from batch_emotion.cli import main
from batch_emotion.commands.evaluate import FILES
from batch_emotion.errors import BatchEmotionError, OutputMismatch, SourceError, UsageError
from batch_emotion.evaluation.table import evaluation_table
from batch_emotion.images.decode import load_image
from batch_emotion.model.bundle import models_folder
from batch_emotion.options.images import Limits, SourceOptions
from batch_emotion.records import pixel_digests
from batch_emotion.results.reader import StoredResult
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.commits import file_sha256
from tests.images.pictures import wide_bmp
from tests.support.made_results import result_table, write

SIX = ("angry", "disgust", "fear", "happy", "sad", "surprise")


@pytest.fixture
def data(faces: Path, tmp_path: Path) -> Path:
    """The six classes, four images of one that six-class models lack, and one that cannot be decoded."""
    folder = tmp_path / "data"
    shutil.copytree(faces, folder)
    (folder / "Neutral").mkdir()
    for number in range(4):
        shutil.copy(faces / "sad" / f"sad-000{number + 1}.png", folder / "Neutral" / f"{number}.png")
    (folder / "happy" / "broken.jpg").write_bytes(b"\xff\xd8\xffbroken")
    return folder


@pytest.fixture
def informed(data: Path, tmp_path: Path) -> Path:
    """The bundled model, as if the happy faces were all that it was trained on."""
    folder = tmp_path / "informed"
    shutil.copytree(models_folder() / "seed-cnn", folder)
    spec = load_bundle(folder).card.input
    happy = [load_image(str(path), spec, Limits()).pixels for path in sorted((data / "happy").glob("*.png"))]
    hashes = folder / "train_hashes"
    hashes.write_text("\n".join(pixel_digests(np.stack([p for p in happy if p is not None]))))
    card = load_bundle(folder).card
    card = replace(card, files=card.files | {hashes.name: file_sha256(hashes)})
    (folder / "card.json").write_text(card.to_json())
    return folder


def _figures(evaluation: dict) -> dict:
    return {key: evaluation[key] for key in ("all", "without_duplicates", "left_out", "reliability", "agreement")}


def test_the_figures_are_those_of_the_predictions(data: Path, tmp_path: Path) -> None:
    evaluation = evaluate(EvaluateOptions(data, tmp_path / "e", "emotion-6")).evaluation
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == sorted(FILES)
    assert json.loads((tmp_path / "e" / "evaluation.json").read_text()) == json.loads(json.dumps(evaluation))
    assert evaluation["format_version"] == 2
    table = predict(PredictOptions((str(data),), model="emotion-6")).table
    assert table is not None
    rows = [(Path(row["path"]).parent.name.lower(), row) for row in table.to_pylist() if row["status"] == "ok"]
    judged = [(label, row) for label, row in rows if label in SIX]
    assert evaluation["all"]["images"] == len(judged) == 48
    assert evaluation["all"]["accuracy"] == pytest.approx(
        np.mean([label == row["emotion"] for label, row in judged]), abs=1e-6
    )
    assert evaluation["data"]["images"] == 53
    assert evaluation["data"]["not_scored"] == {"corrupt": 1}
    neutral = [row for label, row in rows if label == "neutral"]
    counts = evaluation["left_out"]["neutral"]["predicted"]
    assert {name: count for name, count in counts.items() if count} == {
        name: sum(row["emotion"] == name for row in neutral) for name in {row["emotion"] for row in neutral}
    }
    assert evaluation["left_out"]["neutral"]["mean_confidence"] == pytest.approx(
        np.mean([row["confidence"] for row in neutral]), abs=1e-5
    )
    surest = max((row["confidence"], row["path"]) for label, row in judged if label != row["emotion"])
    assert evaluation["mistakes"][0]["path"] == surest[1]
    confidences = [mistake["confidence"] for mistake in evaluation["mistakes"]]
    assert confidences == sorted(confidences, reverse=True)


def test_an_image_of_impossible_sides_is_left_out(data: Path, tmp_path: Path) -> None:
    (data / "happy" / "wide.bmp").write_bytes(wide_bmp())
    told = evaluate(EvaluateOptions(data, tmp_path / "e", "emotion-6")).evaluation
    assert told["data"]["not_scored"] == {"corrupt": 1, "too_large": 1}
    assert told["all"]["images"] == 48


def test_images_of_the_training_data_are_found_and_taken_out(data: Path, informed: Path, tmp_path: Path) -> None:
    evaluation = evaluate(EvaluateOptions(data, tmp_path / "e", informed)).evaluation
    assert evaluation["in_training"] == {"images": 8}
    assert evaluation["all"]["images"] == 48
    assert evaluation["without_duplicates"]["images"] == 40
    assert evaluation["without_duplicates"]["per_class"]["happy"]["support"] == 0
    fresh, of_all = (f"{evaluation[side]['accuracy'] * 100:.1f} %" for side in ("without_duplicates", "all"))
    page = " ".join(_Page((tmp_path / "e" / "evaluation.html").read_text()).text.split())
    assert re.search(rf"accuracy ?{fresh} [^a-z]*all images: {of_all}", page)
    shown = evaluation_table(evaluation)
    remark = "8 of the 48 images are in the training data too, pixel for pixel: the scores without"
    assert remark in " ".join(shown.split())
    assert shown.index("without duplicates") < shown.index("all images")
    (informed / "train_hashes").unlink()
    unknown = evaluate(EvaluateOptions(data, tmp_path / "f", informed)).evaluation
    assert unknown["in_training"]["images"] is None
    assert "no record" in unknown["in_training"]["reason"]
    assert unknown["without_duplicates"] is None


def test_images_that_are_all_in_the_training_data_tell_nothing(data: Path, informed: Path, tmp_path: Path) -> None:
    paths = sorted((data / "happy").glob("*.png"))
    (tmp_path / "m.csv").write_text("path,label\n" + "".join(f"{path},happy\n" for path in paths))
    evaluation = evaluate(EvaluateOptions(tmp_path / "m.csv", tmp_path / "e", informed)).evaluation
    assert evaluation["without_duplicates"] is None
    remark = "All 8 images are in the training data, so no score tells how good the model is on new ones."
    assert remark in " ".join(evaluation_table(evaluation).split())
    assert remark in _Page((tmp_path / "e" / "evaluation.html").read_text()).text


def test_groups_are_compared_on_images_that_are_not_in_the_training_data(
    data: Path, informed: Path, tmp_path: Path
) -> None:
    paths = sorted(path for name in SIX for path in (data / name).glob("*.png"))
    lines = [
        f"{path},{path.parent.name},{'known' if path.parent.name == 'happy' else 'new' + str(at % 2)}"
        for at, path in enumerate(paths)
    ]
    (tmp_path / "m.csv").write_text("path,label,who\n" + "\n".join(lines) + "\n")
    options = EvaluateOptions(tmp_path / "m.csv", tmp_path / "e", informed, group_by=("who",))
    evaluation = evaluate(options).evaluation
    who = evaluation["groups"][0]
    known, *new = sorted(who["groups"], key=lambda each: str(each["value"]))
    assert (known["images"], known["judged"], known["in_training"], known["accuracy"]) == (8, 0, 8, None)
    assert [(each["images"], each["judged"], each["in_training"]) for each in new] == [(20, 20, 0)] * 2
    assert {who["gaps"]["accuracy"][end] for end in ("highest", "lowest")} == {"new0", "new1"}
    shown = evaluation_table(evaluation)
    assert re.search(r"^by who +images +in training +accuracy", shown, re.M)
    assert re.search(r"^known +8 +8 +– +– ", shown, re.M)
    assert max(map(len, shown.splitlines())) <= 80
    assert "in the training data</th>" in (tmp_path / "e" / "evaluation.html").read_text()


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_a_result_gives_the_same_figures_as_its_images(name: str, data: Path, informed: Path, tmp_path: Path) -> None:
    result = tmp_path / name
    predict(PredictOptions((str(data),), result, model=informed, shard_size=20))
    by_images = evaluate(EvaluateOptions(data, tmp_path / "e", informed)).evaluation
    by_result = evaluate(EvaluateOptions(result, tmp_path / "f", informed)).evaluation
    assert _figures(by_result) == _figures(by_images)
    assert by_result["mistakes"] == by_images["mistakes"]
    with pytest.raises(UsageError, match="another model"):
        evaluate(EvaluateOptions(result, tmp_path / "g", _other(informed, tmp_path)))
    shutil.rmtree(data)
    lost = evaluate(EvaluateOptions(result, tmp_path / "h", informed)).evaluation
    assert lost["all"] == by_images["all"]
    assert lost["in_training"]["images"] is None
    assert "not found" in lost["in_training"]["reason"]


def test_a_result_is_read_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predict(PredictOptions((str(data),), tmp_path / "r.parquet", model="emotion-6"))
    read: list[object] = []
    batches = StoredResult.batches

    def counting(result: StoredResult, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        read.append(columns)
        return batches(result, columns)

    monkeypatch.setattr(StoredResult, "batches", counting)
    evaluation = evaluate(EvaluateOptions(tmp_path / "r.parquet", tmp_path / "e")).evaluation
    assert evaluation["all"]["images"] == 48
    assert len(read) == 1


def test_a_result_away_from_its_run_json_is_still_of_its_model(data: Path, tmp_path: Path) -> None:
    predict(PredictOptions((str(data),), tmp_path / "r.parquet"))
    (tmp_path / "r.parquet.run.json").unlink()
    model = evaluate(EvaluateOptions(tmp_path / "r.parquet", tmp_path / "e")).evaluation["model"]
    assert (model["name"], model["sha256"]) == (DEFAULT_MODEL, load_bundle().sha256)


def _other(bundle: Path, tmp_path: Path) -> Path:
    shutil.copytree(bundle, tmp_path / "other")
    card = tmp_path / "other" / "card.json"
    card.write_text(card.read_text().replace('"area"', '"nearest"'))
    return tmp_path / "other"


def test_a_result_is_joined_with_given_labels(faces: Path, tmp_path: Path) -> None:
    result = tmp_path / "r.csv"
    predict(PredictOptions((str(faces / "happy"),), result))
    paths = [str(path) for path in sorted((faces / "happy").iterdir())]
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "path,label\n" + "".join(f"{path},{'Sad' if n < 3 else 'bored'}\n" for n, path in enumerate(paths[:-1]))
    )
    evaluation = evaluate(EvaluateOptions(result, tmp_path / "e", labels=str(labels))).evaluation
    assert evaluation["all"]["per_class"]["sad"]["support"] == evaluation["all"]["images"] == 3
    assert {label: each["images"] for label, each in evaluation["left_out"].items()} == {"bored": 4}
    assert evaluation["data"]["unlabelled"] == 1
    relative = tmp_path / "relative.csv"
    relative.write_text(
        "path,label\n" + "".join(f"../{Path(path).relative_to(faces.parent.parent)},sad\n" for path in paths)
    )
    shutil.copy(relative, faces.parent / "relative.csv")
    evaluation = evaluate(EvaluateOptions(result, tmp_path / "f", labels=str(faces.parent / "relative.csv"))).evaluation
    assert evaluation["all"]["per_class"]["sad"]["support"] == 8


def test_a_result_without_any_label_is_refused(faces: Path, tmp_path: Path) -> None:
    shutil.copytree(faces / "happy", tmp_path / "photos")
    predict(PredictOptions((str(tmp_path / "photos"),), tmp_path / "r.parquet"))
    with pytest.raises(UsageError, match="`labels`"):
        evaluate(EvaluateOptions(tmp_path / "r.parquet", tmp_path / "e"))
    with pytest.raises(UsageError, match="without labels"):
        evaluate(EvaluateOptions(tmp_path / "r.parquet", tmp_path / "e", labels="none"))


def test_the_folders_can_be_preferred_to_the_column(faces: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    lines = [f"{path},sad" for path in sorted((faces / "happy").iterdir())]
    manifest.write_text("\n".join(["path,label", *lines]) + "\n")
    predict(PredictOptions((str(manifest),), tmp_path / "r.parquet"))
    for labels, name in ((None, "sad"), ("folders", "happy")):
        evaluation = evaluate(
            EvaluateOptions(tmp_path / "r.parquet", tmp_path / (labels or "column"), labels=labels)
        ).evaluation
        assert evaluation["all"]["per_class"][name]["support"] == len(lines) == 8


def test_agreement_counts_the_clear_majorities_whatever_the_label(data: Path, informed: Path, tmp_path: Path) -> None:
    bundle = load_bundle("seed-cnn")
    table = predict(PredictOptions((str(data),), model=informed)).table
    assert table is not None
    predicted = {row["path"]: row["emotion"] for row in table.to_pylist()}
    votes = tmp_path / "votes.csv"
    lines = [f"file,{','.join(SIX)},neutral,unknown"]
    wanted = {"happy/happy-0001.png": (predicted[f"{data}/happy/happy-0001.png"], 6), "Neutral/0.png": ("sad", 9)}
    wanted |= {"sad/sad-0001.png": ("neutral", 8), "fear/fear-0001.png": ("fear", 5)}
    for name, (choice, count) in wanted.items():
        cells = [str(count if each == choice else 0) for each in (*SIX, "neutral")]
        lines.append(f"public/{name},{','.join(cells)},{10 - count}")
    votes.write_text("\n".join(lines) + "\n")
    agreement = evaluate(EvaluateOptions(data, tmp_path / "e", informed, votes=votes)).evaluation["agreement"]
    assert agreement["votes"] == "votes.csv"
    assert (agreement["matched"], agreement["unmatched"]) == (4, 49)
    assert agreement["all"]["images"] == 2
    agreed = 1 + (predicted[f"{data}/Neutral/0.png"] == "sad")
    assert agreement["all"]["agreement"] == agreed / 2
    assert agreement["all"]["label_agreement"] == (1 if predicted[f"{data}/happy/happy-0001.png"] == "happy" else 0) / 2
    assert agreement["without_duplicates"]["images"] == 1
    assert sum(each["images"] for each in agreement["all"]["per_class"].values()) == 2
    assert set(agreement["all"]["per_class"]) == set(bundle.card.class_names)


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_takes_names_for_text(faces: Path, tmp_path: Path) -> None:
    evil = tmp_path / "d" / "<script>alert(1)<" / "script>.png"
    evil.parent.mkdir(parents=True)
    face = next((faces / "happy").iterdir())
    shutil.copy(face, evil)
    shutil.copy(face, tmp_path / "d" / "b.png")
    labels = ["<i>x</i>", "angry", "disgust", "fear"]
    copies = [evil, *(evil.with_name(f"script>{at}.png") for at in range(1, len(labels)))]
    for copy in copies[1:]:
        shutil.copy(face, copy)
    lines = [f"{path.relative_to(tmp_path / 'd')},{label}" for path, label in zip(copies, labels, strict=True)]
    lines += ["gone.png,sad", "b.png,surprise"]
    (tmp_path / "d" / "m.csv").write_text("path,label\n" + "\n".join(lines) + "\n")
    evaluation = evaluate(EvaluateOptions(tmp_path / "d" / "m.csv", tmp_path / "e")).evaluation
    assert any("<script>" in mistake["path"] for mistake in evaluation["mistakes"])
    html = (tmp_path / "e" / "evaluation.html").read_text()
    page = _Page(html)
    assert [each for each in page.tags if each[0] in ("script", "link", "i", "iframe")] == [("script", {})]
    assert "alert(1)" not in html.rpartition("<script>")[2]
    assert "<script>alert(1)</script>1.png" in page.text
    assert "<i>x</i>" in page.text
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    listed = html.count('width="48"')
    assert listed == len(evaluation["mistakes"])
    assert len(images) == 2 + len(evaluation["mistakes"]) + listed
    for attributes in images:
        assert (attributes["src"] or "").startswith("data:image/")
        assert attributes["alt"]
    links = [
        value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href", "srcset")
    ]
    assert all((value or "").startswith("data:") for value in links)
    assert [tag for tag, _ in page.tags if tag == "h1"] == ["h1"]
    assert [tag for tag, _ in page.tags].count("h2") >= 5
    assert ("html", {"lang": "en"}) in page.tags


def test_what_cannot_be_evaluated_is_refused_and_nothing_is_written(data: Path, tmp_path: Path) -> None:
    (tmp_path / "broken" / "happy").mkdir(parents=True)
    (tmp_path / "broken" / "happy" / "a.jpg").write_bytes(b"x")
    shutil.copytree(data / "Neutral", tmp_path / "others" / "neutral")
    for source, error in (("broken", BatchEmotionError), ("others", SourceError), ("gone", SourceError)):
        with pytest.raises(error):
            evaluate(EvaluateOptions(tmp_path / source, tmp_path / "e", "emotion-6"))
    with pytest.raises(UsageError, match="`labels` goes with a result"):
        evaluate(EvaluateOptions(data, tmp_path / "e", labels=str(tmp_path / "l.csv")))
    with pytest.raises(UsageError, match="make it first"):
        evaluate(EvaluateOptions(data, tmp_path / "no" / "e"))
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part-000000.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="parts cannot be read"):
        evaluate(EvaluateOptions(tmp_path / "parts", tmp_path / "e"))
    assert not (tmp_path / "e").exists()


def test_only_an_evaluation_is_replaced_and_only_when_asked(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "e"
    out.mkdir()
    (out / "thesis.txt").write_text("do not lose")
    with pytest.raises(OutputMismatch, match="other things"):
        evaluate(EvaluateOptions(data, out, overwrite=True))
    assert (out / "thesis.txt").read_text() == "do not lose"
    (out / "thesis.txt").unlink()
    evaluate(EvaluateOptions(data, out))
    with pytest.raises(OutputMismatch, match="`overwrite`"):
        evaluate(EvaluateOptions(data, out))
    evaluate(EvaluateOptions(data, out, overwrite=True, seed=1))
    assert json.loads((out / "evaluation.json").read_text())["method"]["seed"] == 1


def test_the_validation_folder_is_evaluated_where_there_is_one(faces: Path, tmp_path: Path) -> None:
    shutil.copytree(faces, tmp_path / "d" / "train")
    shutil.copytree(faces / "happy", tmp_path / "d" / "val" / "happy")
    evaluation = evaluate(EvaluateOptions(tmp_path / "d", tmp_path / "e")).evaluation
    assert evaluation["data"]["name"] == "val"
    assert evaluation["all"]["images"] == 8


def test_the_command_prints_a_table_of_80_columns(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(data), "--model", "emotion-6", "--out", str(tmp_path / "e")]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "LEFT OUT: 4 of 52 labelled images: their label is none of the classes: neutral"
    assert lines[1] == "(4); --map-labels says which class a label means"
    assert lines[3] == "emotion-6 on data"
    assert any(line.startswith("accuracy") and "without duplicates" in lines[5] for line in lines)
    assert "not scored: 1 corrupt" in printed.err
    assert main(["evaluate", str(data), "--out", str(tmp_path / "q"), "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.out + printed.err == ""


def test_pixel_digests_tell_pixels_apart(faces: Path) -> None:
    plan = make_plan([str(faces / "happy")])
    spec = load_bundle().card.input
    pixels = [load_image(path, spec, Limits()).pixels for path in plan.images["location"].to_pylist()]
    stack = np.stack([each for each in pixels if each is not None])
    assert len(set(pixel_digests(stack))) == 8
    changed = stack.copy()
    changed[0, 0, 0, 0] ^= 1
    assert pixel_digests(changed)[0] != pixel_digests(stack)[0]
    assert pixel_digests(changed)[1:] == pixel_digests(stack)[1:]


def test_a_manifest_brings_its_own_column_and_root_or_votes(faces: Path, tmp_path: Path) -> None:
    names = [f"{emotion}/{emotion}-0001.png" for emotion in SIX]
    (tmp_path / "m.csv").write_text("file,label\n" + "".join(f"{name},{name.split('/')[0]}\n" for name in names))
    by_label = evaluate(
        EvaluateOptions(tmp_path / "m.csv", tmp_path / "e", "emotion-6", path_column="file", root=faces)
    ).evaluation
    assert by_label["data"]["not_scored"] == {}
    rows = [f"{name},{','.join('8' if name.startswith(each) else '1' for each in SIX)}" for name in names]
    rows.append(f"{names[0]},0,0,0,0,0,0")
    (tmp_path / "v.csv").write_text(f"path,{','.join(SIX)}\n" + "\n".join(rows) + "\n")
    by_votes = evaluate(EvaluateOptions(tmp_path / "v.csv", tmp_path / "f", "emotion-6", root=faces)).evaluation
    assert by_votes["all"] == by_label["all"]
    assert by_votes["data"]["unlabelled"] == 1


@pytest.mark.parametrize("model", ["emotion-6", "emotion-7"])
def test_the_most_votes_decide_although_the_class_is_not_asked_for(faces: Path, tmp_path: Path, model: str) -> None:
    files = [f"{emotion}/{emotion}-0001.png" for emotion in SIX]
    rows = [f"{file},{','.join('3' if file.startswith(each) else '0' for each in SIX)},9\n" for file in files[:2]]
    rows += [f"{file},{','.join('3' if file.startswith(each) else '0' for each in SIX)},1\n" for file in files[2:]]
    (tmp_path / "v.csv").write_text(f"path,{','.join(SIX)},Neutrality\n" + "".join(rows))
    options = EvaluateOptions(tmp_path / "v.csv", tmp_path / "e", model, root=faces, only=SIX)
    evaluation = evaluate(options).evaluation
    assert {name: each["support"] for name, each in evaluation["all"]["per_class"].items()} == {
        name: int(at > 1) for at, name in enumerate(SIX)
    }
    assert evaluation["left_out"]["neutral"]["images"] == 2


def test_a_result_of_a_network_of_anothers_making_is_measured_by_naming_it(faces: Path, tmp_path: Path) -> None:
    network, names = models_folder() / "seed-cnn" / "model.keras", tuple(SIX)
    shutil.copy(network, tmp_path / "mine.keras")
    predict(faces, out=tmp_path / "r.parquet", model=tmp_path / "mine.keras", class_names=names)
    for given in ({}, {"class_names": names}):
        made = evaluate(tmp_path / "r.parquet", out=tmp_path / f"e{len(given)}", model=tmp_path / "mine.keras", **given)
        assert made.evaluation["model"]["architecture"] == "seed_cnn"
    report(tmp_path / "r.parquet", out=tmp_path / "r.html", model=tmp_path / "mine.keras")
    assert "name it with" not in (tmp_path / "r.html").read_text()


def test_an_image_that_is_listed_again_is_told_and_with_another_label_left_out(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    happy, sad = (next((faces / name).iterdir()) for name in ("happy", "sad"))
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"path,label\n{happy},happy\n{sad},sad\n{happy},Happiness\n")
    assert main(["evaluate", str(manifest), "--out", str(tmp_path / "e")]) == 0
    assert "1 row lists an image again; every row counts" in capsys.readouterr().err
    manifest.write_text(f"path,label\n{happy},happy\n{sad},sad\n{happy.parent}/../happy/{happy.name},sad\n")
    predict(PredictOptions((str(manifest),), tmp_path / "r.parquet"))
    for number, data in enumerate((manifest, tmp_path / "r.parquet")):
        assert main(["evaluate", str(data), "--out", str(tmp_path / f"f{number}")]) == 0
        told = " ".join(capsys.readouterr().err.split())
        assert f"left out: 1 image with different labels, such as happy and sad for {happy}" in told
        evaluation = json.loads((tmp_path / f"f{number}" / "evaluation.json").read_text())
        assert evaluation["all"]["images"] == 1
        assert (evaluation["data"]["disputed"], evaluation["data"]["unlabelled"]) == (1, 0)
        assert "1 with different labels left out" in (tmp_path / f"f{number}" / "evaluation.html").read_text()


def test_labels_are_read_as_people_write_them_and_what_is_left_out_is_said_first(faces: Path, tmp_path: Path) -> None:
    words = {"angry": "Anger", "fear": "afraid", "happy": "Happiness", "sad": "sadness", "surprise": "Surprised "}
    shutil.copytree(faces, tmp_path / "d")
    plain = evaluate(EvaluateOptions(tmp_path / "d", tmp_path / "plain")).evaluation
    for name, word in words.items():
        (tmp_path / "d" / name).rename(tmp_path / "d" / word)
    worded = evaluate(EvaluateOptions(tmp_path / "d", tmp_path / "worded")).evaluation
    assert worded["all"]["confusion_matrix"] == plain["all"]["confusion_matrix"]
    assert worded["left_out"] == {}
    (tmp_path / "d" / "Anger").rename(tmp_path / "d" / "Angree")
    left = evaluate(EvaluateOptions(tmp_path / "d", tmp_path / "left")).evaluation
    assert left["left_out"]["angree"]["images"] == 8
    alarm = "LEFT OUT: 8 of 48 labelled images: their label is none of the classes: angree (8, nearest class: angry)"
    assert " ".join(evaluation_table(left).split()).startswith(alarm)
    page = (tmp_path / "left" / "evaluation.html").read_text()
    assert page.index("<h1>") < page.index(alarm) < page.index("Scores")
    mapped = EvaluateOptions(tmp_path / "d", tmp_path / "mapped", map_labels={"angree": "angry"})
    assert evaluate(mapped).evaluation["all"]["confusion_matrix"] == plain["all"]["confusion_matrix"]


def test_a_column_of_numbers_called_emotion_goes_through_predict_and_evaluate(faces: Path, tmp_path: Path) -> None:
    order = dict(enumerate(SIX))
    lines = [f"{name}/{name}-0001.png,{number},{name}\n" for number, name in order.items()]
    (tmp_path / "m.csv").write_text("image,emotion,was\n" + "".join(lines))
    options = ["--path-column", "image", "--root", str(faces)]
    manifest, out = str(tmp_path / "m.csv"), str(tmp_path / "r.csv")
    with pytest.raises(SourceError, match="`label_column` emotion carries the labels of that one as label"):
        predict(PredictOptions((manifest,), Path(out), source=SourceOptions("image", faces)))
    assert main(["predict", manifest, *options, "--label-column", "emotion", "--out", out, "--quiet"]) == 0
    with pytest.raises(BatchEmotionError, match=r"could be scored.*`map_labels`"):
        evaluate(EvaluateOptions(Path(out), tmp_path / "no"))
    numbers = ["--map-labels", ",".join(SIX), "--out"]
    assert main(["evaluate", out, *numbers, str(tmp_path / "a")]) == 0
    assert main(["evaluate", manifest, *options, "--label-column", "emotion", *numbers, str(tmp_path / "b")]) == 0
    assert main(["evaluate", out, "--label-column", "was", "--out", str(tmp_path / "c")]) == 0
    by_result, by_images, by_words = (json.loads((tmp_path / each / "evaluation.json").read_text()) for each in "abc")
    assert by_result["all"]["confusion_matrix"] == by_images["all"]["confusion_matrix"]
    assert by_result["all"] == by_words["all"]


def test_votes_of_six_classes_measure_a_model_of_seven_with_only(faces: Path, tmp_path: Path) -> None:
    names = [f"{emotion}/{emotion}-0001.png" for emotion in SIX]
    header = "Anger,Disgust,Fear,Happiness,Sadness,Surprise"
    rows = [f"{name},{','.join('8' if name.startswith(each) else '1' for each in SIX)}\n" for name in names]
    (tmp_path / "v.csv").write_text(f"file,{header}\n" + "".join(rows))
    with pytest.raises(SourceError, match="neither a column 'label' nor one for each class"):
        evaluate(EvaluateOptions(tmp_path / "v.csv", tmp_path / "a", path_column="file", root=faces))
    votes = tmp_path / "v.csv"
    options = EvaluateOptions(votes, tmp_path / "b", only=SIX, path_column="file", root=faces, votes=votes)
    evaluation = evaluate(options).evaluation
    assert evaluation["all"]["images"] == 6
    assert evaluation["model"]["class_names"] == list(SIX)
    agreement = evaluation["agreement"]
    assert agreement is not None
    assert agreement["all"]["agreement"] == evaluation["all"]["accuracy"]


def test_nothing_is_left_beside_what_is_no_evaluation(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    assert main(["evaluate", str(faces), "--out", str(tmp_path / "mine"), "--overwrite"]) == 2
    assert "holds other things (thesis.txt" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_result_that_does_not_say_what_made_it_asks_for_the_model(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [str(image) for image in sorted((faces / "sad").iterdir())[:3]]
    result = write(result_table(images, np.eye(3)), tmp_path / "r.csv")
    assert main(["evaluate", str(result), "--out", str(tmp_path / "e")]) == 0
    assert "it is not known which model made the result; name it with --model" in capsys.readouterr().err
