from pathlib import Path

from batch_emotion.training.fit import Pace
from batch_emotion.training.tensorboard import EventFiles


def test_the_course_is_written_for_tensorboard(tmp_path: Path) -> None:
    events = EventFiles(tmp_path / "board")
    for epoch in (1.0, 2.0):
        watched = {"val_loss": 2.0, "val_accuracy": 0.4, "val_mean_recall": 0.3}
        events.add({"epoch": epoch, "loss": 1.0, "accuracy": 0.5, **watched}, Pace(1, 100, 5))
    events.close()
    found = {side: _scalars(tmp_path / "board" / side) for side in ("training", "validation")}
    assert set(found["training"]) == {"loss", "accuracy", "images_per_second", "seconds"}
    assert set(found["validation"]) == {"loss", "accuracy", "mean_recall"}
    assert found["validation"]["loss"] == [(1, 2.0), (2, 2.0)]


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    import tensorflow as tf

    found: dict[str, list[tuple[int, float]]] = {}
    for file in folder.iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, tf.make_ndarray(value.tensor).item()))
    return found
