"""The parts of an unfinished run: what is committed stays, and the same command carries on from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch_emotion.errors import BatchEmotionError, OutputMismatch
from batch_emotion.records import Plan
from batch_emotion.storage import commit_text, committing


@dataclass(frozen=True)
class Fingerprint:
    """All that decides a result's rows and their cut into shards; two runs with the same one are the same run."""

    plan: str
    images: int
    model: str
    model_name: str
    runtime: str
    decoder: str
    min_confidence: float
    max_pixels: int
    max_bytes: int
    shard_size: int
    precision: str = "float32"
    full_decode: bool = False
    detector: str | None = None
    detector_sha256: str | None = None
    min_face_size: int | None = None
    max_faces: int | None = None
    face_margin: float | None = None

    def of_faces(self) -> dict[str, str]:
        """How faces were found, for a file's footer; empty where every image was taken whole."""
        told = {name: getattr(self, name) for name in _OF_FACES}
        return {} if self.detector is None else {name: str(value) for name, value in told.items()}

    def differences(self, other: dict[str, object]) -> list[str]:
        """What differs from another run's fingerprint, in words for the user."""
        mine = asdict(self)
        differing = [key for key in mine if mine[key] != other.get(key)]
        if "plan" in differing:
            was, now = other.get("images"), self.images
            detail = f"{was} images then, {now} now" if was != now else "files were renamed or changed"
            differing = [
                f"the images ({detail})",
                *(key for key in differing if key not in ("plan", "images")),
            ]
        if "model" in differing:
            differing.remove("model")
            differing = [key for key in differing if key != "model_name"]
            differing.insert(0, f"the model ({other.get('model_name')} then, {self.model_name} now)")
        return [
            f"{key.replace('_', '-')} ({other.get(key)} then, {mine[key]} now)" if key in mine else key
            for key in differing
        ]


_OF_FACES = ("detector", "detector_sha256", "min_face_size", "max_faces", "face_margin")


class Workspace:
    """The folder ``<out>.work``: the fingerprint, the plan and one Parquet file for each committed shard."""

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(out.name + ".work")

    def open(self, fingerprint: Fingerprint, plan: Plan, overwrite: bool) -> None:
        """Take up the parts of the same run, or start afresh.

        Raises:
            OutputMismatch: the parts are of another run and ``overwrite`` is not given.
        """
        told = self.folder / "fingerprint.json"
        if told.is_file():
            differing = fingerprint.differences(json.loads(told.read_text(encoding="utf-8")))
            if not differing:
                return
            if not overwrite:
                raise OutputMismatch(
                    f"{self.folder} holds the parts of an unfinished run that differs in {'; '.join(differing)}; "
                    "give the same options to carry it on, or --overwrite to start over"
                )
        self.remove()
        self.folder.mkdir()
        with (
            committing(self.folder / "plan.arrow") as temporary,
            pa.ipc.new_file(temporary, plan.images.schema) as file,
        ):
            file.write_table(plan.images)
        commit_text(told, json.dumps(asdict(fingerprint), indent=2) + "\n")

    @property
    def is_there(self) -> bool:
        """Whether an earlier run left parts."""
        return (self.folder / "fingerprint.json").is_file()

    def has(self, shard: int) -> bool:
        """Whether the shard is committed."""
        return self._part(shard).is_file()

    def was_begun(self, shard: int) -> bool:
        """Whether an earlier process died while it worked on the shard."""
        return self._marker(shard).is_file()

    def begin(self, shard: int) -> None:
        """Say that work on the shard begins; the mark outlives the process if the shard kills it."""
        self._marker(shard).touch()

    def forget(self, shard: int) -> None:
        """Take the mark back: the shard was dropped for a reason of its own."""
        self._marker(shard).unlink(missing_ok=True)

    def commit(self, shard: int, rows: pa.Table) -> None:
        """Keep the shard's rows for good."""
        with committing(self._part(shard)) as temporary:
            pq.write_table(rows, temporary, compression="zstd")
        self.forget(shard)

    def read(self, shard: int, first: int, count: int) -> pa.Table:
        """The committed rows of a shard that covers ``count`` plan rows from ``first``.

        Raises:
            BatchEmotionError: an image has no row there.
        """
        table = pq.read_table(self._part(shard), partitioning=None)
        found = pc.unique(table["index"]).to_numpy()
        if len(found) != count or found.min() != first or found.max() != first + count - 1:
            raise BatchEmotionError(f"{self._part(shard)} is damaged; delete it and run the same command again")
        return table

    def remove(self) -> None:
        """Take the whole folder away."""
        (self.folder / "fingerprint.json").unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.rmtree(self.folder)

    def _part(self, shard: int) -> Path:
        return self.folder / f"part-{shard:06d}.parquet"

    def _marker(self, shard: int) -> Path:
        return self.folder / f"begun-{shard:06d}"


def shards(images: int, shard_size: int) -> Iterator[tuple[int, int, int]]:
    """Cut a plan: (shard number, first row, number of rows) of each shard."""
    for number, first in enumerate(range(0, images, shard_size)):
        yield number, first, min(shard_size, images - first)
