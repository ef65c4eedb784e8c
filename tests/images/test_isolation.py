import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_emotion.images import decode
from batch_emotion.images.isolation import IsolatedLoader
from batch_emotion.images.loading import make_loader
from batch_emotion.records import InputSpec, Limits, Status

SITE = """
import os
import batch_emotion.images.decode as decode
_decode = decode.decode
def crashing(data, *how):
    if data == b"crash":
        os.abort()
    return _decode(data, *how)
decode.decode = crashing
"""


@pytest.fixture
def crashing_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the child process die of the content ``crash``, through a sitecustomize that only it reads."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(Path(decode.__file__).parents[2])]))


@pytest.mark.usefixtures("crashing_child")
def test_only_the_culprit_gets_decoder_crash(tmp_path: Path) -> None:
    good, culprit = tmp_path / "good.png", tmp_path / "culprit.jpg"
    cv2.imwrite(str(good), np.full((8, 8, 3), 77, np.uint8))
    culprit.write_bytes(b"crash")
    spec = InputSpec((4, 4))
    with IsolatedLoader(partial(make_loader, spec, Limits())) as load:
        images = [image for path in (good, culprit, good, tmp_path / "gone") for image in load(str(path))]
    statuses = [image.status for image in images]
    assert statuses == [Status.OK, Status.DECODER_CRASH, Status.OK, Status.MISSING]
    assert "SIGABRT" in str(images[1].error)
    assert images[2].pixels is not None
    assert images[2].pixels.max() == images[2].pixels.min() == 77
