"""The parts of an unfinished run: what is committed stays, and the same command carries on from it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch_emotion.errors import BatchEmotionError, OutputMismatch
from batch_emotion.plan import Plan, StoredImages
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.parts import covers, read_json, read_whole
from batch_emotion.results.run_document import ResultRecord
from batch_emotion.storage.commits import commit_text, committing, remove_folder, rename_file
from batch_emotion.storage.places import Place
from batch_emotion.storage.spool import open_table
from batch_emotion.storage.targets import check_work_folder

_OURS = re.compile(r"(plan|attributes)\.arrow|(fingerprint|announced)\.json|(part|left)-\d+\.parquet|begun-\d+")
_NO_PATHS = pa.nulls(0, pa.string())


@dataclass(frozen=True)
class Leftovers:
    """What an unfinished run left.

    Attributes:
        tables: the rows of its committed shards, one after the other, and after them those of runs before it.
        suspects: the paths of shards that its process died in.
        is_like: there are parts, and images were scored as they would be now.
    """

    tables: Iterable[pa.Table] = ()
    suspects: pa.Array = field(default_factory=lambda: _NO_PATHS)
    is_like: bool = False


class Workspace:
    """The folder ``<out>.work``: the fingerprint, the plan and one Parquet file for each committed shard.

    Made anew from the same output it is the same one, in any process that reaches that place.
    """

    def __init__(self, out: Place) -> None:
        self.folder = out.absolute().with_name(out.name + ".work")

    def open(self, fingerprint: Fingerprint, plan: Plan, overwrite: bool) -> None:
        """Take up the parts of the same run, or start afresh.

        Raises:
            OutputMismatch: the parts are of another run and ``overwrite`` is not given.
        """
        if not overwrite:
            self.check(fingerprint)
        if self.is_there and not fingerprint.differences(self._read_fingerprint()):
            if not (
                self.committed and self._has_plan
            ):  # the plan may be that of a run that was killed before its fingerprint stood here
                self._start(fingerprint, plan)
            return
        self.remove()
        self._start(fingerprint, plan)

    def check(self, fingerprint: Fingerprint) -> None:
        """Refuse to go on where the parts are of another run.

        Raises:
            OutputMismatch: they are.
        """
        if not self.is_there:
            return
        earlier = self._read_fingerprint()
        if not earlier:
            raise OutputMismatch(
                f"{self.folder} holds the parts of an unfinished run, but its fingerprint.json is damaged; "
                "give `overwrite` to start over"
            )
        differing = fingerprint.differences(earlier)
        if differing:
            raise OutputMismatch(
                f"{self.folder} holds the parts of an unfinished run that differs in {'; '.join(differing)}; "
                "give the same options to carry it on, or `overwrite` to start over"
            )

    def leftovers(self, fingerprint: Fingerprint) -> Leftovers:
        """What an earlier run left that can be reused, whatever its plan; changes nothing."""
        if not self.is_there:
            return Leftovers()
        earlier = self._read_fingerprint()
        if not earlier:
            return Leftovers()
        suspects = self._suspects(int(earlier.get("shard_size", 1)))
        if not fingerprint.scores_like(earlier):
            return Leftovers(suspects=suspects)
        files = [*self._files("part-*.parquet"), *reversed(self._files("left-*.parquet"))]
        return Leftovers((rows for rows in map(read_whole, files) if rows is not None), suspects, is_like=True)

    def restart(self, fingerprint: Fingerprint, plan: Plan, suspects: pa.Array) -> None:
        """Begin a plan beside the rows of ``leftovers``; shards with a suspect count as begun."""
        self._put_aside(fingerprint)
        for marker in self.folder.glob("begun-*"):
            marker.unlink()
        self._start(fingerprint, plan)
        if len(suspects):
            hit = pc.indices_nonzero(pc.is_in(plan.images["path"], value_set=suspects)).to_numpy()
            for shard in {int(row) // fingerprint.shard_size for row in hit}:
                self.begin(shard)

    def _put_aside(self, fingerprint: Fingerprint) -> None:
        """Give the parts that can be reused names under which no shard is found, and delete others."""
        if not self.is_there:
            self.remove()
            return
        if not fingerprint.scores_like(self._read_fingerprint()):
            for part in [*self.folder.glob("part-*.parquet"), *self.folder.glob("left-*.parquet")]:
                part.unlink()
        free = 1 + max((int(left.stem[5:]) for left in self.folder.glob("left-*.parquet")), default=-1)
        for number, part in enumerate(self._files("part-*.parquet"), free):
            rename_file(part, f"left-{number:06d}.parquet")

    def _start(self, fingerprint: Fingerprint, plan: Plan) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "attributes.arrow").unlink(missing_ok=True)
        for name, table, kept in (
            ("plan", plan.images, plan.stored and plan.stored.kept),
            ("attributes", plan.attributes, None),
        ):
            if table.column_names:
                with committing(self.folder / f"{name}.arrow") as temporary:
                    if not (kept and kept.link(temporary)):
                        with pa.ipc.new_file(temporary, table.schema) as file:
                            file.write_table(table)
        commit_text(self.folder / "fingerprint.json", json.dumps(fingerprint.as_dict(), indent=2) + "\n")

    def _read_fingerprint(self) -> dict[str, Any]:
        """What it holds; empty where it is damaged."""
        return read_json(self.folder / "fingerprint.json") or {}

    def _suspects(self, shard_size: int) -> pa.Array:
        """The paths of the shards that an earlier process died in."""
        begun = sorted(self.begun)
        if not (begun and self._has_plan):
            return _NO_PATHS
        paths = self.plan().images["path"]
        return pa.chunked_array(
            [chunk for shard in begun for chunk in paths.slice(shard * shard_size, shard_size).chunks], pa.string()
        ).combine_chunks()

    def announce(self, result: ResultRecord) -> None:
        """Record what the output will be before it gets its name, lest a kill leave it without its ``run.json``."""
        commit_text(self.folder / "announced.json", json.dumps(result) + "\n")

    @property
    def announced(self) -> ResultRecord | None:
        """What ``announce`` recorded; None where it was not called, or what it wrote is damaged."""
        return cast(ResultRecord | None, read_json(self.folder / "announced.json"))

    def plan(self) -> Plan:
        """The plan that is being worked on."""
        images, attributes = (
            open_table(file) if file.is_file() else None
            for file in (self.folder / "plan.arrow", self.folder / "attributes.arrow")
        )
        if images is None:
            raise BatchEmotionError(
                f"{socket.gethostname()} sees no {self.folder}; all workers must see the folder of `out` by this path"
            )
        table = images.table
        return Plan(table, attributes.table if attributes else table.select([]), stored=StoredImages(images))

    @property
    def _has_plan(self) -> bool:
        """Whether the plan can be read; one on a store is not looked at."""
        if isinstance(self.folder, Path):
            try:
                self.plan()
            except (BatchEmotionError, ValueError, pa.ArrowException):
                return False
        return True

    @property
    def identity(self) -> str:
        """What distinguishes these parts from another run's in the same place; empty where there are none."""
        try:
            return (self.folder / "fingerprint.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def check_own(self) -> None:
        """Refuse to use what is no folder of a run, on this machine.

        Raises:
            OutputMismatch: it is a file, or a folder of other things.
        """
        if isinstance(self.folder, Path):
            check_work_folder(self.folder, lambda name: _OURS.fullmatch(name) is not None)

    @property
    def is_there(self) -> bool:
        """Whether an earlier run left parts."""
        return (self.folder / "fingerprint.json").is_file()

    def has(self, shard: int) -> bool:
        """Whether the shard is committed."""
        return self._part(shard).is_file()

    @property
    def committed(self) -> set[int]:
        """All shards that are committed, from one listing."""
        return {int(part.stem[5:]) for part in self.folder.glob("part-*.parquet")}

    @property
    def begun(self) -> set[int]:
        """The shards that are being worked on, or that a process died in, from one listing."""
        return {int(marker.name[6:]) for marker in self.folder.glob("begun-*")}

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
        part = self._part(shard)
        table = read_whole(part)
        if table is None or not covers(table, first, count):
            raise BatchEmotionError(f"{part} is damaged; delete it and run the same command again")
        return table

    def take_up(self, shard: int, first: int, count: int) -> pa.Table | None:
        """What ``read`` gives; None where that is damaged, and then the shard is no longer committed."""
        part = self._part(shard)
        table = read_whole(part)
        if table is not None and covers(table, first, count):
            return table
        part.unlink()
        return None

    def remove(self) -> None:
        """Take the whole folder away."""
        (self.folder / "fingerprint.json").unlink(missing_ok=True)
        remove_folder(self.folder)

    def _files(self, pattern: str) -> list[Place]:
        return sorted(self.folder.glob(pattern), key=lambda file: file.name)

    def _part(self, shard: int) -> Place:
        return self.folder / f"part-{shard:06d}.parquet"

    def _marker(self, shard: int) -> Place:
        return self.folder / f"begun-{shard:06d}"


def shards(images: int, shard_size: int) -> Iterator[tuple[int, int, int]]:
    """Cut a plan: (shard number, first row, number of rows) of each shard."""
    for number, first in enumerate(range(0, images, shard_size)):
        yield number, first, min(shard_size, images - first)
