import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch_emotion import (
    EvaluateOptions,
    PredictOptions,
    SampleOptions,
    SplitOptions,
    TrainOptions,
    evaluate,
    predict,
    sample,
    train,
)
from batch_emotion.commands.models import verify
from batch_emotion.errors import OutputMismatch, UsageError
from batch_emotion.model import quantization
from batch_emotion.model.ancestry import lineage
from batch_emotion.model.held_out import held_out_moments
from batch_emotion.model.model_card import human_card
from batch_emotion.options.images import ManifestOptions
from batch_emotion.options.recipe import Degradation, Recipe
from batch_emotion.options.train import LabelOptions
from batch_emotion.training import int8
from tests.images.pictures import wide_bmp
from tests.support.frames import write_frames
from tests.support.lean import without_tensorflow


def test_a_network_trained_on_the_samples_learns_them_and_predicts(tmp_path: Path) -> None:
    sample(SampleOptions(tmp_path / "faces", count=50))
    sample(SampleOptions(tmp_path / "unseen", count=10, seed=1))
    (tmp_path / "faces" / "happy" / "broken.jpg").write_bytes(b"\xff\xd8\xffbroken")
    (tmp_path / "faces" / "sad" / "wide.bmp").write_bytes(wide_bmp())
    said: list[str] = []
    options = TrainOptions(tmp_path / "faces", tmp_path / "model", recipe=Recipe(epochs=12))
    result = train(options, said.append)
    assert sorted(status for _, status in result.unusable) == ["corrupt", "too_large"]
    assert any("broken.jpg" in line for line in said)
    hint = "242 images are few for a network from nothing; `initial` emotion-7 mostly makes a far better one"
    assert hint in [" ".join(line.split()) for line in said]
    assert len(result.history) == 12
    assert verify(result.bundle).passed
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert card["training"]["unusable_images"] == 2
    assert set(card["files"]) == {
        "model.keras",
        "model.onnx",
        "history.csv",
        "curves.png",
        "train_hashes",
        "golden.csv",
        "held_out.csv",
    }
    moments = held_out_moments(result.bundle, result.bundle.card.class_names)
    assert moments is not None
    assert sum(each.count for each in moments) == card["metrics"]["validation"]["images"]
    assert (tmp_path / "model" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "model.work").exists()

    table = predict(PredictOptions((str(tmp_path / "unseen"),), model=tmp_path / "model")).table
    assert table is not None
    right = [Path(row["path"]).parent.name == row["emotion"] for row in table.to_pylist()]
    assert len(right) == 60
    assert sum(right) / len(right) >= 0.9

    with pytest.raises(OutputMismatch, match="`overwrite`"):
        train(options)


def test_an_int8_network_is_added_where_it_is_as_good(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    options = TrainOptions(faces, tmp_path / "model", recipe=Recipe(epochs=1), int8=True)
    assert train(options, said.append).bundle.int8_file is None
    assert "no int8 network: 36 images are too few to calibrate with; 64 are needed" in said
    for name, value in (("FEWEST_IMAGES", 8), ("AGREEMENT", -1.0)):
        monkeypatch.setattr(quantization, name, value)
    monkeypatch.setattr(int8, "AGREEMENT", -1.0)
    monkeypatch.setattr(int8, "ACCURACY_LOSS", 1.0)
    bundle = train(replace(options, overwrite=True)).bundle
    assert bundle.int8_file is not None
    assert bundle.card.metrics["int8"]["data"] == "the validation images"
    assert verify(bundle).passed
    table = predict(PredictOptions((str(faces),), model=tmp_path / "model", precision="int8")).table
    assert table["status"].to_pylist() == ["ok"] * 48


def test_training_resumes_from_its_checkpoint(tmp_path: Path, faces: Path) -> None:
    options = TrainOptions(faces, tmp_path / "model", recipe=Recipe(epochs=2), resume=True)

    class Killed(Exception):
        pass

    def kill(line: str) -> None:
        if line.split()[0] == "1/2":
            raise Killed

    with pytest.raises(Killed):
        train(options, kill)
    assert not (tmp_path / "model").exists()
    with pytest.raises(OutputMismatch, match="was stopped; give `resume` to carry on, or `overwrite` to start over"):
        train(replace(options, resume=False))
    other = TrainOptions(faces, tmp_path / "model", recipe=Recipe(epochs=2, seed=5), resume=True)
    with pytest.raises(OutputMismatch, match="made in another way: `seed` was 0 and is 5; the training images are oth"):
        train(other)
    swapped = {"sad": "happy", "happy": "sad"}
    relabelled = replace(options, labels=LabelOptions(map_labels=swapped))
    with pytest.raises(OutputMismatch, match="the labels, or the classes that they mean, are others"):
        train(relabelled)
    said: list[str] = []
    train(options, said.append)
    assert [line.split()[0] for line in said if "/2 " in line] == ["2/2"]


def test_senseless_training_is_refused_before_any_work(tmp_path: Path, faces: Path) -> None:
    for options in (
        TrainOptions(faces, tmp_path / "m", architecture="typo"),
        TrainOptions(faces, tmp_path / "m", class_names=("happy",)),
        TrainOptions(faces, tmp_path / "no" / "m"),
        TrainOptions(tmp_path / "gone", tmp_path / "m"),
        TrainOptions(faces, tmp_path / "m", recipe=Recipe(balance=0.5, class_weights=True)),
        TrainOptions(faces, tmp_path / "m", recipe=Recipe(even_mix=0.5, class_weights=True)),
        TrainOptions(faces, tmp_path / "m", recipe=Recipe(initial_weight=0.1)),
        TrainOptions(
            faces, tmp_path / "m", initial="seed-cnn", recipe=Recipe(initial_weight=0.1), split=SplitOptions(folds=2)
        ),
    ):
        with pytest.raises(UsageError):
            train(options)
    assert not (tmp_path / "m").exists()


def test_training_without_its_packages_is_refused_before_any_work(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_tensorflow(monkeypatch)
    with pytest.raises(UsageError, match=r"^train needs .*: pip install tensorflow keras tf2onnx scipy scikit-learn$"):
        train(TrainOptions(faces, tmp_path / "bundle"))
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_mixes_data_sets_and_the_card_tells_their_mix_of_classes(tmp_path: Path) -> None:
    for name, seed in (("first", 0), ("second", 1)):
        sample(SampleOptions(tmp_path / name, count=4, seed=seed))
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    files = [*tmp_path.glob("first/*/*"), *tmp_path.glob("second/happy/*")]
    lines = [",".join(["file", *names])]
    for file in files:
        votes = [10 * (name == file.parent.name) for name in names]
        lines.append(",".join([str(file.relative_to(tmp_path)), *map(str, votes)]))
    (tmp_path / "lists").mkdir()
    manifest = tmp_path / "lists" / "mixed.csv"
    manifest.write_text("\n".join(lines) + "\n")
    labels = LabelOptions(ManifestOptions("file", tmp_path))
    recipe = Recipe(epochs=1, balance=1.0, degradation=Degradation(blur=1, shrink=0.5, jpeg=50, gamma=1.5))
    options = TrainOptions(
        manifest, tmp_path / "model", validation=tmp_path / "first", labels=labels, recipe=recipe,
        class_names=tuple(names), teachers=("seed-cnn",), teacher_weight=0.0,
    )  # fmt: skip
    bundle = train(options).bundle
    assert bundle.card.class_prior == pytest.approx({name: (8 if name == "happy" else 4) / 28 for name in names})
    evened = train(replace(options, recipe=replace(recipe, even_mix=0.5), overwrite=True)).bundle
    assert evened.card.class_prior == pytest.approx(
        {name: (8 if name == "happy" else 4) / 56 + 1 / 12 for name in names}, abs=1e-5
    )
    assert "; 50 % of the way from the mix of the training data to an even one" in human_card(evened.card)
    assert verify(evened).passed
    weighted = replace(recipe, balance=0.0, class_weights=True)
    even = train(replace(options, recipe=weighted, overwrite=True)).bundle
    assert even.card.class_prior == pytest.approx(dict.fromkeys(names, 1 / 6), abs=1e-5)
    assert len(bundle.train_digests() or ()) == 28
    assert bundle.card.training["teachers"] == ["seed-cnn@1"]
    assert bundle.card.training["recipe"]["degradation"]["jpeg"] == 50
    assert verify(even).passed


def test_what_a_teacher_sees_does_not_change_the_mix_of_the_data(tmp_path: Path, faces: Path) -> None:
    recipe = Recipe(epochs=1, balance=0.5)
    options = TrainOptions(faces, tmp_path / "m", recipe=recipe, teachers=("seed-cnn",), teacher_weight=1.0)
    bundle = train(options).bundle
    assert bundle.card.class_prior == pytest.approx(dict.fromkeys(bundle.card.class_names, 1 / 6), abs=1e-5)
    assert verify(bundle).passed


def test_a_teacher_of_other_pixels_is_refused_before_any_work(tmp_path: Path, faces: Path) -> None:
    with pytest.raises(UsageError, match="emotion-7 wants other pixels"):
        train(TrainOptions(faces, tmp_path / "m", teachers=("emotion-7",)))
    assert not list(tmp_path.glob("m*/*"))


def test_people_stay_on_one_side_and_the_card_says_so(tmp_path: Path) -> None:
    write_frames(tmp_path / "faces", people=16, each=4, classes=("happy", "sad"))
    split = SplitOptions(group_regex=r"(p\d+)_")
    card = train(TrainOptions(tmp_path / "faces", tmp_path / "m", split=split, recipe=Recipe(epochs=1))).bundle.card
    assert card.class_names == ("happy", "sad")
    assert card.metrics["near_duplicates"] == 0
    assert card.training["groups"] == {"by": "group by the paths", "count": 16}
    people = card.metrics["validation"]["groups"]
    assert card.metrics["validation"]["images"] == 4 * people
    page = (tmp_path / "m" / "README.md").read_text()
    assert f"95 % intervals, by bootstrap over the {people} groups of images, such as people." in page
    assert "mean recall of the classes" in page


def test_folds_judge_every_image_and_the_network_learns_from_all(tmp_path: Path) -> None:
    write_frames(tmp_path / "faces", people=12, each=3, classes=("happy", "sad"))
    split = SplitOptions(folds=3, group_regex=r"(p\d+)_")
    options = TrainOptions(tmp_path / "faces", tmp_path / "m", split=split, recipe=Recipe(epochs=2), resume=True)

    class Killed(Exception):
        pass

    def kill(line: str) -> None:
        if line == "fold 3 of 3":
            raise Killed

    with pytest.raises(Killed):
        train(options, kill)
    said: list[str] = []
    result = train(options, said.append)
    assert [line[:7] for line in said if line.startswith("fold ")] == ["fold 3 ", "fold 1:", "fold 2:", "fold 3:"]
    metrics = result.bundle.card.metrics
    assert metrics["validation"]["images"] == metrics["training"]["images"] == 36
    crossed = metrics["cross_validation"]
    assert crossed["folds"] == 3
    assert len(result.history) == crossed["epochs"]
    assert crossed["accuracy"]["low"] <= metrics["validation"]["accuracy"] <= crossed["accuracy"]["high"]
    assert len(result.bundle.train_digests() or ()) == 36
    assert verify(result.bundle).passed
    assert "Validated by 3 folds" in (tmp_path / "m" / "README.md").read_text()


def test_a_fine_tuned_network_knows_where_it_comes_from(tmp_path: Path, faces: Path) -> None:
    (tmp_path / "a.toml").write_text('licence = "CC0"\n[data]\nname = "drawn faces"\nlicence = "MIT"\n')
    first = train(TrainOptions(faces, tmp_path / "first", recipe=Recipe(epochs=1), about=tmp_path / "a.toml")).bundle
    other = tmp_path / "other"
    sample(SampleOptions(other, count=4, seed=5))
    (other / "happy").rename(other / "joy")
    (other / "sad").rename(other / "contempt")
    said: list[str] = []
    options = TrainOptions(
        other,
        tmp_path / "second",
        initial=str(tmp_path / "first"),
        validation=faces,
        recipe=Recipe(epochs=1, steps=2, initial_weight=0.5),
    )
    second = train(options, said.append).bundle
    text = " ".join(" ".join(said).split())
    assert "from nothing" not in text
    assert "warning: 30 of 40 validation images are in the training data of first, so the figures of the epochs" in text
    fresh = second.card.metrics["validation_without_duplicates"]
    assert fresh["images"] == 10
    assert second.card.summary == (
        f"seed-cnn, right on {fresh['accuracy']:.1%} of its validation images that are not in the training data, "
        f"mean recall {fresh['balanced_accuracy']:.1%}"
    )
    assert second.card.class_names == ("angry", "disgust", "fear", "joy", "surprise", "contempt")
    assert second.card.architecture == "seed-cnn"
    assert any(line.startswith("recipe fine-tune: `architecture` seed-cnn, ") for line in said)
    assert second.card.training["recipe"]["learning_rate"] == 0.001
    assert (second.train_digests() or set()) > (first.train_digests() or set())
    assert second.card.training["ancestors"] == [
        {
            "name": "first",
            "sha256": first.sha256,
            "licence": "CC0",
            "about_data": {"name": "drawn faces", "source": "", "licence": "MIT", "faults": []},
            "images": len(first.train_digests() or ()),
        }
    ]
    page = (tmp_path / "second" / "README.md").read_text()
    assert "- `first`: data: drawn faces; their licence: MIT; " in page
    assert "Of `first`, which it started from, the weights: CC0; the data: MIT." in page

    assert [each["name"] for each in lineage(second)] == ["second", "first"]
    evaluated = evaluate(EvaluateOptions(faces, tmp_path / "e", model=str(tmp_path / "second"))).evaluation
    assert evaluated["in_training"]["images"] == 30  # six of each class; the second has none that means sad


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe_name": "fine-tune"}, "`recipe_name` fine-tune starts from a model"),
        ({"recipe": Recipe(epochs=2, frozen=2)}, "`frozen` must be less than `epochs`"),
        ({"split": SplitOptions(folds=2), "int8": True}, "`int8` is checked on validation images"),
        ({"split": SplitOptions(folds=2), "validation": Path("x")}, "give it or `validation`"),
        ({"split": SplitOptions(group_regex="(")}, "no regular expression"),
        ({"split": SplitOptions(group_regex="nothing")}, "is found in no path, such as "),
        ({"split": SplitOptions(group_column="person")}, "the data are folders, which `group_regex` is for"),
        ({"split": SplitOptions(group_column="person", group_regex="x")}, "give one of them"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    changes: dict[str, Any], message: str, tmp_path: Path, faces: Path
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        train(replace(TrainOptions(faces, tmp_path / "m"), **changes))
    assert not (tmp_path / "m").exists()
