"""The history of a training and the checkpoint of its last epoch, each committed whole."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from batch_emotion.storage.commits import committing

Epoch = dict[str, float]
"""One line of the history: epoch, accuracy, loss, val_accuracy, val_loss, val_mean_recall."""

Judge = Literal["loss", "recall", "accuracy"]


def read_history(path: Path) -> list[Epoch]:
    """The epochs recorded so far; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{key: float(value) for key, value in row.items() if value} for row in rows]


def write_history(history: list[Epoch], path: Path) -> None:
    """Write one line per epoch as CSV."""
    with committing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        columns = dict.fromkeys(key for line in history for key in line)  # an older version's lines have fewer
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in line.items()} for line in history)


def checkpoint_file(folder: Path, epochs: int) -> Path:
    """The network in training after so many epochs, with the state of its optimizer."""
    return folder / f"checkpoint-{epochs}.keras"


def weights_file(folder: Path, epochs: int) -> Path:
    """The weights that would be kept after so many epochs."""
    return folder / f"checkpoint-{epochs}.weights.h5"


def best_weights_file(folder: Path) -> Path:
    """The weights of the best epoch."""
    return folder / "best.weights.h5"


def answers_file(folder: Path, epoch: int) -> Path:
    """The probabilities of the images watched, float32 (N, K), after an epoch."""
    return folder / f"answers-{epoch}.npy"


def best_epoch(history: list[Epoch], judge: Judge) -> int:
    """The number of the best epoch, from 1; of equal ones that with the least validation loss, or else the first."""
    key = {"recall": "val_mean_recall", "accuracy": "val_accuracy"}.get(judge)

    def worth(line: Epoch) -> tuple[float, float]:
        return (line.get(key, 0.0) if key else 0.0), -line["val_loss"]

    return history.index(max(history, key=worth)) + 1


def commit_epoch(model: Any, kept: Any, history: list[Epoch], folder: Path, judge: Judge = "loss") -> None:
    """Save the networks first and the history last: the history names the checkpoint that counts."""
    epochs = len(history)
    _save(model.save, checkpoint_file(folder, epochs))
    _save(kept.save_weights, weights_file(folder, epochs))
    if "val_loss" in history[-1] and best_epoch(history, judge) == epochs:
        _save(kept.save_weights, best_weights_file(folder))
    write_history(history, folder / "history.csv")
    checkpoint_file(folder, epochs - 1).unlink(missing_ok=True)
    weights_file(folder, epochs - 1).unlink(missing_ok=True)


def _save(save: Callable[[Path], None], path: Path) -> None:
    with committing(path) as temporary:
        partial = temporary.with_name(temporary.name + "".join(path.suffixes[-2:]))
        save(partial)
        partial.replace(temporary)
