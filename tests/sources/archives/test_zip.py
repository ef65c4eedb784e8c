"""Zips of every kind, and hostile ones."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_emotion.sources.archives.opening import Reading, list_archive
from batch_emotion.storage.reading import FileBytes, read_file
from tests.support.archives import zip_of

_LIMIT = 2**20
METHODS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}


def _read(path: Path, limit: int = _LIMIT) -> dict[str, FileBytes]:
    listing = list_archive(str(path), Reading())
    return {listing.name(row): read_file(listing.location(row), limit) for row in listing.images()}


def _written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("method", METHODS)
def test_members_names_and_what_is_passed_over(tmp_path: Path, method: str) -> None:
    members = {"a.jpg": b"one" * 999, "ü/b.jpg": b"two", "empty.jpg": b"", "__MACOSX/._a.jpg": b"x", "n.txt": b"t"}
    path = _written(tmp_path, zip_of(members, METHODS[method]))
    found = _read(path)
    assert {name: (str(file.status), file.data) for name, file in found.items()} == {
        "a.jpg": ("ok", members["a.jpg"]),
        "ü/b.jpg": ("ok", b"two"),
        "empty.jpg": ("empty", b""),
    }
    listing = list_archive(str(path), Reading())
    assert [listing.facts(row)[0] for row in listing.images()] == [2997, 3, 0]
    assert listing.left_out == 1


def test_times_are_those_of_info_zip_or_the_date(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo("a.jpg", (2023, 11, 14, 22, 13, 20))
        archive.writestr(info, b"a")
        info = zipfile.ZipInfo("b.jpg", (1980, 0, 0, 0, 0, 0))
        info.extra = struct.pack("<HHBi", 0x5455, 5, 1, 1_700_000_001)
        archive.writestr(info, b"b")
    listing = list_archive(str(_written(tmp_path, made.getvalue())), Reading())
    assert [listing.facts(row)[1] // 10**9 for row in listing.images()] == [1_700_000_000, 1_700_000_001]


def test_what_cannot_be_read_is_a_row(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("secret.jpg", "link.jpg", "bz2.jpg"):
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o120777 if name == "link.jpg" else 0o100644) << 16
            archive.writestr(info, b"/etc/passwd", zipfile.ZIP_BZIP2 if name == "bz2.jpg" else zipfile.ZIP_STORED)
    content = bytearray(made.getvalue())
    at = content.index(b"PK\1\2")
    content[at + 8] |= 1
    found = _read(_written(tmp_path, bytes(content)))
    assert {name: (str(file.status), file.error) for name, file in found.items()} == {
        "secret.jpg": ("unreadable", "it is encrypted; unpack the archive to read it"),
        "link.jpg": ("not_a_file", "it is a symbolic link in the archive"),
        "bz2.jpg": ("unsupported", "it is compressed by method 12; only stored and deflated members are read"),
    }


def test_a_bomb_unpacks_no_further_than_it_says_or_than_is_allowed(tmp_path: Path) -> None:
    content = bytearray(zip_of({"bomb.jpg": bytes(50 * 2**20)}, zipfile.ZIP_DEFLATED))
    path = _written(tmp_path, bytes(content))
    assert {name: str(file.status) for name, file in _read(path).items()} == {"bomb.jpg": "too_large"}
    at = content.index(b"PK\1\2")
    content[at + 24 : at + 28] = struct.pack("<I", 1000)
    file = _read(_written(tmp_path, bytes(content)))["bomb.jpg"]
    assert (str(file.status), file.error) == ("corrupt", "it unpacks to more than the 1000 bytes that the archive says")


def test_damaged_content_and_directories(tmp_path: Path) -> None:
    content = bytearray(zip_of({"a.jpg": b"a" * 600}))
    content[100] ^= 1
    assert {name: str(file.status) for name, file in _read(_written(tmp_path, bytes(content))).items()} == {
        "a.jpg": "corrupt"
    }
    for cut, reason in ((bytes(content[:-30]), "it is cut short, or no zip"), (b"", "it is cut short, or no zip")):
        trouble = list_archive(str(_written(tmp_path, cut)), Reading()).trouble
        assert trouble is not None
        assert trouble.reason == f"the archive cannot be read: {reason}"


def test_members_that_point_outside_are_rows(tmp_path: Path) -> None:
    content = bytearray(zip_of({"a.jpg": b"a" * 600, "b.jpg": b"b"}))
    at = content.index(b"PK\1\2")
    content[at + 42 : at + 46] = struct.pack("<I", 50)  # no header begins there
    assert {name: str(file.status) for name, file in _read(_written(tmp_path, bytes(content))).items()} == {
        "a.jpg": "unreadable",
        "b.jpg": "ok",
    }


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_damage_is_an_exception(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    members = {f"{number}.jpg": b"z" * 90 for number in range(3)}
    content = bytearray(zip_of(members, data.draw(st.sampled_from(sorted(METHODS.values())))))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    for file in _read(_written(tmp_path_factory.mktemp("zip"), bytes(content))).values():
        assert len(file.data) <= _LIMIT
