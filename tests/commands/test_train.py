import json
from pathlib import Path

import pytest

from batch_emotion import PredictOptions, SampleOptions, TrainOptions, predict, sample, train
from batch_emotion.commands.models import verify
from batch_emotion.errors import OutputMismatch, UsageError
from batch_emotion.training.fit import Recipe
from tests.images.pictures import wide_bmp


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
    }
    assert (tmp_path / "model" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "model.work").exists()

    table = predict(PredictOptions((str(tmp_path / "unseen"),), model=tmp_path / "model")).table
    assert table is not None
    right = [Path(row["path"]).parent.name == row["emotion"] for row in table.to_pylist()]
    assert len(right) == 60
    assert sum(right) / len(right) >= 0.9

    with pytest.raises(OutputMismatch, match="--overwrite"):
        train(options)


def test_training_resumes_from_its_checkpoint(tmp_path: Path, faces: Path) -> None:
    options = TrainOptions(faces, tmp_path / "model", recipe=Recipe(epochs=2), resume=True)

    class Killed(Exception):
        pass

    def kill(line: str) -> None:
        if line.startswith("epoch 1/"):
            raise Killed

    with pytest.raises(Killed):
        train(options, kill)
    assert not (tmp_path / "model").exists()
    other = TrainOptions(faces, tmp_path / "model", recipe=Recipe(epochs=2, seed=5), resume=True)
    with pytest.raises(OutputMismatch, match="recipe"):
        train(other)
    said: list[str] = []
    train(options, said.append)
    assert [line[:9] for line in said if line.startswith("epoch")] == ["epoch 2/2"]


def test_senseless_training_is_refused_before_any_work(tmp_path: Path, faces: Path) -> None:
    for options in (
        TrainOptions(faces, tmp_path / "m", architecture="typo"),
        TrainOptions(faces, tmp_path / "m", class_names=("happy",)),
        TrainOptions(faces, tmp_path / "no" / "m"),
        TrainOptions(tmp_path / "gone", tmp_path / "m"),
    ):
        with pytest.raises(UsageError):
            train(options)
    assert not (tmp_path / "m").exists()
