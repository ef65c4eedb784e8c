"""Standard streams that are closed, full or broken, and libraries that print: real processes below a shell."""

import os
import pty
import shlex
import subprocess
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_emotion.errors import BatchEmotionError
from batch_emotion.streams import _text
from tests.support.children import command, environment, path_with

NOISY = """
import logging, os, threading, warnings, batch_emotion.images.decode as decode
real = decode.decode
class Unraisable:
    def __del__(self):
        raise ValueError("noise: unraisable")
def noisy(*arguments):
    os.write(1, b"noise: stdout")
    os.write(2, b"noise: stderr")
    logging.getLogger("PIL.TiffImagePlugin").critical("noise: log")
    warnings.warn("noise: warning")
    Unraisable()
    thread = threading.Thread(target=lambda: 1 / 0, name="noise: thread")
    thread.start()
    thread.join()
    return real(*arguments)
decode.decode = noisy
"""
LOST = "batch-emotion: {}: standard output cannot be written: No space left on device\n"


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def _shell(
    redirected: str, *arguments: object, **variables: str | os.PathLike[str]
) -> subprocess.CompletedProcess[str]:
    """Run the program below a shell, in which ``redirected`` stands for it and what is done to its streams."""
    line = f"set -o pipefail; {redirected.format(shlex.join(command(*arguments)))}"
    values = environment(**{name: os.fspath(value) for name, value in variables.items()})
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=values)


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [
        ("{} >&-", 0, ""),
        ("{} <&- >&- 2>&-", 0, ""),
        ("{} > /dev/full", 1, LOST.format("error")),
        ("{} > /dev/full 2> /dev/full", 1, ""),
        ("{} | true", 0, ""),
    ],
)
def test_an_answer_that_cannot_be_written_is_an_error_unless_nobody_wants_it(
    redirected: str, code: int, said: str
) -> None:
    done = _shell(redirected, "models")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)


@pytest.mark.parametrize("redirected", ["{} <&- >&- 2>&-", "{} > /dev/full 2> /dev/full", "{} 2>&1 | true"])
def test_streams_change_no_exit_code_and_no_temporary_file_is_left(
    redirected: str, faces: Path, tmp_path: Path, temporary: Path
) -> None:
    out = tmp_path / "r.parquet"
    done = _shell(redirected, "predict", faces, "--out", out, TMPDIR=temporary)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert pq.read_table(out, columns=["status"]).column(0).to_pylist() == ["ok"] * 48
    assert list(temporary.iterdir()) == []


def test_lines_about_what_is_on_disk_may_be_lost(faces: Path, tmp_path: Path) -> None:
    done = _shell("{} > /dev/full", "explain", faces / "happy", "--out", tmp_path / "e", "--model", "seed-cnn")
    assert (done.returncode, done.stderr) == (0, LOST.format("warning"))
    assert len(list((tmp_path / "e").iterdir())) == 8


def test_usage_errors_keep_their_code_without_stderr() -> None:
    assert _shell("{} 2>&-", "predict", "nowhere", "--out", "r.csv").returncode == 2


def test_training_and_exporting_leave_no_temporary_file(faces: Path, tmp_path: Path, temporary: Path) -> None:
    trained = _shell(
        "{}", "train", faces, "--out", tmp_path / "m", "--epochs", 1, "--mixup", 0.2, "--ema", 0.9, TMPDIR=temporary
    )
    assert trained.returncode == 0, trained.stderr
    exported = _shell(
        "{}", "export", tmp_path / "m", "--out", tmp_path / "s", "--format", "savedmodel", TMPDIR=temporary
    )
    assert exported.returncode == 0, exported.stderr
    assert list(temporary.iterdir()) == []


def test_what_libraries_print_is_seen_with_debug_only(faces: Path, tmp_path: Path) -> None:
    path = path_with(tmp_path / "site", NOISY)
    one = next(faces.rglob("*.png"))
    done = _shell("{}", "predict", one, "--out", tmp_path / "r.csv", "--quiet", PYTHONPATH=path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    shown = _shell("{}", "predict", one, PYTHONPATH=path, BATCH_EMOTION_DEBUG="1")
    for noise in ("stderr", "log", "warning", "unraisable", "thread"):
        assert f"noise: {noise}" in shown.stderr
    assert "noise: stdout" in shown.stdout
    assert "happy" in shown.stdout


def test_a_stream_whose_terminal_is_gone_drops_what_is_written() -> None:
    master, terminal = pty.openpty()
    stream = _text(terminal, "utf-8", is_answer=True)
    os.close(master)
    print("anything", file=stream)
    stream.close()
    os.close(terminal)


def test_a_full_stream_fails_once_if_it_has_the_answer() -> None:
    with open("/dev/full", "wb") as full:
        answer, progress = (_text(full.fileno(), "utf-8", is_answer=each) for each in (True, False))
        print("anything", file=progress)
        with pytest.raises(BatchEmotionError, match="No space left"):
            print("anything", file=answer)
        print("anything", file=answer)


def test_a_stream_that_does_not_block_loses_nothing() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stream = _text(writer, "utf-8", is_answer=True)
    got: list[bytes] = []

    def read() -> None:
        while block := os.read(reader, 2**16):
            got.append(block)

    thread = threading.Thread(target=read)
    thread.start()
    print("x" * 2**20, file=stream)
    stream.close()
    os.close(writer)
    thread.join()
    os.close(reader)
    assert b"".join(got) == b"x" * 2**20 + b"\n"
