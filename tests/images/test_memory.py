"""Images that many threads decode at once take no more memory than a few of them would."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from batch_emotion.images import memory
from batch_emotion.images.decode import decode
from batch_emotion.options.images import Limits
from batch_emotion.records import InputSpec, Status
from batch_emotion.storage.budget import ByteBudget
from tests.fuzzing.writers import bmp, png, tiff
from tests.support.children import ROOT

MIB = 2**20
PATIENCE_S = 120
WIDTH, HEIGHT = 1200, 1000
SLACK = 2 * MIB


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[ByteBudget]:
    budget = ByteBudget(100 * MIB)
    monkeypatch.setattr(memory, "_BUDGET", budget)
    yield budget
    assert budget.used == 0


def test_an_image_gives_back_what_it_took_even_where_it_fails(budget: ByteBudget) -> None:
    with pytest.raises(ValueError, match="damaged"), memory.Counted():
        memory.reserve(60 * MIB)
        assert budget.used == 60 * MIB
        raise ValueError("damaged")
    assert budget.used == 0


def test_small_images_and_those_outside_a_block_wait_for_nothing(budget: ByteBudget) -> None:
    budget.take(100 * MIB)
    memory.reserve(1000 * MIB)
    with memory.Counted():
        assert decode(png(360, 360, 6, 16, False), InputSpec((8, 8)), Limits()).status is Status.OK
    budget.give_back(100 * MIB)


def test_an_image_takes_its_part_until_it_is_released_or_the_next_comes(budget: ByteBudget) -> None:
    with memory.Counted():
        decode(png(500, 400, 2, 8, False), InputSpec((8, 8)), Limits())
        first = budget.used
        decode(png(1000, 400, 2, 8, False), InputSpec((8, 8)), Limits())
        assert budget.used > first > 500 * 400 * 3
        memory.release()
        assert budget.used == 0


def test_large_images_wait_for_each_other_and_one_larger_than_all_is_alone(budget: ByteBudget) -> None:
    lock = threading.Lock()
    inside: list[int] = []
    seen: list[list[int]] = []

    def decode(size: int) -> None:
        with memory.Counted():
            memory.reserve(size * MIB)
            with lock:
                inside.append(size)
                seen.append(list(inside))
            with lock:
                inside.remove(size)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(decode, [30, 200, 60, 90, 10, 40] * 50, timeout=PATIENCE_S))
    assert len(seen) == 300
    assert all(sum(sizes) <= 100 or len(sizes) == 1 for sizes in seen)


def _large_images() -> Iterator[tuple[str, bytes]]:
    ramp = np.linspace(0, 255, WIDTH).astype(np.uint8)
    picture = Image.fromarray(np.broadcast_to(ramp[:, None], (HEIGHT, WIDTH, 3)).copy())
    clear = picture.copy()
    clear.putalpha(128)

    def saved(image: Image.Image, form: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, form, **options)
        return buffer.getvalue()

    for color, depth in ((0, 1), (2, 8), (3, 8), (4, 8), (6, 8), (0, 16), (4, 16), (6, 16)):
        yield f"PNG {color} {depth}", png(WIDTH, HEIGHT, color, depth, False)
    yield "JPEG", saved(picture, "JPEG")
    yield "grey JPEG", saved(picture.convert("L"), "JPEG")
    yield "progressive JPEG", saved(picture, "JPEG", progressive=True, subsampling=0)
    yield "progressive CMYK JPEG", saved(picture.convert("CMYK"), "JPEG", progressive=True)
    yield "GIF", saved(picture.quantize(64), "GIF")
    yield "BMP 1", bmp(WIDTH, HEIGHT, 1)
    yield "BMP 24", bmp(WIDTH, HEIGHT, 24)
    yield "BMP 16", bmp(WIDTH, HEIGHT, 16, header=108, compression=3)
    yield "BMP 32", bmp(WIDTH, HEIGHT, 32, header=108, compression=3)
    yield "TIFF", saved(picture, "TIFF", compression="tiff_lzw")
    yield "TIFF CMYK", saved(picture.convert("CMYK"), "TIFF")
    yield "TIFF in planes", tiff(WIDTH, HEIGHT, [8] * 3, 2, planar=True, rows_per_strip=100)
    yield "TIFF 16", tiff(WIDTH, HEIGHT, [16] * 4, 2, extra=[2], rows_per_strip=100)
    yield "TIFF 32", tiff(WIDTH, HEIGHT, [32] * 3, 2, sample_format=3, rows_per_strip=100)
    yield "TIFF 64", tiff(WIDTH, HEIGHT, [64], 1, sample_format=3, rows_per_strip=100)
    pillow_heif.register_heif_opener()
    for image in (picture, clear):
        for form, options in (("WEBP", {}), ("JPEG2000", {}), ("AVIF", {"speed": 10}), ("HEIF", {"quality": 50})):
            yield f"{form} {image.mode}", saved(image, form, **options)
    size = b"%d %d" % (WIDTH, HEIGHT)
    yield "PNM 1", b"P1 %s\n" % size + b"1 " * (WIDTH * HEIGHT)
    yield "PNM 3", b"P3 %s 255\n" % size + b"12 " * (WIDTH * HEIGHT * 3)
    yield "PNM 6", b"P6 %s 1023\n" % size + bytes(WIDTH * HEIGHT * 6)


def _environment() -> dict[str, str]:
    """That of a child whose freed memory glibc does not keep, for what it keeps is no measure of what is taken."""
    return os.environ | {"PYTHONPATH": str(ROOT), "MALLOC_MMAP_THRESHOLD_": "65536"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can forget a process's peak of memory")
def test_decoding_takes_no_more_than_it_asks_for(tmp_path: Path) -> None:
    for name, data in _large_images():
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-m", "tests.images.peaks", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=_environment(), check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert {status for _, status, *_ in lines} == {"ok"}
    assert len({name for name, *_ in lines}) == len(list(tmp_path.iterdir()))
    too_much = [line for line in lines if int(line[3]) > int(line[4]) + SLACK]
    assert not too_much, "\n".join(map(str, too_much))
    assert sum(int(line[4]) for line in lines) < 4 * sum(int(line[3]) for line in lines)


def test_many_bytes_a_pixel_are_refused_where_the_pixels_would_be_allowed() -> None:
    deep, plain = (tiff(400, 400, [bits] * 3, 2, sample_format=kind) for bits, kind in ((64, 3), (8, 1)))
    spec, limits = InputSpec((8, 8)), Limits(max_pixels=400 * 400)
    assert decode(plain, spec, limits).status is Status.OK
    refused = decode(deep, spec, limits)
    assert (refused.status, refused.width, refused.height) == (Status.TOO_LARGE, 400, 400)
    assert "64 bits a sample" in str(refused.error)
    assert decode(deep, spec, Limits(max_pixels=10 * 400 * 400)).status is Status.OK


_TOGETHER = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from batch_emotion.images import memory
from batch_emotion.images.decode import decode
from batch_emotion.records import InputSpec, Status
from batch_emotion.options.images import Limits
from batch_emotion.images.decode import load_image
from batch_emotion.records import InputSpec, Status
from batch_emotion.options.images import Limits
memory._BUDGET.size = 128 * 2**20
def load(_):
    with memory.Counted():
        return load_image(sys.argv[1], InputSpec((48, 48)), Limits()).status
with ThreadPoolExecutor(8) as pool:
    assert set(pool.map(load, range(int(sys.argv[2])))) == {Status.OK}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def test_large_transparent_images_in_many_threads_take_the_memory_of_one(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGBA", (3000, 3000), (10, 20, 30, 128)).save(path, compress_level=1)
    peaks = {}
    for count in (1, 10):
        command = [sys.executable, "-c", _TOGETHER, str(path), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=True)
        peaks[count] = int(done.stdout)
    assert peaks[10] < peaks[1] + 100 * MIB  # eight at once would take 500 MiB more
