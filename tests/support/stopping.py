"""Runs that fail half-way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pytest

from batch_emotion.errors import BatchEmotionError
from batch_emotion.results.workspace import Workspace


@contextmanager
def failing_at(shard: int) -> Iterator[None]:
    """Expect the run in this block to fail at the commit of a shard; those before it are committed."""
    commit = Workspace.commit

    def failing(self: Workspace, number: int, rows: pa.Table) -> None:
        if number == shard:
            raise BatchEmotionError("the lights went out")
        commit(self, number, rows)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(BatchEmotionError, match="lights"):
        patch.setattr(Workspace, "commit", failing)
        yield
