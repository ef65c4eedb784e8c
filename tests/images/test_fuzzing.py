"""Whatever a file holds, it becomes a row: some hundreds of mutants of every format; ``make soak`` tries many more."""

import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_emotion.images.decode import decode
from batch_emotion.records import Status
from tests.fuzzing.jpeg import JPEG
from tests.fuzzing.mutants import mutant
from tests.fuzzing.png import PNG
from tests.fuzzing.samples import samples
from tests.fuzzing.survey import survey
from tests.fuzzing.trial import LIMITS, SPEC, check_row
from tests.support.children import path_with


@pytest.mark.parametrize("name", samples())
def test_a_sound_sample_is_read(name: str) -> None:
    image = decode(samples()[name], SPEC, LIMITS)
    check_row(image, SPEC)
    assert image.status is Status.OK, image.error
    assert {image.width, image.height} == {40, 28}


def test_a_mutant_is_made_from_its_number() -> None:
    assert [mutant(number) for number in range(50)] == [mutant(number) for number in range(50)]
    changed = [number for number in range(300) if mutant(number).data != samples()[mutant(number).name]]
    assert len(changed) > 250


def test_a_jpeg_of_thousands_of_scans_which_would_take_hours_is_refused() -> None:
    pieces = JPEG.split(samples()["jpeg/RGB progressive"])
    last = max(at for at, piece in enumerate(pieces) if piece.kind == b"\xff\xda")
    for scans, status in ((100, Status.OK), (1000, Status.UNSUPPORTED)):
        data = JPEG.join(pieces[:last] + pieces[last : last + 2] * scans + pieces[last + 2 :])
        assert decode(data, SPEC, LIMITS).status is status
    merely_long = samples()["jpeg/RGB"] + b"\xff\xda" * 1000
    assert decode(merely_long, SPEC, LIMITS).status is Status.OK


@pytest.mark.parametrize("name", ["png/6 8", "png/2 8", "png/3 8"])
@pytest.mark.parametrize("ends_early", [False, True])
def test_a_png_that_says_it_has_gigabytes_of_pixels_takes_no_memory_for_them(name: str, ends_early: bool) -> None:
    *head, pixels, end = PNG.split(samples()[name])
    lying = PNG.join([*head, *([end] * ends_early), replace(pixels, length=2**32 - 2), end])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert decode(lying, SPEC, LIMITS).status is Status.CORRUPT
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 * before


_FAILING = """
import os, sys
if "tests.fuzzing.worker" in sys.orig_argv:
    from tests.fuzzing import trial
    trial.CPU_SECONDS = 2
    real = trial.try_image
    def failing(location):
        number = int(os.path.basename(location).split(".")[0])
        if number == 3:
            os.abort()
        while number == 5:
            pass
        assert number != 6, "no row"
        return real(location)
    trial.try_image = failing
"""


def test_what_crashes_stalls_or_gives_no_row_is_found_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", path_with(tmp_path / "site", _FAILING))
    folder = tmp_path / "kept"
    folder.mkdir()
    found = survey(folder, range(8))
    assert found.statuses.total() == 8
    assert [fault.split(":")[0] for fault in sorted(found.faults)] == ["AssertionError", "SIGABRT", "SIGPROF"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        f"{number}.image": mutant(number).data for number in (3, 5, 6)
    }


def test_mutants_of_every_format_become_rows(tmp_path: Path) -> None:
    found = survey(tmp_path, range(800))
    assert not found.faults, found.shown_faults
    assert found.statuses.total() == 800
    assert len(found.statuses) >= 4


def test_predict_gives_each_mutant_its_row(tmp_path: Path) -> None:
    folder = tmp_path / "mutants"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number:03d}.jpg").write_bytes(mutant(number).data)
    command = [sys.executable, "-m", "batch_emotion", "predict", str(folder), "--out", str(tmp_path / "r.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=300)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "r.parquet")
    assert [Path(path).stem for path in table["path"].to_pylist()] == [f"{number:03d}" for number in range(400)]
    assert "decoder_crash" not in table["status"].to_pylist()
