#!/usr/bin/env python3
"""Measure what a plan and an update of any size take, on names that are made up by a generator and stored nowhere else.

    python -m tests.bench.planning plan 1000000 10000000 100000000 --folder DIR
    python -m tests.bench.planning update 500000 5000000 --folder DIR

``plan`` lists so many names, begins a run with them and hands out its shards, reading every name once as a worker does.
``update`` brings a result of so many rows up to date of which one image has vanished, so all are compared, carried over
and written anew. Each size runs in a process of its own. *anonymous* is the memory that no file backs, *resident* what
was resident at most, with the pages of mapped files, which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import json
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLASSES = 7
_IN_A_FOLDER = 10_000


class Peak(threading.Thread):
    """Watches the memory of this process and the files without a name that it has open or mapped, in MiB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.anonymous = self.resident = self.unnamed = 0.0
        self.start()

    def run(self) -> None:
        while True:
            self.look()
            time.sleep(0.1)

    def look(self) -> None:
        lines = Path("/proc/self/status").read_text().splitlines()
        found = {
            name: int(cells.split()[0]) for name, _, cells in (line.partition(":") for line in lines) if "kB" in cells
        }
        self.anonymous, self.resident = max(self.anonymous, found["RssAnon"] / 1024), found["VmHWM"] / 1024
        self.unnamed = max(self.unnamed, _unnamed_bytes() / 2**20)


def _unnamed_bytes() -> int:
    sizes: dict[str, int] = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, _, _, _, inode, *name = line.split(maxsplit=5)
        if name and name[0].endswith("(deleted)"):
            first, end = (int(address, 16) for address in addresses.split("-"))
            sizes[inode] = end - first
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            facts = descriptor.stat()
            if stat.S_ISREG(facts.st_mode) and not facts.st_nlink:
                sizes[str(facts.st_ino)] = facts.st_size
    return sum(sizes.values())


class Stages:
    """The seconds of each stage, by the clock and by the processor, and the memory by its end."""

    def __init__(self, before: Peak) -> None:
        self.told: dict[str, Any] = {}
        self._peak, self._began = before, (time.monotonic(), time.process_time())

    def end(self, stage: str, **more: float) -> None:
        now = time.monotonic(), time.process_time()
        self._peak.look()
        self.told[stage] = {
            "seconds": round(now[0] - self._began[0], 1),
            "cpu_seconds": round(now[1] - self._began[1], 1),
            "anonymous_mib": round(self._peak.anonymous),
            "resident_mib": round(self._peak.resident),
            "unnamed_files_mib": round(self._peak.unnamed),
            **more,
        }
        self._began = now


def _entries(count: int) -> Iterator[Any]:
    from batch_emotion.sources.folder import Entry

    for row in range(count):
        name = f"{row // _IN_A_FOLDER:06d}/face-{row:09d}.jpg"
        yield Entry(f"faces/{name}", f"/data/faces/{name}", (2_000 + row % 1_000, 1_700_000_000_000_000_000 + row))


def _plan(count: int, folder: Path) -> Any:
    from batch_emotion.plan import Plan
    from batch_emotion.sources.plan_table import plan_table

    images = plan_table(_entries(count), folder)
    return Plan(images.kept.table, images.kept.table.select([]), 0, images)


def measure_plan(count: int, folder: Path, stages: Stages) -> None:
    """List, begin a run, and read its shards as they are handed out."""
    from batch_emotion.results.fingerprint import Fingerprint
    from batch_emotion.results.workspace import Workspace, shards

    stages.end("start")
    plan = _plan(count, folder)
    fingerprint = Fingerprint(plan.digest, len(plan), "m", "m", "onnx", "d")
    stages.end("plan")
    workspace = Workspace(folder / "out.parquet")
    workspace.open(fingerprint, plan, overwrite=False)
    size = (workspace.folder / "plan.arrow").stat().st_size
    stages.end("begin", bytes_per_image=round(size / count, 1))
    del plan
    plan, read = workspace.plan(), 0
    for _, first, images in shards(len(plan), fingerprint.shard_size):
        shard = plan.slice(first, images)
        read += sum(map(bool, shard.images["location"].to_pylist()))
        plan.release()
    assert read == count
    stages.end("shards")


def measure_update(count: int, folder: Path, stages: Stages) -> None:
    """Make a result up, and bring it up to date with a plan of one image less."""
    from dataclasses import replace

    import pyarrow.parquet as pq

    from batch_emotion.options.predict import PredictOptions
    from batch_emotion.options.runs import MonitoringOptions, UpdateOptions
    from batch_emotion.plan import Plan
    from batch_emotion.records import Profile
    from batch_emotion.results.run_document import write_run
    from batch_emotion.results.summary import Summary
    from batch_emotion.results.writer import write_result
    from batch_emotion.runs.job import make_job
    from batch_emotion.runs.output import footer, result_record, write_output
    from batch_emotion.runs.recorder import Recorder

    out = folder / "out.parquet"
    (folder / "one.jpg").touch()
    options = PredictOptions((str(folder),), out, update=UpdateOptions())
    job = make_job(options, Profile())

    def job_of(plan: Plan) -> Any:
        return replace(job, plan=plan, fingerprint=replace(job.fingerprint, plan=plan.digest, images=len(plan)))

    whole, summary = job_of(_plan(count, folder)), Summary()
    rows = summary.counting(map(_made_up_rows(whole), whole.plan.stored.kept.batches()))
    sha256 = write_result(out, rows, whole.schema, footer(whole, whole.class_prior))
    write_run(out, {}, result_record(whole.fingerprint, sha256, summary))  # type: ignore[typeddict-item]
    size = out.stat().st_size
    stages.end("make", bytes_per_row=round(size / count, 1))
    del whole, rows
    now = job_of(_plan(count - 1, folder))
    stages.end("plan")
    made = write_output(out, now, options, Recorder(out, MonitoringOptions()), lambda progress: None)
    assert made.summary.update is not None
    assert (made.summary.update.unchanged, made.summary.update.vanished) == (count - 1, 1)
    assert pq.read_metadata(out).num_rows == count
    stages.end("update")


def _made_up_rows(job: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    def rows(images: pa.Table) -> pa.Table:
        count, random = len(images), np.random.default_rng(len(images))
        chances = random.dirichlet(np.ones(len(job.class_names)), count).astype(np.float32)
        best = chances.argmax(axis=1)
        columns = {name: images[name] for name in ("path", "size", "mtime_ns")}
        columns |= {"status": pa.array(["ok"] * count), "emotion": pa.array(np.array(job.class_names)[best])}
        columns |= {"confidence": pa.array(chances.max(axis=1))}
        columns |= {f"p_{name}": pa.array(chances[:, at].copy()) for at, name in enumerate(job.class_names)}
        columns |= {name: pa.array(np.full(count, 48, np.int32)) for name in ("width", "height")}
        columns |= {"error": pa.nulls(count, pa.string())}
        return pa.table({name: columns[name] for name in job.schema.names}, schema=job.schema)

    return rows


def main() -> None:
    """Measure what the command line asks for, each size in a child process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["plan", "update"])
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--folder", type=Path, help="on a disk with 200 bytes for each name, 1 kB for each row")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        stages = Stages(Peak())
        {"plan": measure_plan, "update": measure_update}[options.what](options.sizes[0], options.folder, stages)
        print(json.dumps(stages.told))
        return
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            child = [
                sys.executable,
                "-m",
                "tests.bench.planning",
                options.what,
                str(size),
                "--folder",
                folder,
                "--here",
            ]
            told = json.loads(subprocess.run(child, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
        for stage, figures in told.items():
            print(
                f"{size:>12,} {stage:8}", "  ".join(f"{name} {value:,}" for name, value in figures.items()), flush=True
            )


if __name__ == "__main__":
    main()
