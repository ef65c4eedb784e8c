import numpy as np
import pytest

from batch_emotion.errors import BundleError
from batch_emotion.model.architectures import ARCHITECTURES, layer_table, mix_weights, start_from, with_mirror
from batch_emotion.model.runtime import OnnxRuntime, TensorFlowRuntime, onnx_bytes


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_takes_pixels_and_gives_probabilities(name: str) -> None:
    architecture = ARCHITECTURES[name]
    model = architecture.build(architecture.spec.shape, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *architecture.spec.shape)).astype(np.float32)
    probabilities = np.asarray(model.predict_on_batch(pixels))
    assert probabilities.shape == (2, 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_seed_network_is_that_of_its_table() -> None:
    assert ARCHITECTURES["seed-cnn"].build((64, 64, 3), 6).count_params() == 637_862


def test_weights_are_taken_over_and_outputs_matched_by_name() -> None:
    build = ARCHITECTURES["pyramid"].build
    seven, six = build((48, 48, 1), 7), build((48, 48, 1), 6)
    names = ("a", "b", "c", "d", "e", "f", "g")
    others = ("g", "a", "c", "b", "e", "new")
    fresh = six.layers[-1].get_weights()[0][:, 5].copy()
    start_from(six, others, seven, names)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1)).astype(np.float32)
    said, known = np.asarray(six.predict_on_batch(pixels)), np.asarray(seven.predict_on_batch(pixels))
    for one, other in (("a", "b"), ("g", "e")):
        ratio = said[:, others.index(one)] / said[:, others.index(other)]
        assert np.allclose(ratio, known[:, names.index(one)] / known[:, names.index(other)], rtol=1e-4)
    assert np.array_equal(six.layers[-1].get_weights()[0][:, 5], fresh)


def test_another_network_is_no_start() -> None:
    six = ARCHITECTURES["pyramid"].build((48, 48, 1), 6)
    seed = ARCHITECTURES["seed-cnn"].build((64, 64, 3), 6)
    with pytest.raises(BundleError, match="`architecture`"):
        start_from(six, tuple("abcdef"), seed, tuple("abcdef"))


@pytest.mark.parametrize("name", ["seed-cnn", "pyramid"])
def test_a_mirrored_network_says_the_geometric_mean_of_both_in_every_runtime(name: str) -> None:
    architecture = ARCHITECTURES[name]
    model = architecture.build(architecture.spec.shape, 3)
    both = with_mirror(model)
    pixels = np.random.default_rng(0).integers(0, 256, (5, *architecture.spec.shape), np.uint8)
    one, other = (np.asarray(model.predict_on_batch(each.astype(np.float32))) for each in (pixels, pixels[:, :, ::-1]))
    assert np.abs(one - other).max() > 1e-4
    wanted = np.sqrt(one * other)
    wanted /= wanted.sum(axis=1, keepdims=True)
    network = onnx_bytes(both)
    for runtime in (TensorFlowRuntime(both), OnnxRuntime(network)):
        np.testing.assert_allclose(runtime.predict_proba(pixels), wanted, atol=1e-5)
        np.testing.assert_allclose(runtime.predict_proba(pixels[:1]), wanted[:1], atol=1e-5)
    mixed = TensorFlowRuntime(both, "mixed").predict_proba(pixels)
    np.testing.assert_allclose(mixed, wanted, atol=2e-2)
    weights = {layer["name"]: layer["parameters"] for layer in layer_table(model) if layer["parameters"]}
    assert {layer["name"]: layer["parameters"] for layer in layer_table(both) if layer["parameters"]} == weights


def test_a_plain_network_starts_from_a_mirrored_one() -> None:
    mirrored, plain = (ARCHITECTURES["pyramid"].build((48, 48, 1), 2) for _ in range(2))
    start_from(plain, ("a", "b"), with_mirror(mirrored), ("b", "a"))
    for mine, source in zip(plain.layers[:-1], mirrored.layers[:-1], strict=True):
        assert all(map(np.array_equal, mine.get_weights(), source.get_weights()))
    assert np.array_equal(plain.layers[-1].get_weights()[0], mirrored.layers[-1].get_weights()[0][:, ::-1])


def test_weights_are_mixed_part_by_part() -> None:
    one, other = (ARCHITECTURES["seed-cnn"].build((64, 64, 3), 2) for _ in range(2))
    before, theirs = one.get_weights(), other.get_weights()
    mix_weights(one, other, 0.25)
    for mixed, mine, yours in zip(one.get_weights(), before, theirs, strict=True):
        assert mixed == pytest.approx(0.75 * mine + 0.25 * yours, abs=1e-6)
    assert other.get_weights()[0] == pytest.approx(theirs[0])
