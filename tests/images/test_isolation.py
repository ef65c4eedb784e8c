import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_emotion.errors import BatchEmotionError
from batch_emotion.images.isolation import IsolatedLoader
from batch_emotion.images.loading import make_loader
from batch_emotion.options.images import Limits
from batch_emotion.records import InputSpec, Status
from batch_emotion.storage.reading import FileBytes
from tests.support.children import CRASHING, ROOT, path_with


@pytest.fixture
def crashing_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the child process die of the content ``crash``, through a sitecustomize that only it reads."""
    monkeypatch.setenv("PYTHONPATH", path_with(tmp_path / "site", CRASHING))


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


def test_what_is_read_already_is_decoded_in_the_child(tmp_path: Path) -> None:
    data = cv2.imencode(".png", np.full((8, 8, 3), 77, np.uint8))[1].tobytes()
    with IsolatedLoader(partial(make_loader, InputSpec((4, 4)), Limits())) as load:
        (image,) = load("s3://bucket/a.png", FileBytes(data, Status.OK, None, len(data), 5))
        (gone,) = load("s3://bucket/b.png", FileBytes(b"", Status.MISSING, "No such object"))
    assert (image.status, image.size, image.mtime_ns) == (Status.OK, len(data), 5)
    assert (gone.status, gone.error) == (Status.MISSING, "No such object")


def test_what_a_library_prints_in_the_child_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    printing = CRASHING.replace("os.abort()", "os.write(1, b'noise'); os.write(2, b'noise')")
    monkeypatch.setenv("PYTHONPATH", path_with(tmp_path / "site", printing))
    (tmp_path / "noisy.jpg").write_bytes(b"crash")
    with IsolatedLoader(partial(make_loader, InputSpec((4, 4)), Limits())) as load:
        (image,) = load(str(tmp_path / "noisy.jpg"))
    assert image.status is Status.UNSUPPORTED
    assert capfd.readouterr() == ("", "")


def test_an_image_that_stalls_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", path_with(tmp_path / "site", CRASHING.replace("os.abort()", "import time; time.sleep(600)"))
    )
    (tmp_path / "culprit.jpg").write_bytes(b"crash")
    with IsolatedLoader(partial(make_loader, InputSpec((4, 4)), Limits()), patience_s=0.5) as load:
        (image,) = load(str(tmp_path / "culprit.jpg"))
        assert image.status is Status.DECODER_CRASH
        assert image.error == "decoding took more than 0.5 s"


def test_a_script_without_a_main_guard_is_not_run_again_by_the_child(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "good.png"), np.full((8, 8, 3), 77, np.uint8))
    (tmp_path / "script.py").write_text(
        "from functools import partial\n"
        "from batch_emotion.images.isolation import IsolatedLoader\n"
        "from batch_emotion.images.loading import make_loader\n"
        "from batch_emotion.options.images import Limits\n"
        "from batch_emotion.records import InputSpec\n"
        "print('once')\n"
        "with IsolatedLoader(partial(make_loader, InputSpec((4, 4)), Limits())) as load:\n"
        "    (image,) = load('good.png')\n"
        "    print(image.status.value, image.error)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
    assert done.stdout == "once\nok None\n", done.stderr


def test_a_child_that_cannot_start_is_a_failed_run_and_no_images_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "batch_emotion.py").write_text("raise SystemExit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BatchEmotionError, match="exit code 9"):
        IsolatedLoader(partial(make_loader, InputSpec((4, 4)), Limits()))
