"""Pixels to faces: by CenterFace, which is part of the tool, by YuNet from its file, or by OpenCV's Haar cascade."""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import UsageError
from batch_emotion.images.centerface import FILE, centerface, reduced
from batch_emotion.options.images import FaceOptions

Found = NDArray[np.float32]
"""float32 (N, 15), the faces: x, y, width and height, perhaps reaching over the edges; a score; then x and y of the eye
on the left, the eye on the right, the nose and the left and right corner of the mouth as seen in the image, NaN where
the detector does not tell them."""

_ENOUGH = 800
_CASCADE = "haarcascade_frontalface_alt2.xml"
_WINDOW = 20
_AGREEING, _AGREEING_COARSELY = 3, 2
_YUNET_LARGEST = 300
_OVERLAP = 0.3


class Detector(Protocol):
    """What finds faces; its ``find`` may be called from several threads at a time.

    ``min_score``, ``min_size`` and ``margin`` are what is best where the user does not choose.
    """

    name: str
    """What it is, as recorded with every result."""
    sha256: str
    """Of its model."""
    color: bool
    """Whether it sees more in RGB than in grey pixels."""
    min_size: int
    """The longer side of the smallest face to look for, in pixels of the original."""
    margin: float
    """By how much its boxes must be widened on each side to be like the training faces, as a part of their side."""

    @property
    def min_score(self) -> float | None:
        """The least score of what it finds."""
        ...

    def find(self, pixels: NDArray[np.uint8], min_size: float) -> Found:
        """The faces of ``min_size`` pixels and more, perhaps smaller ones too, in uint8 (h, w) or RGB (h, w, 3)."""
        ...


class CenterFaceDetector:
    """CenterFace; its score is between 0 and 1.

    All that is set here was measured with ``tests/bench/test_face_detection.py`` and ``test_face_margin.py``.
    """

    color = True
    min_size = 36
    margin = 0.0
    _smallest = 16

    def __init__(self, min_score: float | None = None) -> None:
        self.min_score = 0.5 if min_score is None else min_score
        self.name = "centerface"
        self.sha256 = _centerface_sha256()
        self._network = centerface()

    def find(self, pixels: NDArray[np.uint8], min_size: float) -> Found:
        """The faces, see ``Detector``."""
        if pixels.ndim == 2:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
        return self._network.find(pixels, _scale(pixels, self._smallest, min_size), self.min_score, min_size)


class YuNetDetector(threading.local):
    """YuNet, looking at a photo at 800 pixels or more; its score is between 0 and 1.

    It is made for faces of 10 to 300 pixels, hence larger images are looked at again at a quarter of the size.
    """

    color = True
    min_size = 36
    margin = 0.0
    _smallest = 16

    def __init__(self, name: str, model: bytes, min_score: float | None = None) -> None:
        self.min_score = 0.7 if min_score is None else min_score
        self.name = f"{name}, opencv {cv2.__version__}"
        self.sha256 = hashlib.sha256(model).hexdigest()
        nothing = np.empty(0, np.uint8)
        self._network: Any = cv2.FaceDetectorYN.create(
            "onnx", np.frombuffer(model, np.uint8), nothing, (64, 64), self.min_score
        )

    def find(self, pixels: NDArray[np.uint8], min_size: float) -> Found:
        """The faces, see ``Detector``."""
        code = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
        seen = cv2.cvtColor(reduced(pixels, _scale(pixels, self._smallest, min_size)), code)
        found = [self._look(seen, pixels)]
        while min(seen.shape[:2]) > _YUNET_LARGEST:
            seen = reduced(seen, 0.25)
            found.append(self._look(seen, pixels))
        every = np.concatenate(found)
        apart = cv2.dnn.NMSBoxes(every[:, :4].tolist(), every[:, 4].tolist(), 0.0, _OVERLAP)
        kept: Found = every[np.asarray(apart, int)]
        return kept

    def _look(self, seen: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> Found:
        self._network.setInputSize(seen.shape[1::-1])
        faces = self._network.detect(seen)[1]
        return _found(np.empty((0, 15)) if faces is None else faces[:, [*range(4), 14, *range(4, 14)]], seen, pixels)


class HaarDetector(threading.local):
    """The cascade that OpenCV carries; its score is the number of overlapping windows that agree on a face.

    OpenCV's detectors keep state while they work, hence each thread has its own. The margin was found with
    ``tests/bench/test_face_margin.py``; ``_smallest`` is where ``tests/bench/test_faces.py`` finds as many faces as the
    cascade does at full size.
    """

    color = False
    min_size = 48
    margin = 0.0
    _smallest = 27

    def __init__(self, min_score: float | None = None) -> None:
        file = Path(cv2.__file__).parent / "data" / _CASCADE
        self.min_score = min_score
        self.name = f"{file.stem}, opencv {cv2.__version__}"
        self.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        self._cascade = cv2.CascadeClassifier(str(file))

    def find(self, pixels: NDArray[np.uint8], min_size: float) -> Found:
        """The faces, see ``Detector``."""
        scale = min(1.0, self._smallest / min_size)
        seen = reduced(pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), scale)
        least = self._smallest if scale < 1 else _WINDOW
        found = self._cascade.detectMultiScale2(seen, minNeighbors=_AGREEING_COARSELY - 1, minSize=(least, least))
        boxes, agreeing = (np.asarray(column).reshape(-1, width) for column, width in zip(found, (4, 1), strict=True))
        # OpenCV tries only every second row and column for faces less than twice as large as the cascade's window.
        needed = np.where(boxes[:, 2:3] < 2 * _WINDOW, _AGREEING_COARSELY, _AGREEING)
        enough = agreeing >= (needed if self.min_score is None else self.min_score)
        unknown = np.full((len(boxes), 10), np.nan)
        return _found(np.hstack([boxes, agreeing, unknown])[enough[:, 0]], seen, pixels)


@cache
def _centerface_sha256() -> str:
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


def check_detector(options: FaceOptions) -> None:
    """Refuse options of a detector that do not go together.

    Raises:
        UsageError: YuNet's model is missing, or is given to another detector, or no score can be as high as the least.
    """
    if options.detector_model is None and options.detector == "yunet":
        raise UsageError(f"`detector` yunet needs its model; give `detector_model` {_YUNET_MODEL}")
    if options.detector_model is not None and options.detector not in ("auto", "yunet"):
        raise UsageError(f"`detector_model` is YuNet's, and `detector` is {options.detector}; give one of them")
    if options.min_score is not None and options.min_score > 1 and options.detector != "haar":
        name = "CenterFace" if options.detector_model is None else "YuNet"
        raise UsageError(
            f"`faces.min_score` must be between 0 and 1, as {name}'s scores are, not {options.min_score:g}; "
            "only those of `detector` haar are higher"
        )


def open_detector(options: FaceOptions | None = None) -> Detector:
    """The detector that the options name.

    Raises:
        UsageError: as ``check_detector``, or YuNet's model cannot be read or is none.
    """
    options = options or FaceOptions()
    check_detector(options)
    if options.detector_model is None:
        return HaarDetector(options.min_score) if options.detector == "haar" else CenterFaceDetector(options.min_score)
    return _open_yunet(options.detector_model, options.min_score)


_YUNET_MODEL = (
    "the file face_detection_yunet_2023mar.onnx, which is in the folder models/face_detection_yunet of OpenCV's model "
    "zoo, the repository opencv_zoo of opencv on GitHub"
)


def _open_yunet(model: Path, min_score: float | None) -> YuNetDetector:
    try:
        detector = YuNetDetector(model.name, model.read_bytes(), min_score)
        detector.find(np.zeros((64, 64, 3), np.uint8), 1.0)
    except OSError as error:
        raise UsageError(f"`detector_model`: {model} cannot be read: {error.strerror}") from None
    except cv2.error:
        raise UsageError(f"`detector_model`: {model} is not a model of YuNet's, such as {_YUNET_MODEL}") from None
    return detector


def _scale(pixels: NDArray[np.uint8], smallest: int, min_size: float) -> float:
    """By how much to shrink an image: until the smallest face wanted is ``smallest``, though not below 800 pixels."""
    longer: int = max(pixels.shape[:2])
    return min(1.0, max(smallest / min_size, _ENOUGH / longer))


def _found(faces: NDArray[Any], seen: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> Found:
    """What was found in ``seen``, in the pixels that it was made from."""
    down, across = pixels.shape[0] / seen.shape[0], pixels.shape[1] / seen.shape[1]
    found: Found = (faces * [across, down, across, down, 1.0, *(across, down) * 5]).astype(np.float32)
    return found
