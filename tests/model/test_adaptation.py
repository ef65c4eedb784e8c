import numpy as np
import pytest

from batch_emotion.errors import BundleError
from batch_emotion.model.adaptation import UNADAPTED, Adaptation, NetworkInput

PIXELS = np.array([0, 51, 255], np.uint8).reshape(1, 1, 1, 3)


@pytest.mark.parametrize(
    ("scaling", "values"),
    [
        ("none", [0, 51, 255]),
        ("unit", [0, 0.2, 1]),
        ("symmetric", [-1, -0.6, 1]),
        ("imagenet", [(0 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
    ],
)
def test_pixels_are_scaled_as_told(scaling: str, values: list[float]) -> None:
    taken = NetworkInput.of((None, 1, 1, 3), "float32", "n.onnx")
    fed = taken.fed(PIXELS, Adaptation(scaling))  # type: ignore[arg-type]
    assert fed.dtype == np.float32
    np.testing.assert_allclose(fed.ravel(), values, atol=1e-6)


def test_channels_go_first_where_the_network_takes_them_so() -> None:
    taken = NetworkInput.of(("N", 3, 2, 4), "float32", "n.onnx")
    assert (taken.channels_first, taken.size, taken.channels, taken.batch) == (True, (2, 4), 3, None)
    pixels = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    fed = taken.fed(pixels, UNADAPTED)
    assert fed.shape == (1, 3, 2, 4)
    assert fed[0, 1, 0, 2] == pixels[0, 0, 2, 1]


def test_uint8_pixels_pass_as_they_are() -> None:
    pixels = np.zeros((2, 8, 8, 1), np.uint8)
    for quantization in ((0.0, 0), (1.0, 0)):
        taken = NetworkInput.of((-1, 8, 8, 1), "uint8", "n.tflite", quantization)
        assert taken.fed(pixels, UNADAPTED) is pixels
    assert taken.spec(None, "n.tflite").shape == (8, 8, 1)


def test_integer_networks_get_values_on_their_own_scale() -> None:
    shifted = NetworkInput.of((1, 1, 1, 3), "int8", "n.tflite", (1.0, -128))
    assert shifted.fed(PIXELS, UNADAPTED).tolist() == [[[[-128, -77, 127]]]]
    unit = NetworkInput.of((1, 1, 1, 3), "int8", "n.tflite", (1 / 255, -128))
    fed = unit.fed(PIXELS, Adaptation("unit"))
    assert fed.dtype == np.int8
    assert fed.ravel().tolist() == [-128, -77, 127]


def test_logits_become_probabilities() -> None:
    logits = np.array([[[[0.0]], [[np.log(3)]]], [[[1000.0]], [[1000.0]]]], np.float32)
    np.testing.assert_allclose(Adaptation(softmax=True).probabilities(logits), [[0.25, 0.75], [0.5, 0.5]], atol=1e-6)
    assert UNADAPTED.probabilities(np.array([[0.1, 0.9]], np.float16)).dtype == np.float32


@pytest.mark.parametrize(
    ("shape", "dtype", "words"),
    [
        ((None, 10), "float32", r"n\.onnx takes \?x10, but images are needed"),
        ((), "float32", "takes one number, but images"),
        ((1, 8, 8, 4), "float32", "takes 1x8x8x4, but images with 1 or 3 channels are needed"),
        (("N", "C", "H", "W"), "float32", r"takes \?x\?x\?x\?, but images with 1 or 3 channels"),
        ((1, 8, 8, 3), "int64", "takes int64, but float32"),
    ],
)
def test_a_network_that_takes_no_images_is_refused(shape: tuple[int | str | None, ...], dtype: str, words: str) -> None:
    with pytest.raises(BundleError, match=words):
        NetworkInput.of(shape, dtype, "n.onnx")


def test_the_size_comes_from_the_network_or_is_told() -> None:
    any_size, fixed = (NetworkInput.of((None, side, side, 3), "float32", "n.onnx") for side in (None, 64))
    with pytest.raises(BundleError, match="takes images of any size: say of which with `image_size`"):
        any_size.spec(None, "n.onnx")
    assert any_size.spec((32, 24), "n.onnx").shape == (32, 24, 3)
    assert fixed.spec((64, 64), "n.onnx").image_size == (64, 64)
    with pytest.raises(BundleError, match="takes images of 64x64, and `image_size` says 32x32; leave it out"):
        fixed.spec((32, 32), "n.onnx")
