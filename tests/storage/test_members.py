from pathlib import Path

import pytest

from batch_emotion.records import Status
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.members import Member, Refused, find_member
from batch_emotion.storage.places import is_uri
from batch_emotion.storage.reading import read_file


@pytest.mark.parametrize(
    "member",
    [
        Member("tar", 512, 2048, 2048, 0xC0FFEE, "/data/a.tar"),
        Member("deflated", 0, 10, 2**63 - 1, 2**32 - 1, "s3://bucket/odd,name:1!/b.zip"),
        Member("row", 3, 17, -1, 0, r"/data/caf\xe9.parquet", "a,b:c d.bytes"),
        Refused(Status.CORRUPT, "the archive: it is cut short"),
    ],
)
def test_a_member_is_text_and_back(member: Member | Refused) -> None:
    assert find_member(member.location) == member
    assert not is_uri(member.location)


@pytest.mark.parametrize(
    "location",
    ["", "/data/member:tar,1,2,3,4:x", "s3://bucket/refused:ok:x", "file:///x", "member://a.jpg", "refused://a.jpg"],
)
def test_paths_and_uris_are_no_members(location: str) -> None:
    assert find_member(location) is None


@pytest.mark.parametrize("scheme", ["member", "refused", "memory", "foo"])
def test_a_cell_of_a_manifest_that_nothing_opens_is_a_row(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "m.csv").write_text(f"path\n{scheme}://a.jpg\n")
    (location,) = make_plan([str(tmp_path / "m.csv")]).images["location"].to_pylist()
    file = read_file(location, 100)
    assert file.status is Status.UNSUPPORTED
    assert str(file.error).startswith(f"cannot open {scheme}://")
