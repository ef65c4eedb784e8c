from pathlib import Path

import numpy as np
import pytest

from batch_emotion import DEFAULT_MODEL, PredictOptions, load_bundle, predict
from batch_emotion.commands.export import export
from batch_emotion.errors import UsageError
from batch_emotion.images.synthetic import golden_pixels
from batch_emotion.options.export import ExportOptions


def _reload(form: str, path: Path, pixels: np.ndarray) -> np.ndarray:
    if form in ("h5", "keras"):
        import keras

        return np.asarray(keras.models.load_model(path).predict(pixels.astype("float32"), verbose=0))
    if form == "joblib":
        import joblib

        return np.asarray(joblib.load(path).predict(pixels.astype("float32"), verbose=0))
    if form == "savedmodel":
        import tensorflow as tf

        return next(iter(tf.saved_model.load(str(path)).signatures["serving_default"](pixels=pixels).values())).numpy()
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"pixels": pixels})[0])


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("h5", "model.h5"),
        ("joblib", "emotion_classification.pkl"),
        ("keras", "model.keras"),
        ("savedmodel", "saved"),
        ("onnx", "model.onnx"),
    ],
)
def test_every_format_gives_the_bundles_predictions(tmp_path: Path, form: str, name: str, faces: Path) -> None:
    bundle = load_bundle()
    options = ExportOptions(DEFAULT_MODEL, form, tmp_path / name)  # type: ignore[arg-type]
    export(options)
    assert np.abs(_reload(form, tmp_path / name, golden_pixels(bundle.card.input)) - bundle.golden()).max() <= 1e-4
    with pytest.raises(UsageError, match="`overwrite`"):
        export(options)
    if form in ("h5", "keras", "joblib"):
        bare = PredictOptions(
            (str(faces),), model=tmp_path / name, class_names=bundle.card.class_names, trust_pickle=form == "joblib"
        )
        one, other = predict(bare).table, predict(PredictOptions((str(faces),))).table
        assert one is not None
        assert other is not None
        assert one["emotion"] == other["emotion"]


@pytest.mark.parametrize("form", ["joblib", "keras", "savedmodel", "onnx"])
def test_a_network_that_sees_mirror_images_travels(tmp_path: Path, form: str) -> None:
    bundle = load_bundle("fer2013-6")
    export(ExportOptions("fer2013-6", form, tmp_path / "network"))  # type: ignore[arg-type]
    path = tmp_path / "network"
    if form == "keras":
        path = path.rename(tmp_path / "network.keras")
    assert np.abs(_reload(form, path, golden_pixels(bundle.card.input)) - bundle.golden()).max() <= 1e-4


def test_a_network_that_hdf5_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot hold fer2013-6"):
        export(ExportOptions("fer2013-6", "h5", tmp_path / "network.h5"))
    assert not list(tmp_path.iterdir())
