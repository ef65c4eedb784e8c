"""An update as one would write it down, row by row in dictionaries, to compare the one on columns with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import pyarrow as pa

from batch_emotion.options.runs import UpdateOptions
from batch_emotion.plan import Plan

Row = dict[str, Any]


@dataclass
class PlainUpdate:
    """What is to be scored, what stays, and the counts; ``rows`` puts them together."""

    todo: list[int]
    suspects: list[str]
    kept: dict[int, list[Row]]
    vanished: list[Row]
    counts: Counter[str]

    def rows(self, plan: Plan, scored: pa.Table) -> list[Row]:
        """All rows of the new result; the ``index`` of those scored counts along ``todo``."""
        fresh: dict[int, list[Row]] = {}
        for row in scored.to_pylist():
            fresh.setdefault(self.todo[row.pop("index")], []).append(row)
        attributes = plan.attributes.to_pylist() or [{}] * len(plan)
        return [
            row | attributes[image] for image in range(len(plan)) for row in self.kept.get(image) or fresh[image]
        ] + self.vanished


def plain_update(
    plan: Plan,
    earlier: pa.Table,
    leftovers: tuple[pa.Table, ...],
    suspects: list[str],
    options: UpdateOptions,
    same_model: bool,
) -> PlainUpdate:
    """Compare a plan with earlier rows; vanished images are neither refused nor pruned."""
    result = earlier.to_pylist()
    before = _by_path(result)
    told_by_time = options.checksum and "sha256" not in earlier.column_names
    between = _by_path([row for part in leftovers for row in part.drop_columns(["index"]).to_pylist()])
    known, counts = {row["path"] for row in result}, Counter[str]()
    kept, plain, crashed = dict[int, list[Row]](), list[int](), list[int]()
    planned = plan.images.to_pylist()
    for image, now in enumerate(planned):
        old = _unchanged(before.get(now["path"]), now, options.checksum and not told_by_time)
        left = _unchanged(between.get(now["path"]), now, options.checksum)
        retry = options.retry_failures and _failed(old)
        counts["new"] += now["path"] not in known
        counts["retried"] += retry
        counts["changed"] += now["path"] in known and not old and not retry
        if old and not retry:
            if same_model and (not told_by_time or now["sha256"] is None):
                counts["unchanged"] += 1
                kept[image] = old if not told_by_time else [row | {"sha256": None} for row in old]
                continue
            counts["rescored"] += 1
        if left and not (options.retry_failures and _failed(left)):
            counts["reused"] += 1
            kept[image] = left
        elif now["path"] in suspects or any(rows and rows[0]["status"] == "decoder_crash" for rows in (old, left)):
            crashed.append(image)
        else:
            plain.append(image)
    for image, rows in kept.items():
        now = {name: planned[image][name] for name in ("size", "mtime_ns") if planned[image][name] is not None}
        kept[image] = [row | now for row in rows]
    listed = {now["path"] for now in planned}
    gone = known - listed
    counts["vanished"] = sum(not any(str(above) in listed for above in PurePath(path).parents) for path in gone)
    vanished = [row for row in result if row["path"] in gone]
    return PlainUpdate(plain + crashed, [planned[image]["path"] for image in crashed], kept, vanished, counts)


def _by_path(rows: list[Row]) -> dict[str, list[Row]]:
    """Of each file the rows of the version that comes first, a row for each face."""
    versions: dict[str, tuple[int, int]] = {}
    faces: dict[str, dict[int, Row]] = {}
    for row in rows:
        version = (row["size"], row["mtime_ns"])
        if versions.setdefault(row["path"], version) == version:
            face = row.get("face_index")
            faces.setdefault(row["path"], {}).setdefault(-1 if face is None else face, row)
    return {path: [found[face] for face in sorted(found)] for path, found in faces.items()}


def _unchanged(rows: list[Row] | None, now: Row, checksum: bool) -> list[Row] | None:
    if not rows:
        return None
    alike = all(rows[0][name] == now[name] for name in ("size", "mtime_ns"))
    if checksum:
        alike = rows[0]["sha256"] == now["sha256"] and (now["sha256"] is not None or alike)
    is_back = rows[0]["status"] == "missing" and now["size"] is not None
    return rows if alike and not is_back else None


def _failed(rows: list[Row] | None) -> bool:
    return bool(rows) and rows[0]["status"] not in ("ok", "no_face")  # type: ignore[index]
