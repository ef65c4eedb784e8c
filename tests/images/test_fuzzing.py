"""Whatever a file holds, it becomes a row: some hundreds of mutants of every format; ``make soak`` tries many more."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_emotion.images.decode import decode
from batch_emotion.records import Status
from tests.fuzzing.mutants import mutant
from tests.fuzzing.samples import samples
from tests.fuzzing.survey import survey
from tests.fuzzing.trial import LIMITS, SPEC, check_row


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
