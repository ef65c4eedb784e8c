"""Pixels to face boxes: by OpenCV's Haar cascade, or by YuNet from its model file."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import UsageError

Found = NDArray[np.float32]
"""float32 (N, 5): x, y, width and height of each face, perhaps reaching over the edges, and a score."""

_CASCADE = "haarcascade_frontalface_alt2.xml"
_WINDOW = 20
_AGREEING, _AGREEING_COARSELY = 3, 2
_YUNET_LARGEST = 300
_OVERLAP = 0.3
_NONE = np.empty((0, 5), np.float32)


class Detector(Protocol):
    """What finds faces; its ``find`` may be called from several threads at a time."""

    name: str
    """What it is, as recorded with every result."""
    sha256: str
    """Of its model."""
    smallest: int
    """The width of the smallest face that it finds, in pixels of what it looks at."""
    margin: float
    """By how much its boxes must be widened on each side to be like the training faces, as a part of their side."""

    def find(self, pixels: NDArray[np.uint8], scale: float) -> Found:
        """The faces in uint8 (h, w) or RGB (h, w, 3) pixels, in these pixels, but looked for at ``scale`` ≤ 1."""
        ...


class HaarDetector(threading.local):
    """The cascade that OpenCV carries; its score is the number of overlapping windows that agree on a face.

    OpenCV's detectors keep state while they work, hence each thread has its own. The margin was found with
    ``tests/bench/test_face_margin.py``; ``smallest`` is where ``tests/bench/test_faces.py`` finds as many faces as the
    cascade does at full size.
    """

    smallest = 27
    margin = 0.0

    def __init__(self) -> None:
        file = Path(cv2.__file__).parent / "data" / _CASCADE
        self.name = f"{file.stem}, opencv {cv2.__version__}"
        self.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        self._cascade = cv2.CascadeClassifier(str(file))

    def find(self, pixels: NDArray[np.uint8], scale: float) -> Found:
        """The faces, see ``Detector``."""
        seen = _reduced(pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), scale)
        least = self.smallest if scale < 1 else _WINDOW
        found = self._cascade.detectMultiScale2(seen, minNeighbors=_AGREEING_COARSELY - 1, minSize=(least, least))
        boxes, agreeing = (np.asarray(column) for column in found)
        if not len(boxes):
            return _NONE
        # OpenCV tries only every second row and column for faces less than twice as large as the cascade's window.
        needed = np.where(boxes[:, 2] < 2 * _WINDOW, _AGREEING_COARSELY, _AGREEING)
        return _found(np.column_stack([boxes, agreeing])[agreeing >= needed], seen, pixels)


class YuNetDetector(threading.local):
    """YuNet, with OpenCV's own thresholds; its score is between 0 and 1.

    It is made for faces of 10 to 300 pixels, hence larger images are looked at again at a quarter of the size. Which
    margin serves it best has not been measured.
    """

    smallest = 16
    margin = 0.0

    def __init__(self, name: str, model: bytes) -> None:
        self.name = f"{name}, opencv {cv2.__version__}"
        self.sha256 = hashlib.sha256(model).hexdigest()
        nothing = np.empty(0, np.uint8)
        self._network: Any = cv2.FaceDetectorYN.create("onnx", np.frombuffer(model, np.uint8), nothing, (64, 64))

    def find(self, pixels: NDArray[np.uint8], scale: float) -> Found:
        """The faces, see ``Detector``."""
        code = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
        seen = cv2.cvtColor(_reduced(pixels, scale), code)
        found = [self._look(seen, pixels)]
        while min(seen.shape[:2]) > _YUNET_LARGEST:
            seen = _reduced(seen, 0.25)
            found.append(self._look(seen, pixels))
        every = np.concatenate(found)
        apart = cv2.dnn.NMSBoxes(every[:, :4].tolist(), every[:, 4].tolist(), 0.0, _OVERLAP)
        kept: Found = every[np.asarray(apart, int)]
        return kept

    def _look(self, seen: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> Found:
        self._network.setInputSize(seen.shape[1::-1])
        faces = self._network.detect(seen)[1]
        return _NONE if faces is None else _found(faces[:, [0, 1, 2, 3, 14]], seen, pixels)


def open_detector(model: Path | None = None) -> Detector:
    """YuNet from its model file, or the Haar cascade where there is none.

    Raises:
        UsageError: the file cannot be read, or is not a YuNet model.
    """
    if model is None:
        return HaarDetector()
    try:
        detector = YuNetDetector(model.name, model.read_bytes())
        detector.find(np.zeros((64, 64, 3), np.uint8), 1.0)
    except OSError as error:
        raise UsageError(f"`detector_model`: {model} cannot be read: {error.strerror}") from None
    except cv2.error:
        raise UsageError(
            f"`detector_model`: {model} is not a model of YuNet's, an ONNX file such as "
            "face_detection_yunet_2023mar.onnx from OpenCV's model zoo"
        ) from None
    return detector


def _reduced(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale >= 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    smaller: NDArray[np.uint8] = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return smaller


def _found(faces: NDArray[Any], seen: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> Found:
    """What was found in ``seen``, in the pixels that it was made from."""
    down, across = pixels.shape[0] / seen.shape[0], pixels.shape[1] / seen.shape[1]
    found: Found = (faces * [across, down, across, down, 1.0]).astype(np.float32)
    return found
