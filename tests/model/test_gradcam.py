from typing import Any

import numpy as np
import pytest

from batch_emotion.errors import BundleError
from batch_emotion.model.architectures import ARCHITECTURES, with_mirror
from batch_emotion.model.gradcam import GradCam

WEIGHTS = np.array([[1.0, -1.0, 0.5], [0.2, 0.9, -0.3]], np.float32)


def _network(form: str) -> Any:
    """Two maps that are the image's two channels, averaged, and three classes by ``WEIGHTS``."""
    import keras
    from keras import layers

    softmax = "softmax" if form != "own layer" else None
    stack = [
        layers.Conv2D(2, 1, use_bias=False, name="maps"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation=softmax, name="head"),
        *([layers.Softmax()] if form == "own layer" else []),
    ]
    if form == "sequential":
        model = keras.Sequential([keras.Input((6, 8, 2)), *stack])
    else:
        inputs = tensor = keras.Input((6, 8, 2))
        for layer in stack:
            tensor = layer(tensor)
        model = keras.Model(inputs, tensor)
    model.get_layer("maps").set_weights([np.eye(2, dtype=np.float32).reshape(1, 1, 2, 2)])
    model.get_layer("head").set_weights([WEIGHTS, np.array([0.1, 0.2, 0.3], np.float32)])
    return model


@pytest.mark.parametrize("form", ["functional", "sequential", "own layer"])
def test_the_map_is_the_one_of_the_paper(form: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 8, 2), np.uint8)
    classes = np.array([0, 1, 2])
    heat = GradCam(_network(form)).heat(pixels, classes)
    # Averaged maps and a dense layer: the gradient of the score before the softmax is the class's weight, everywhere.
    wanted = np.maximum((pixels.astype(np.float64) * WEIGHTS.T[classes][:, None, None, :]).sum(axis=-1), 0)
    wanted /= wanted.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(heat, wanted, atol=1e-5)


def test_what_a_mirrored_network_sees_in_both_is_added_up() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1), np.uint8)
    cam = GradCam(with_mirror(ARCHITECTURES["pyramid"].build((48, 48, 1), 3)), "relu_3_2")
    heat, mirrored = (cam.heat(each, np.array([0, 2])) for each in (pixels, pixels[:, :, ::-1]))
    assert heat.shape == (2, 12, 12)
    assert heat.max() == pytest.approx(1)
    np.testing.assert_allclose(heat, mirrored[:, :, ::-1], atol=1e-4)
    assert np.abs(heat - mirrored).max() > 1e-3


def test_nothing_speaks_for_a_class_in_a_black_image() -> None:
    assert not GradCam(_network("functional")).heat(np.zeros((1, 6, 8, 2), np.uint8), np.array([0])).any()


@pytest.mark.parametrize(
    ("architecture", "layer", "shape"), [("seed-cnn", "conv2d_3", (2, 12, 12)), ("pyramid", "relu_5_2", (2, 3, 3))]
)
def test_every_architecture_can_be_explained(architecture: str, layer: str, shape: tuple[int, ...]) -> None:
    design = ARCHITECTURES[architecture]
    cam = GradCam(design.build(design.spec.shape, 3))
    assert cam.layer == layer
    pixels = np.random.default_rng(0).integers(0, 256, (2, *design.spec.shape), np.uint8)
    assert cam.heat(pixels, np.array([0, 2])).shape == shape


def test_a_layer_can_be_chosen_and_a_wrong_name_is_told() -> None:
    design = ARCHITECTURES["seed-cnn"]
    model = design.build(design.spec.shape, 3)
    assert GradCam(model, "conv2d_1").heat(np.ones((1, 64, 64, 3), np.uint8), np.array([0])).shape == (1, 62, 62)
    with pytest.raises(BundleError, match="conv2d_2"):
        GradCam(model, "typo")


def test_a_network_without_maps_is_refused() -> None:
    import keras

    flat = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(BundleError, match="nothing can be shown"):
        GradCam(flat)
