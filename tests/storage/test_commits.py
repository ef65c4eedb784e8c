import errno
import fcntl
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_emotion.errors import OutputBusy, UsageError
from batch_emotion.storage.commits import commit_text, committing, committing_folder, restore_output
from batch_emotion.storage.escaping import escape_name, json_text, unescape_name
from batch_emotion.storage.locks import output_lock


@given(st.binary(max_size=40))
def test_any_file_name_survives_the_escape(raw: bytes) -> None:
    name = os.fsdecode(raw)
    escaped = escape_name(name)
    escaped.encode("utf-8")
    assert os.fsencode(unescape_name(escaped)) == raw


@given(st.sampled_from([b"a\\x41.jpg", b"\\x5cx41", b"\\\\x41", b"caf\xe9.jpg", b"\\xe9\xe9"]))
def test_names_that_look_escaped_survive(raw: bytes) -> None:
    assert os.fsencode(unescape_name(escape_name(os.fsdecode(raw)))) == raw


def test_ordinary_names_stay_as_they_are() -> None:
    assert escape_name("a b/ü 'quote\"\n.jpg") == "a b/ü 'quote\"\n.jpg"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    final = tmp_path / "file"
    final.write_text("old")
    with pytest.raises(RuntimeError), committing(final) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert final.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_is_swapped_in_whole(tmp_path: Path) -> None:
    final = tmp_path / "folder"
    final.mkdir()
    (final / "old").touch()
    with committing_folder(final) as folder:
        (folder / "new").touch()
    assert os.listdir(final) == ["new"]
    assert os.listdir(tmp_path) == ["folder"]


def test_a_swap_cut_short_between_its_renames_is_mended(tmp_path: Path) -> None:
    final, previous = tmp_path / "folder", tmp_path / ".folder.previous"
    previous.mkdir()
    (previous / "old").touch()
    restore_output(final)
    assert os.listdir(final) == ["old"]
    assert not previous.exists()


def test_what_killed_writers_left_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    kept = [".r.parquet.abcd1234.tmp", ".r.abcd1234.tmp.jpg", "r.abcd1234.tmp", ".rr.abcd1234.tmp", "r"]
    for name in (*kept, ".r.abcd123_.tmp"):
        (tmp_path / name).touch()
    (tmp_path / ".r.dcba4321.tmp").mkdir()
    restore_output(tmp_path / "r")
    assert sorted(os.listdir(tmp_path)) == sorted(kept)
    with committing(tmp_path / "r") as temporary:
        pass
    temporary.touch()
    restore_output(tmp_path / "r")
    assert not temporary.exists()


def test_temporaries_of_outputs_with_long_names_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    one, other = (tmp_path / f"{'n' * 110}-{task}.parquet" for task in (0, 1))
    of_older_version = tmp_path / f".{'n' * 100}.abcd1234.tmp"
    of_older_version.touch()
    (tmp_path / f"{one.name}.lock").touch()
    with committing(one) as temporary:
        restore_output(other)
        assert temporary.exists()
    assert one.exists()
    assert of_older_version.exists(), "it may be the other's"
    (tmp_path / f"{one.name}.run.json").touch()
    for name in (one.name, f"{one.name}.run.json"):
        with committing(tmp_path / name) as left:
            pass
        left.touch()
    restore_output(one)
    assert sorted(os.listdir(tmp_path)) == sorted(one.name + end for end in ("", ".lock", ".run.json"))


def test_the_lock_is_held_once_and_its_file_stays(tmp_path: Path) -> None:
    lock = tmp_path / "out.lock"
    with (
        output_lock(lock),
        pytest.raises(OutputBusy, match=rf"pid {os.getpid()}"),
        output_lock(lock),
    ):
        pytest.fail("the lock was given twice")
    assert lock.exists()
    with output_lock(lock):
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    lock = tmp_path / "r.parquet.lock"
    with pytest.raises(UsageError, match=rf"cannot lock {lock}: {os.strerror(code)}; .*copy the result") as raised:
        output_lock(lock).__enter__()
    assert "\n" not in str(raised.value)


def test_a_name_of_many_bytes_is_committed(tmp_path: Path) -> None:
    final = tmp_path / f"{'感' * 80}.csv"
    with committing(final) as temporary:
        assert len(os.fsencode(temporary.name)) < 255
        temporary.write_text("whole")
    assert final.read_text() == "whole"


def test_bytes_of_names_in_texts_and_documents_are_escaped(tmp_path: Path) -> None:
    name = os.fsdecode(b"f\xff")
    commit_text(tmp_path / "a.txt", f"{name}, ü\n")
    assert (tmp_path / "a.txt").read_bytes() == "f\\xff, ü\n".encode()
    assert json.loads(json_text({name: [name, "ü", "\\x41"]}).encode()) == {"f\\xff": ["f\\xff", "ü", "\\x41"]}
    with pytest.raises(ValueError, match="JSON"):
        json_text(float("nan"), allow_nan=False)
