"""The GPUs that TensorFlow trains on."""

from __future__ import annotations

from contextlib import suppress

from batch_emotion.packages import load_tensorflow


def prepare_devices() -> list[str]:
    """Have TensorFlow take a GPU's memory as it needs it, rather than all at once; gives the names of the GPUs."""
    tf = load_tensorflow()
    found = tf.config.list_physical_devices("GPU")
    for device in found:
        with suppress(RuntimeError):  # it is in use already, and is as it was set up then
            tf.config.experimental.set_memory_growth(device, True)
    return [device.name for device in found]
