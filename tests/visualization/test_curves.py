import io

import numpy as np
import pytest
from PIL import Image

from batch_emotion.visualization.curves import training_curves
from batch_emotion.visualization.palette import known_colour

LINE = {"loss": 1.0, "accuracy": 0.5}
WATCHED = {"val_loss": 1.2, "val_accuracy": 0.4, "val_mean_recall": 0.3}


@pytest.mark.parametrize("watched", [{}, WATCHED, {"val_loss": 1.2, "val_accuracy": 0.4}])
def test_the_curves_are_drawn_in_colours_that_no_class_has(watched: dict[str, float]) -> None:
    png = training_curves([{"epoch": number, **LINE, **watched} for number in (1.0, 2.0, 3.0)], kept=2)
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    colours = {f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in np.unique(pixels, axis=0)}
    assert "#5c6670" in colours
    names = ("angry", "disgust", "fear", "happy", "sad", "surprise")
    assert not colours & {known_colour(name) for name in names}
