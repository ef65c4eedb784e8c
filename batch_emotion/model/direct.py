"""Images in memory to probabilities, with no plan, no rows and no output in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import SourceError
from batch_emotion.images.decode import decode
from batch_emotion.model.bundle import Bundle
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.images import Limits
from batch_emotion.options.models import RuntimeName
from batch_emotion.sources.given import contents

_BATCH = 256


def probabilities_of(bundle: Bundle, images: object, runtime: RuntimeName) -> NDArray[np.float32]:
    """See ``Bundle.predict``."""
    files, spec, limits = contents(images), bundle.card.input, Limits()
    network = open_runtime(bundle, runtime)
    found = []
    for first in range(0, len(files), _BATCH):
        pixels = np.zeros((len(files[first : first + _BATCH]), *spec.shape), np.uint8)
        for at, data in enumerate(files[first : first + _BATCH]):
            image = decode(data, spec, limits)
            if image.pixels is None:
                raise SourceError(f"images[{first + at}] is {image.status}: {image.error}")
            pixels[at] = image.pixels
        found.append(network.predict_proba(pixels))
    return np.concatenate(found)
