"""A hundred thousand mutated images (``SOAK_MUTANTS``), in minutes rather than the seconds that CI has for some."""

import os
from pathlib import Path

import pytest

from batch_emotion.images.memory import MOST_BYTES_OF_A_PIXEL
from batch_emotion.options.images import Limits
from tests.fuzzing.survey import survey

pytestmark = pytest.mark.soak

MUTANTS = int(os.environ.get("SOAK_MUTANTS", "100000"))
MOST_BYTES = MOST_BYTES_OF_A_PIXEL * Limits().max_pixels + 500 * 2**20
"""Of a process that decodes: what an image may take, and the libraries."""


def test_mutants_become_rows_within_seconds_and_bounded_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = survey(tmp_path, range(MUTANTS))
    with capsys.disabled():
        print(f"\n{found}")
    assert not found.faults, found.shown_faults
    assert found.statuses.total() == MUTANTS
    assert found.hungriest[0] <= MOST_BYTES
