from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from batch_emotion.model.architectures import ARCHITECTURES
from batch_emotion.training.normalization import fuse_normalization, fused_batch_normalization


def _after_a_step(model: Any, pixels: NDArray[np.float32], targets: NDArray[np.float32]) -> tuple[float, Any]:
    import keras

    model.get_layer("dropout").rate = 0.0
    model.compile(keras.optimizers.SGD(0.01), "categorical_crossentropy")
    return float(model.train_on_batch(pixels, targets)), model.get_weights()


@pytest.mark.parametrize("count", [1, 5])
def test_fused_normalization_learns_what_keras_own_does(count: int) -> None:
    import keras

    keras.utils.set_random_seed(0)
    plain = ARCHITECTURES["pyramid"].build((16, 16, 1), 3)
    fused = fuse_normalization(plain)
    kinds = [type(layer) for layer in fused.layers]
    assert kinds.count(fused_batch_normalization()) == 9
    assert keras.layers.BatchNormalization not in kinds
    assert [layer.name for layer in fused.layers] == [layer.name for layer in plain.layers]
    fused.set_weights(plain.get_weights())
    before = plain.get_weights()
    pixels = np.random.default_rng(0).uniform(0, 255, (count, 16, 16, 1)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[np.arange(count) % 3]
    loss, weights = _after_a_step(plain, pixels, targets)
    fused_loss, fused_weights = _after_a_step(fused, pixels, targets)
    assert fused_loss == pytest.approx(loss, rel=1e-4)
    assert any(np.abs(one - other).max() > 1e-3 for one, other in zip(before, weights, strict=True))
    for one, other in zip(weights, fused_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(fused.predict_on_batch(pixels), plain.predict_on_batch(pixels), rtol=1e-3, atol=1e-4)
