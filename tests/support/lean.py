"""A lean installation, played in this process: what it does without cannot be imported."""

import sys

import pytest

LEFT_OUT = ("tensorflow", "keras", "tf2onnx", "scipy", "sklearn")


def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have TensorFlow and what goes with it be missing until the test is over."""
    for name in LEFT_OUT:
        monkeypatch.setitem(sys.modules, name, None)
