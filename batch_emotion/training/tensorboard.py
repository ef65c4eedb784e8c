"""The course of a training as TensorBoard reads it, written without the package ``tensorboard``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batch_emotion.training.checkpoints import Epoch
from batch_emotion.training.fit import Pace

_SIDES = {
    "training": {"loss": "loss", "accuracy": "accuracy"},
    "validation": {"loss": "val_loss", "accuracy": "val_accuracy", "mean_recall": "val_mean_recall"},
}


class EventFiles:
    """One run for each side, so that their curves lie over each other, in two folders that are made where needed."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self._writers = {side: tf.summary.create_file_writer(str(folder / side)) for side in _SIDES}

    def add(self, line: Epoch, pace: Pace) -> None:
        """Write the figures of one epoch."""
        step = int(line["epoch"])
        for side, names in _SIDES.items():
            found = {name: line[key] for name, key in names.items() if key in line}
            if side == "training":
                found |= {"images_per_second": pace.images_per_second, "seconds": pace.seconds}
            with self._writers[side].as_default():
                for name, value in found.items():
                    _write_scalar(name, value, step)
            self._writers[side].flush()

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()


def _write_scalar(name: str, value: float, step: int) -> None:
    """As ``tf.summary.scalar``, which is a part of ``tensorboard``."""
    import tensorflow as tf

    metadata: Any = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
    )
    tf.summary.write(name, tf.constant(value, tf.float32), step, metadata)
