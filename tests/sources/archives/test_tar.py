"""Tars of every kind, and what is no tar, against what Python's own tarfile finds in them."""

import errno
import os
import struct
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_emotion.sources.archives.opening import Reading, list_archive
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.ranges import LocalRanges
from batch_emotion.storage.reading import FileBytes, read_file
from tests.support.archives import tar_info, tar_of, tar_with

_LIMIT = 2**20
FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def _read(path: Path) -> dict[str, FileBytes]:
    listing = list_archive(str(path), Reading())
    return {listing.name(row): read_file(listing.location(row), _LIMIT) for row in listing.images()}


def _written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    return path


def _trouble(path: Path) -> str:
    trouble = list_archive(str(path), Reading()).trouble
    assert trouble is not None
    return f"{trouble.status}: {trouble.reason}"


@pytest.mark.parametrize("form", FORMS)
def test_names_sizes_and_times_of_every_form(tmp_path: Path, form: str) -> None:
    members = {"a.jpg": b"one", "deep/" * 20 + "ü b.jpg": b"two" * 500, ".hidden.jpg": b"x", "notes.txt": b"text"}
    if form != "ustar":
        members["long/" * 60 + "c.jpg"] = b"three"
    path = _written(tmp_path, tar_of(members, 1_700_000_000.25, format=FORMS[form]))
    listing = list_archive(str(path), Reading())
    rows = list(listing.images())
    expected = {name: content for name, content in members.items() if name.endswith(".jpg") and name[0] != "."}
    assert {listing.name(row): read_file(listing.location(row), _LIMIT).data for row in rows} == expected
    assert [listing.facts(row)[0] for row in rows] == [len(content) for content in expected.values()]
    second = 1_700_000_000 * 10**9
    assert {listing.facts(row)[1] for row in rows} == {second + 250_000_000 if form == "pax" else second}
    assert listing.left_out == 1
    assert listing.trouble is None


_names = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=40).filter(lambda name: name != ".")


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.lists(_names, min_size=1, max_size=4), st.binary(max_size=1200)), max_size=6),
    st.sampled_from(sorted(FORMS)),
)
def test_any_tar_is_read_as_tarfile_reads_it(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[list[str], bytes]], form: str
) -> None:
    try:
        content = tar_of({f"m/{'/'.join(name)}.jpg": data for name, data in members}, format=FORMS[form])
    except (ValueError, UnicodeEncodeError):  # what ustar cannot hold
        return
    path = _written(tmp_path_factory.mktemp("tar"), content)
    with tarfile.open(path) as archive:
        expected = {
            escape_name(info.name): archive.extractfile(info).read()  # type: ignore[union-attr]
            for info in archive
            if not any(part.startswith(".") and part != ".." for part in info.name.split("/"))
        }
    assert {name: file.data for name, file in _read(path).items()} == expected


def test_a_name_that_is_there_twice_is_the_last_one(tmp_path: Path) -> None:
    path = _written(tmp_path, tar_of({"a.jpg": b"old", "b.jpg": b"b"})[:2048] + tar_of({"a.jpg": b"new"}))
    assert {name: file.data for name, file in _read(path).items()} == {"b.jpg": b"b", "a.jpg": b"new"}


def test_links_devices_and_sparse_files_are_rows_and_hard_links_what_they_link_to(tmp_path: Path) -> None:
    beginning = tar_of({"./a.jpg": b"abc"})[:1024]
    path = _written(
        tmp_path,
        beginning
        + tar_with(
            tar_info("same.jpg", tarfile.LNKTYPE, target="a.jpg"),
            tar_info("dangling.jpg", tarfile.LNKTYPE, target="/etc/passwd"),
            tar_info("soft.jpg", tarfile.SYMTYPE, target="/etc/passwd"),
            tar_info("fifo.jpg", tarfile.FIFOTYPE),
            tar_info("sparse.jpg", tarfile.GNUTYPE_SPARSE),
            tar_info("folder.jpg", tarfile.DIRTYPE),
        ),
    )
    found = _read(path)
    assert {name: str(file.status) for name, file in found.items()} == {
        "a.jpg": "ok",
        "same.jpg": "ok",
        "dangling.jpg": "not_a_file",
        "soft.jpg": "not_a_file",
        "fifo.jpg": "not_a_file",
        "sparse.jpg": "unsupported",
    }
    assert found["same.jpg"].data == b"abc"
    assert found["soft.jpg"].error == "it is a symbolic link in the archive"


def test_names_that_lead_out_of_the_archive_are_names_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"outside")
    path = _written(tmp_path, tar_of({"../b.jpg": b"inside", "/etc/c.jpg": b"too"}))
    assert {name: file.data for name, file in _read(path).items()} == {"../b.jpg": b"inside", "/etc/c.jpg": b"too"}


def test_a_tar_that_is_cut_short_has_the_rows_before_the_cut(tmp_path: Path) -> None:
    whole = tar_of({"a.jpg": b"a" * 600, "b.jpg": b"b" * 600})
    path = _written(tmp_path, whole[:1600])
    assert _trouble(path) == "corrupt: the archive cannot be read after 1 file: it is cut short"
    assert [str(file.status) for file in _read(path).values()] == ["ok"]
    path = _written(tmp_path, whole[:2400])
    assert _trouble(path) == "corrupt: the archive cannot be read after 2 files: it is cut short"
    assert [(str(file.status), file.error) for file in _read(path).values()] == [
        ("ok", None),
        ("corrupt", "the archive ends before its 600 bytes do"),
    ]


def test_claims_that_cannot_be_true_are_not_believed(tmp_path: Path) -> None:
    terabytes = tar_info("a.jpg", size=2**44).tobuf(tarfile.GNU_FORMAT)
    path = _written(tmp_path, terabytes + bytes(1024))
    assert _trouble(path).endswith("it is cut short")
    assert [(name, str(file.status)) for name, file in _read(path).items()] == [("a.jpg", "corrupt")]
    sparse = tar_info("b.jpg", tarfile.GNUTYPE_SPARSE, 2**70).tobuf(tarfile.GNU_FORMAT)
    path = _written(tmp_path, tar_info("a.jpg").tobuf() + sparse + bytes(1024))
    assert _trouble(path) == "corrupt: the archive cannot be read after 2 files: it is cut short"
    assert [(name, str(file.status)) for name, file in _read(path).items()] == [
        ("a.jpg", "empty"),
        ("b.jpg", "corrupt"),
    ]
    path = _written(tmp_path, tar_info("x", tarfile.GNUTYPE_LONGNAME, 2**33).tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert _trouble(path) == f"corrupt: the archive cannot be read: a header claims {2**33} bytes"
    path = _written(tmp_path, tar_info("a.jpg", size=-2).tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert _trouble(path) == "corrupt: the archive cannot be read: it is no tar archive"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"short", "it is no tar archive"),
        (b"\xff\xd8" + bytes(2000), "it is no tar archive"),
        (tar_of({"a.jpg": b"a"})[:1024] + b"rubbish" * 300, "after 1 file: a header is damaged"),
    ],
)
def test_what_is_no_tar_says_so(tmp_path: Path, content: bytes, reason: str) -> None:
    assert _trouble(_written(tmp_path, content)).endswith(reason)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_damage_is_an_exception_or_takes_long(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(tar_of({f"{'x' * 90}/{n}/{'y' * 60}.jpg": b"z" * 700 for n in range(3)}, 1.5))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = _written(tmp_path_factory.mktemp("tar"), bytes(content[: data.draw(st.integers(0, len(content)))]))
    for file in _read(path).values():
        assert len(file.data) <= _LIMIT


def test_a_member_is_told_from_what_took_its_place(tmp_path: Path) -> None:
    path = _written(tmp_path, tar_of({"a.jpg": b"old", "b.jpg": b"b"}))
    listing = list_archive(str(path), Reading())
    locations = [listing.location(row) for row in listing.images()]
    assert read_file(locations[1], _LIMIT).data == b"b"
    path.write_bytes(tar_of({"c.jpg": b"new", "b.jpg": b"b"}))
    changed, same = (read_file(location, _LIMIT) for location in locations)
    assert str(changed.status) == "unreadable"
    assert "changed since it was listed" in (changed.error or "")
    assert same.data == b"b"


def test_large_members_are_passed_over_and_small_ones_read_in_large_steps(tmp_path: Path) -> None:
    from batch_emotion.sources.archives.tar import list_tar
    from batch_emotion.storage.ranges import LocalRanges

    class Counting(LocalRanges):
        reads: list[int]

        def read(self, offset: int, length: int) -> bytes:
            self.reads.append(length)
            return super().read(offset, length)

    for size, count, least, most in ((2000, 3000, 3, 8), (600_000, 6, 6, 7)):
        path = _written(tmp_path, tar_of({f"{n}.jpg": bytes(size) for n in range(count)}))
        file = Counting(str(path))
        file.reads = []
        assert len(list_tar(str(path), file, "tar")) == count
        assert least <= len(file.reads) <= most, file.reads
    assert sum(file.reads) < 600_000


def test_the_sparse_headers_of_old_gnu_tar_are_passed_over(tmp_path: Path) -> None:
    header = bytearray(tar_info("s.jpg", tarfile.GNUTYPE_SPARSE, 3).tobuf(tarfile.GNU_FORMAT))
    header[482] = 1
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(struct.unpack("512B", header))
    path = _written(tmp_path, bytes(header) + bytes(512) + b"abc".ljust(512, b"\0") + tar_of({"a.jpg": b"a"}))
    assert {name: str(file.status) for name, file in _read(path).items()} == {"s.jpg": "unsupported", "a.jpg": "ok"}


def test_compressed_tars_are_read_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    members = {f"{n}.jpg": os.urandom(50_000) for n in range(60)}
    path.write_bytes(tar_of(members, mode="w:gz"))
    listing = list_archive(str(path), Reading())
    rows = list(listing.images())
    for row in [*rows, *reversed(rows)]:
        assert read_file(listing.location(row), _LIMIT).data == members[listing.name(row)]


def test_a_compressed_tar_that_is_cut_short_or_none(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    whole = tar_of({f"{n}.jpg": os.urandom(50_000) for n in range(60)}, mode="w:gz")
    path.write_bytes(whole[: len(whole) // 2])
    assert "its compression is damaged or cut short" in _trouble(path)
    assert [str(file.status) for file in _read(path).values()][:25] == ["ok"] * 25
    path.write_bytes(b"no gzip at all")
    assert _trouble(path).startswith("corrupt: the archive cannot be read: its compression is damaged")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_read_that_fails_is_no_damage_and_may_succeed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    path = tmp_path / ("a.tar" if mode == "w" else "a.tar.gz")
    path.write_bytes(tar_of({f"{n}.jpg": os.urandom(900_000) for n in range(12)}, mode=mode))
    locations = list(map(list_archive(str(path), Reading()).location, range(12)))
    read = LocalRanges.read

    def failing(file: LocalRanges, offset: int, length: int) -> bytes:
        if offset > 2**20:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(file, offset, length)

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(LocalRanges, "read", failing)
            assert _trouble(path) == "unreadable: Input/output error"
            assert str(read_file(locations[-1], _LIMIT).status) == "unreadable"
        assert {str(read_file(location, _LIMIT).status) for location in locations} == {"ok"}
        assert list_archive(str(path), Reading()).trouble is None


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_that_was_replaced_is_read_anew_once_it_is_listed(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.tar" if mode == "w" else "a.tar.gz")
    for content in (b"one", b"two"):
        path.write_bytes(tar_of({"a.jpg": content}, mode=mode))
        assert _read(path)["a.jpg"].data == content


def test_only_what_is_called_like_the_image_up_to_the_first_dot_is_carried_beside_it(tmp_path: Path) -> None:
    members = {"v1.2/a.png": b"", "v1.2/a.json": b"1", "v1.2/a.meta.json": b"2", "b.seg.png": b"", "b.txt": b"3"}
    path = _written(tmp_path, tar_of({**members, "b.old.txt": b"4"}))
    listing = list_archive(str(path), Reading(webdataset=True))
    assert [listing.name(row) for row in listing.images()] == ["v1.2/a.png", "b.seg.png"]
    assert listing.left_out == 2
    assert listing.attributes is not None
    assert listing.attributes.to_pylist() == [
        {"json": "1", "cls": None, "txt": None},
        {"json": None, "cls": None, "txt": "3"},
    ]


def test_io_is_not_needed_to_know_that_a_member_is_too_large(tmp_path: Path) -> None:
    path = _written(tmp_path, tar_of({"a.jpg": b"a" * 600}))
    listing = list_archive(str(path), Reading())
    path.unlink()
    assert str(read_file(listing.location(0), 599).status) == "too_large"
