#!/usr/bin/env python3
"""Measure batch-emotion against its yardsticks: a table of ratios on the screen, every run in a JSON file.

    python tests/bench/bench.py --idiom keras_idiom.py --make make_folder.py --images FACES [--json bench.json]
    python tests/bench/bench.py --idiom keras_idiom.py --folder faces=DIR --folder photos=DIR --only faces,photos

A figure and its yardstick run in turn, ROUNDS times, and each round gives one ratio; the table shows their median and
spread. Nothing else should run on the machine. What the scripts given must take and print:

    IDIOM FOLDER MODEL.keras OUT.parquet --image-size N --color-mode rgb|grayscale    ends with "…, 12.34 s, …"
    PHOTO_IDIOM FOLDER MODEL.keras OUT.csv                                            ends with "…, 12.34 s, …"
    MAKE faces|photos OUT COUNT --from IMAGES                                         makes a folder

``tests/bench/picture.py`` draws the JSON file.

Only the standard library is imported here: what Linux reports as a child's peak memory includes what its parent held
when it started it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
FOLDERS = {
    "faces": ("faces", 20_000),
    "photos": ("photos", 400),
    "faces10k": ("faces", 10_000),
    "faces100k": ("faces", 100_000),
    "files1m": ("faces", 1_000_000),
    "one": ("faces", 1),
}
ALONE = """
import json, sys, time
import numpy as np
from batch_emotion.cores import available_cores
from batch_emotion.images.decode import load_image
from batch_emotion.sources.planning import make_plan
from batch_emotion.model.bundle import load_bundle
from batch_emotion.model.runtime import OnnxRuntime
from batch_emotion.options.images import Limits

bundle = load_bundle(sys.argv[1])
spec, limits = bundle.card.input, Limits()
told = {"cores": available_cores(), "keras_file": str(bundle.keras_file), "int8": bundle.int8_file is not None}
told |= {"side": spec.image_size[0], "color_mode": spec.color_mode}
if len(sys.argv) > 2:
    locations = make_plan([sys.argv[2]]).slice(0, 4096).images["location"].to_pylist()
    for location in locations[:256]:
        load_image(location, spec, limits)
    started = time.process_time()
    for location in locations:
        load_image(location, spec, limits)
    told["decode_us"] = (time.process_time() - started) / len(locations) * 1e6
    pixels = np.stack([load_image(location, spec, limits).pixels for location in locations[:1024]])
    runtime = OnnxRuntime(str(bundle.onnx_file), 1)
    runtime.predict_proba(pixels[:256])
    started = time.process_time()
    for first in range(0, len(pixels), 256):
        runtime.predict_proba(pixels[first : first + 256])
    told["infer_us"] = (time.process_time() - started) / len(pixels) * 1e6
print(json.dumps(told))
"""


@dataclass
class Figure:
    """A ratio or an amount, its bar, and what each round gave."""

    name: str
    bar: float
    at_least: bool
    unit: str = "x"
    values: list[float] = field(default_factory=list)
    details: list[dict[str, float]] = field(default_factory=list)

    def add(self, value: float, **details: float) -> None:
        self.values.append(value)
        self.details.append(details)
        shown = ", ".join(f"{key} {number:,.3g}" for key, number in details.items())
        print(f"  {self.name}: {value:.3f} {self.unit}  ({shown})", file=sys.stderr, flush=True)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        return self.median >= self.bar if self.at_least else self.median <= self.bar

    def line(self) -> str:
        bar = f"{'>=' if self.at_least else '<='} {self.bar:g}"
        spread = f"{min(self.values):.3f} - {max(self.values):.3f}"
        verdict = "holds" if self.holds else "MISSED"
        return f"{self.name:<58} {bar:>8} {self.unit:<3} {self.median:>9.3f}  {spread:<19} {verdict}"


@dataclass(frozen=True)
class Run:
    """One process: wall and CPU seconds, peak resident memory in MB, what it printed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    out: str


def execute(*command: object) -> Run:
    """Run a process to its end; one that fails ends the whole."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            err.seek(0)
            sys.exit(f"{' '.join(map(str, command))}\nended with {process.returncode}: {err.read()[-2000:]}")
        out.seek(0)
        return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read())


class Bench:
    """The folders, the model and the two contestants."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options, self.work = options, work
        self.given = dict(pair.split("=", 1) for pair in options.folder)
        self.model = self.alone()

    def folder(self, name: str) -> Path:
        """A folder given or made; it is listed once so that the system knows it."""
        if name in self.given:
            folder = Path(self.given[name]).resolve()
        else:
            if name not in FOLDERS:
                sys.exit(f"no folder {name!r}: give --folder {name}=DIR")
            kind, count = FOLDERS[name]
            count = max(1, round(count * self.options.scale))
            folder = self.work / f"{name}-{count}"
            if not folder.exists():
                if not (self.options.make and self.options.images):
                    sys.exit(f"no folder {name!r}: give --folder {name}=DIR, or --make and --images")
                execute(PYTHON, self.options.make, kind, folder, count, "--from", self.options.images)
        self.plan(folder)
        return folder

    def alone(self, folder: Path | None = None) -> dict[str, float]:
        """The model, and what an image of the folder costs: decoding alone and inference alone, in microseconds."""
        told: dict[str, float] = json.loads(
            execute(PYTHON, "-c", ALONE, self.options.model, *([folder] if folder else [])).out
        )
        return told

    def plan(self, folder: Path) -> Run:
        return execute(*self.tool(folder), "--out", self.work / "none.parquet", "--dry-run")

    def ours(self, folder: Path, *how: object) -> tuple[float, int, Run]:
        """Seconds from the listing to the file written, images, and the process."""
        out = self.work / "ours.parquet"
        for left in self.work.glob("ours.parquet*"):
            left.unlink()
        run = execute(*self.tool(folder), "--out", out, "--quiet", "--overwrite", *how)
        told = json.loads(out.with_name("ours.parquet.run.json").read_text())["last_run"]
        return told["scoring_seconds"] + told["profile_seconds"]["list"], told["images"], run

    def idiom(self, folder: Path) -> tuple[float, Run]:
        """Seconds from the listing to the file written, as the idiom says them, and the process."""
        out = self.work / "idiom.parquet"
        how = ("--image-size", self.model["side"], "--color-mode", self.model["color_mode"])
        run = execute(PYTHON, self.options.idiom, folder, self.model["keras_file"], out, *how)
        found = re.findall(r"([\d.]+) s\b", run.out)
        return float(found[-1]), run

    def rounds(self) -> Iterator[int]:
        yield from range(self.options.rounds)

    def tool(self, folder: Path) -> list[object]:
        """The command that scores a folder."""
        return [PYTHON, "-m", "batch_emotion", "predict", folder, "--model", self.options.model]


def faces(bench: Bench) -> list[Figure]:
    against_idiom = Figure("faces: images/s against the idiom", 2.4, at_least=True)
    against_limit = Figure("faces: images/s against the limit of the cores", 0.85, at_least=True)
    folder = bench.folder("faces")
    bench.ours(folder)
    for _ in bench.rounds():
        idiom_s, _ = bench.idiom(folder)
        ours_s, images, run = bench.ours(folder)
        cost = bench.alone(folder)
        limit = cost["cores"] * 1e6 / (cost["decode_us"] + cost["infer_us"])
        pace = images / ours_s
        against_idiom.add(idiom_s / ours_s, ours=pace, idiom=images / idiom_s, ours_cpu_s=run.cpu_s)
        against_limit.add(pace / limit, limit=limit, decode_us=cost["decode_us"], infer_us=cost["infer_us"])
    return [against_idiom, against_limit]


def photos(bench: Bench) -> list[Figure]:
    figure = Figure("photos: images/s against the idiom", 1.6, at_least=True)
    folder = bench.folder("photos")
    for _ in bench.rounds():
        idiom_s, _ = bench.idiom(folder)
        ours_s, images, _ = bench.ours(folder)
        figure.add(idiom_s / ours_s, ours=images / ours_s, idiom=images / idiom_s)
    return [figure]


def people(bench: Bench) -> list[Figure]:
    """Photos in which faces are found first; ``--folder people=DIR`` names them."""
    figure = Figure("photos with --faces: photos/s against the idiom", 10, at_least=True)
    folder, out = bench.folder("people"), bench.work / "idiom.csv"
    if not bench.options.photo_idiom:
        sys.exit("the figure of photos with faces needs --photo-idiom")
    for _ in bench.rounds():
        run = execute(PYTHON, bench.options.photo_idiom, folder, bench.model["keras_file"], out)
        idiom_s = float(re.findall(r"([\d.]+) s\b", run.out)[-1])
        ours_s, images, _ = bench.ours(folder, "--faces")
        figure.add(idiom_s / ours_s, ours=images / ours_s, idiom=images / idiom_s)
    return [figure]


def workers(bench: Bench) -> list[Figure]:
    """Start-up is in neither: the clock of both runs begins with the first shard."""
    figure = Figure("faces: images/s of two Ray workers against one process", 0.9, at_least=True)
    folder, cut = bench.folder("faces"), ("--shard-size", 5000)
    ray = ("--engine", "ray", "--num-workers", 2, "--cpus-per-worker", 1)
    bench.ours(folder, *cut)
    for _ in bench.rounds():
        here_s, images, _ = bench.ours(folder, *cut, "--threads", 2)
        ray_s, _, _ = bench.ours(folder, *cut, *ray)
        figure.add(here_s / ray_s, here=images / here_s, ray=images / ray_s)
    return [figure]


def growth(bench: Bench) -> list[Figure]:
    memory = Figure("peak memory: 100,000 faces against 10,000", 1.05, at_least=False)
    peak = Figure("peak memory at 100,000 faces", 1.2, at_least=False, unit="GB")
    cost = Figure("cost per image: 100,000 faces against 10,000", 1.05, at_least=False)
    few, many = bench.folder("faces10k"), bench.folder("faces100k")
    for _ in bench.rounds():
        few_s, few_images, small = bench.ours(few)
        many_s, many_images, large = bench.ours(many)
        memory.add(large.peak_mb / small.peak_mb, small_mb=small.peak_mb, large_mb=large.peak_mb)
        peak.add(large.peak_mb / 1000)
        cost.add((many_s / many_images) / (few_s / few_images), small_s=few_s, large_s=many_s)
    return [memory, peak, cost]


def start(bench: Bench) -> list[Figure]:
    words = Figure("--help against importing typer", 2.0, at_least=False)
    single = Figure("one image, whole process, against importing tensorflow", 0.2, at_least=False)
    image = next(path for path in bench.folder("one").rglob("*") if path.is_file())
    for figure, yardstick, command in (
        (words, "import typer", ("--help",)),
        (single, "import tensorflow", ("predict", image, "--model", bench.options.model)),
    ):
        execute(PYTHON, "-m", "batch_emotion", *command)
        for _ in bench.rounds():
            theirs = execute(PYTHON, "-c", yardstick).wall_s
            ours = execute(PYTHON, "-m", "batch_emotion", *command).wall_s
            figure.add(ours / theirs, ours_s=ours, theirs_s=theirs)
    return [words, single]


def few(bench: Bench) -> list[Figure]:
    """Twenty images, and a night with 40 new ones of 10,000: whole processes."""
    twenty = Figure("twenty images to Parquet against importing tensorflow", 0.25, at_least=False)
    peak = Figure("twenty images to Parquet: peak memory", 300, at_least=False, unit="MB")
    night = Figure("a night with 40 new of 10,000 against importing tensorflow", 0.25, at_least=False)
    for name, count in (("twenty", 20), ("old", 9_960), ("nights", 10_000)):
        shutil.rmtree(bench.work / name, ignore_errors=True)
        (bench.work / name).mkdir()
        images = (path for path in sorted(bench.folder("faces10k").rglob("*")) if path.is_file())
        for number, image in enumerate(islice(images, count)):
            os.link(image, bench.work / name / f"{number:05d}{image.suffix}")
    source, out = bench.work / "source", bench.work / "night.parquet"
    for _ in bench.rounds():
        theirs = execute(PYTHON, "-c", "import tensorflow").wall_s
        _, _, run = bench.ours(bench.work / "twenty")
        twenty.add(run.wall_s / theirs, ours_s=run.wall_s, theirs_s=theirs)
        peak.add(run.peak_mb)
        for left in bench.work.glob("night.parquet*"):
            left.unlink()
        source.unlink(missing_ok=True)
        source.symlink_to(bench.work / "old")
        execute(*bench.tool(source), "--out", out, "--quiet")
        source.unlink()
        source.symlink_to(bench.work / "nights")
        theirs = execute(PYTHON, "-c", "import tensorflow").wall_s
        update = execute(*bench.tool(source), "--out", out, "--quiet", "--update")
        told = json.loads(out.with_name("night.parquet.run.json").read_text())["last_run"]
        if told["scored_in_this_run"] != 40:
            sys.exit(f"{told['scored_in_this_run']} images were scored, not 40")
        night.add(update.wall_s / theirs, ours_s=update.wall_s, theirs_s=theirs, peak_mb=update.peak_mb)
    return [twenty, peak, night]


def whole(bench: Bench) -> list[Figure]:
    """20,000 faces, whole processes, start included; int8 where the model has such a network."""
    figures = [Figure("faces: whole process against the idiom's", 1.8, at_least=True)]
    if bench.model["int8"]:
        figures.append(Figure("faces: whole process against the idiom's, int8", 2.6, at_least=True))
        figures.append(Figure("faces: images/s of int8 against float32", 1.5, at_least=True))
    folder = bench.folder("faces")
    for _ in bench.rounds():
        _, theirs = bench.idiom(folder)
        float_s, images, ours = bench.ours(folder)
        figures[0].add(theirs.wall_s / ours.wall_s, ours_s=ours.wall_s, idiom_s=theirs.wall_s)
        if bench.model["int8"]:
            int8_s, _, ours = bench.ours(folder, "--precision", "int8")
            figures[1].add(theirs.wall_s / ours.wall_s, ours_s=ours.wall_s, idiom_s=theirs.wall_s)
            figures[2].add(float_s / int8_s, float32=images / float_s, int8=images / int8_s)
    return figures


def planning(bench: Bench) -> list[Figure]:
    memory = Figure("planning 1,000,000 files: memory above an empty run", 300, at_least=False, unit="MB")
    linear = Figure("planning: time per file, 1,000,000 against 100,000", 1.1, at_least=False)
    one, some, many = bench.folder("one"), bench.folder("faces100k"), bench.folder("files1m")
    for _ in bench.rounds():
        empty, tenth, whole = bench.plan(one), bench.plan(some), bench.plan(many)
        counts = [int(run.out.split()[0]) for run in (tenth, whole)]
        each = [(run.wall_s - empty.wall_s) / count for run, count in zip((tenth, whole), counts, strict=True)]
        memory.add(whole.peak_mb - empty.peak_mb, empty_mb=empty.peak_mb, whole_mb=whole.peak_mb)
        linear.add(each[1] / each[0], few_us=each[0] * 1e6, many_us=each[1] * 1e6)
    return [memory, linear]


PARTS: dict[str, Callable[[Bench], list[Figure]]] = {
    part.__name__: part for part in (faces, photos, people, workers, growth, start, few, whole, planning)
}


def machine() -> dict[str, object]:
    """What it was measured on."""
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if sys.platform == "linux" else []
    return {"cpu": names[0] if names else platform.processor(), "system": platform.platform(), "load": os.getloadavg()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idiom", type=Path, required=True, help="the yardstick script")
    parser.add_argument("--photo-idiom", type=Path, help="the yardstick script for photos with faces")
    parser.add_argument("--make", type=Path, help="the script that makes folders")
    parser.add_argument("--images", type=Path, help="the images it makes them from")
    parser.add_argument(
        "--folder", action="append", default=[], metavar="NAME=DIR", help=f"one of {', '.join(FOLDERS)}, people"
    )
    parser.add_argument("--model", default="seed-cnn", help="a bundled model's name, or a bundle's folder")
    parser.add_argument("--rounds", type=int, default=5)
    usual = ",".join(name for name in PARTS if name != "people")
    parser.add_argument("--only", default=usual, help=f"which of {', '.join(PARTS)}; default: {usual}")
    parser.add_argument("--scale", type=float, default=1.0, help="make folders of this part of their size, to try it")
    parser.add_argument("--work", type=Path, help="where folders are made and kept; a temporary folder by default")
    parser.add_argument("--json", type=Path, default=Path("bench.json"))
    options = parser.parse_args()
    options.idiom, options.make = options.idiom.resolve(), options.make and options.make.resolve()
    options.images = options.images and options.images.resolve()
    options.photo_idiom = options.photo_idiom and options.photo_idiom.resolve()

    work = options.work.resolve() if options.work else Path(tempfile.mkdtemp(prefix="bench-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        bench = Bench(options, work)
        figures = [figure for name in options.only.split(",") for figure in PARTS[name](bench)]
    finally:
        if not options.work:
            shutil.rmtree(work)
    told = {
        "machine": machine(),
        "model": options.model,
        "cores": bench.model["cores"],
        "rounds": options.rounds,
        "scale": options.scale,
        "figures": [asdict(figure) | {"median": figure.median, "holds": figure.holds} for figure in figures],
    }
    options.json.write_text(json.dumps(told, indent=2) + "\n")
    print(f"{options.model} on {bench.model['cores']} cores of {told['machine']['cpu']}, {options.rounds} rounds")
    print(f"{'figure':<58} {'bar':>12} {'median':>9}  {'spread':<19}")
    for figure in figures:
        print(figure.line())


if __name__ == "__main__":
    main()
