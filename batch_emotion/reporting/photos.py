"""Whole photos of a result with their faces marked, for a report: all of a few, a sample of many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.records import Face
from batch_emotion.reporting.predicted_rows import PredictedRows
from batch_emotion.reporting.samples import Sample, TopSamples
from batch_emotion.reporting.thumbnails import SampleImages
from batch_emotion.visualization.boxes import draw_faces
from batch_emotion.visualization.html import percent

MOST = 24
_LONGEST = 640
_MOST_FACES = 60
_UNCERTAIN = "#bbbbbb"


@dataclass(frozen=True)
class Photo:
    """A photo with its faces marked, uint8 (H, W, 3), the largest face first in ``faces``."""

    faces: list[Sample]
    pixels: NDArray[np.uint8]


class PhotoChooser:
    """Keeps the faces of at most 24 photos, drawn at random, the same ones each time."""

    def __init__(self, class_names: tuple[str, ...]) -> None:
        self._names = class_names
        self._rng = np.random.default_rng(0)
        self._chosen: dict[str, tuple[float, TopSamples]] = {}
        self.photos = 0
        """How many photos with faces there are."""

    def add(self, rows: PredictedRows) -> None:
        """Offer rows."""
        is_first = pc.fill_null(pc.equal(rows.table["face_index"], 0), False).to_numpy(zero_copy_only=False)
        firsts = np.flatnonzero(rows.scored & is_first)
        self.photos += len(firsts)
        draws = self._rng.random(len(firsts))
        paths = rows.table["path"]
        for at, draw in zip(firsts, draws, strict=True) if len(self._chosen) < MOST else self._higher(firsts, draws):
            self._chosen.setdefault(paths[int(at)].as_py(), (float(draw), TopSamples(_MOST_FACES, self._names)))
            if len(self._chosen) > MOST:
                del self._chosen[min(self._chosen, key=lambda path: self._chosen[path][0])]
        among = rows.scored & pc.is_in(paths, value_set=pa.array(list(self._chosen), pa.string())).to_numpy(False)
        order = -(rows.first + np.arange(len(rows), dtype=np.float64))
        for path in {paths[int(at)].as_py() for at in np.flatnonzero(among)}:
            self._chosen[path][1].add(rows, order, among & pc.equal(paths, path).to_numpy(False))

    def _higher(self, rows: NDArray[np.intp], draws: NDArray[np.float64]) -> list[tuple[int, float]]:
        """Those that would take the place of one that is chosen."""
        least = min(draw for draw, _ in self._chosen.values())
        return [(int(rows[at]), float(draws[at])) for at in np.flatnonzero(draws > least)]

    @property
    def chosen(self) -> list[list[Sample]]:
        """The faces of each photo, in the order of the result."""
        return sorted((kept.samples for _, kept in self._chosen.values()), key=lambda faces: faces[0].row)


def marked_photos(chosen: Iterable[list[Sample]], images: SampleImages, colours: Mapping[str, str]) -> list[Photo]:
    """The photos with boxes and labels; those that are gone are left out."""
    photos = []
    for faces in chosen:
        pixels = images.photo(faces[0], _LONGEST)
        if pixels is None or faces[0].size is None:
            continue
        marks = [
            (
                Face(number, *face.box, 0.0),
                f"{face.predicted} {percent(face.confidence, 0)}",
                colours.get(str(face.predicted), _UNCERTAIN),
            )
            for number, face in enumerate(faces)
            if face.box
        ]
        photos.append(Photo(faces, draw_faces(pixels, faces[0].size, marks)))
    return photos
