"""Archives and tables of images, from the command line to the rows."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.cli import main
from batch_emotion.options.images import SourceOptions
from batch_emotion.options.runs import UpdateOptions
from tests.support.archives import members_of, table_of, tar_info, tar_of, tar_with, write_archive, zip_of
from tests.support.children import CRASHING, command, environment, path_with, start, wait_for
from tests.support.stopping import failing_at
from tests.support.store import Bucket, only

KINDS = ("a.tar", "a.tar.gz", "a.tar.zst", "a.zip", "a.parquet", "a.arrow")
_PLACES = ("path", "mtime_ns")


@pytest.fixture
def images(faces: Path) -> dict[str, bytes]:
    return members_of(faces)


def _rows(source: str | Path, options: SourceOptions | None = None) -> pa.Table:
    table = predict(PredictOptions((str(source),), source=options or SourceOptions())).table
    assert table is not None
    return table


def _without_places(table: pa.Table) -> pa.Table:
    return table.drop_columns([*_PLACES])


@pytest.mark.parametrize("name", KINDS)
def test_the_rows_are_those_of_the_folder(faces: Path, images: Mapping[str, bytes], tmp_path: Path, name: str) -> None:
    archive = write_archive(tmp_path / name, images)
    rows, folder = _rows(archive), _rows(faces)
    assert _without_places(rows).equals(_without_places(folder))
    assert rows["path"].to_pylist() == [f"{archive}!/{member}" for member in images]


@pytest.mark.parametrize("name", ["a.tar", "a.zip", "a.parquet"])
def test_a_run_that_failed_carries_on_in_the_middle_of_an_archive(
    images: Mapping[str, bytes], tmp_path: Path, name: str
) -> None:
    archive, out = write_archive(tmp_path / name, images), tmp_path / "r.parquet"
    options = PredictOptions((str(archive),), out, shard_size=10, batch_size=4)
    with failing_at(2):
        predict(options)
    assert predict(options).summary.scored == len(images) - 20
    assert _without_places(pq.read_table(out)).equals(_without_places(_rows(archive)))


SLOW = """
import os, time, batch_emotion.sources.archives.tar as tar
real = tar._parse
def slow(block, is_first):
    open(os.environ["LISTING"], "w").close()
    while os.path.exists(os.environ["HOLD"]):
        time.sleep(0.01)
    return real(block, is_first)
tar._parse = slow
"""
HELD = """
import os, pathlib, time, batch_emotion.images.decode as decode
real, last = decode.decode, pathlib.Path(os.environ["HELD"]).read_bytes()
def held(data, *how):
    while bytes(data) == last and os.path.exists(os.environ["HOLD"]):
        time.sleep(0.01)
    return real(data, *how)
decode.decode = held
"""


def test_killed_while_listing_and_while_scoring_it_carries_on(images: Mapping[str, bytes], tmp_path: Path) -> None:
    archive, out, hold = write_archive(tmp_path / "a.tar", images), tmp_path / "r.parquet", tmp_path / "hold"
    words = command("predict", archive, "--out", out, "--shard-size", 6, "--batch-size", 3)
    hold.touch()
    last = tmp_path / "last.png"
    last.write_bytes(list(images.values())[-1])
    for number, (code, file) in enumerate(((SLOW, tmp_path / "listing"), (HELD, out.with_name("r.parquet.work")))):
        path = path_with(tmp_path / f"site-{number}", code)
        running = start(words, environment(path, HOLD=str(hold), LISTING=str(file), HELD=str(last)))
        wait_for(file if number == 0 else file / "part-000001.parquet", running)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert running.returncode == -signal.SIGKILL
    done = subprocess.run(words, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).equals(_rows(archive))


def test_an_update_scores_what_the_headers_say_is_new(images: Mapping[str, bytes], tmp_path: Path) -> None:
    archive, out = tmp_path / "a.tar", tmp_path / "r.parquet"
    names = list(images)
    first = {name: images[name] for name in names[:10]}
    archive.write_bytes(tar_of(first))
    options = PredictOptions((str(archive),), out, update=UpdateOptions())
    assert predict(options).summary.scored == 10
    changed = tar_of({names[10]: images[names[10]]}) + b""
    later = tar_of({names[0]: images[names[11]]}, mtime=1_800_000_000)
    beginning = tar_of({name: images[name] for name in names[1:10]})
    archive.write_bytes(_without_end(beginning) + _without_end(changed) + later)
    summary = predict(options).summary
    assert summary.update is not None
    assert (summary.update.unchanged, summary.update.new, summary.update.changed) == (9, 1, 1)
    assert predict(options).summary.scored == 0
    table = pq.read_table(out)
    assert _without_places(table.sort_by("path")).equals(_without_places(_rows(archive).sort_by("path")))


def _without_end(tar: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        last = archive.getmembers()[-1]
    return tar[: last.offset_data + -(-last.size // 512) * 512]


@pytest.mark.parametrize("name", ["a.zip", "a.parquet"])
def test_an_update_of_what_did_not_change_reads_nothing_and_of_a_changed_one_all(
    images: Mapping[str, bytes], tmp_path: Path, name: str
) -> None:
    archive, out = write_archive(tmp_path / name, images), tmp_path / "r.parquet"
    options = PredictOptions((str(archive), str(tmp_path / "more")), out, update=UpdateOptions())
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.png").write_bytes(next(iter(images.values())))
    assert predict(options).summary.scored == len(images) + 1
    (tmp_path / "more" / "b.png").write_bytes(next(iter(images.values())))
    assert predict(options).summary.scored == 1
    if name == "a.parquet":
        os.utime(archive, ns=(0, 10**18))
        assert predict(options).summary.scored == len(images)


def test_images_in_archives_are_found_again(
    images: Mapping[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sources = [str(write_archive(Path(name), images)) for name in KINDS]
    assert main(["predict", *sources, "--out", "r.parquet", "--report", "r.html", "--quiet"]) == 0
    page = Path("r.html").read_text()
    assert page.count("data:image/") > 100
    assert "a.tar%21" not in page
    member = next(name for name in images if "happy" in name)
    assert main(["explain", *(f"{source}!/{member}" for source in sources), "--out", "looks"]) == 0
    assert len(list(Path("looks").iterdir())) == len(sources)
    assert main(["evaluate", "r.parquet", "--out", "e", "--quiet"]) == 0
    assert (Path("e") / "mistakes.png").stat().st_size > 10_000
    capsys.readouterr()
    assert main(["predict", f"a.zip!/{member}"]) == 0
    assert "happy" in capsys.readouterr().out
    assert main(["predict", "a.zip!/none.png"]) == 2
    assert "a.zip!/none.png: the archive has no such member" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.tar", "a.parquet"])
def test_labelled_archives_are_evaluated_as_their_folder_is(
    faces: Path, images: Mapping[str, bytes], tmp_path: Path, name: str
) -> None:
    archive = write_archive(tmp_path / name, images)
    if name == "a.parquet":
        classes = sorted({member.split("/")[0] for member in images})
        pq.write_table(table_of(images, classes), archive)
    assert main(["evaluate", str(archive), "--out", str(tmp_path / "a"), "--quiet"]) == 0
    assert main(["evaluate", str(faces), "--out", str(tmp_path / "f"), "--quiet"]) == 0
    ours, folders = ((tmp_path / each / "confusion_matrix.png").read_bytes() for each in "af")
    assert ours == folders


def test_archives_stand_beside_folders_and_within_them(images: Mapping[str, bytes], tmp_path: Path) -> None:
    few = dict(list(images.items())[:3])
    (tmp_path / "shards").mkdir()
    for name in ("1.tar", "2.zip", "3.parquet"):
        write_archive(tmp_path / "shards" / name, few)
    (tmp_path / "shards" / "2b.png").write_bytes(next(iter(few.values())))
    sources = (str(tmp_path / "shards"), str(tmp_path / "shards" / "2b.png"), str(tmp_path / "shards" / "*.tar"))
    table = predict(PredictOptions(sources)).table
    assert table is not None
    inside = {name: [f"shards/{name}!/{member}" for member in few] for name in ("1.tar", "2.zip", "3.parquet")}
    assert [os.path.relpath(path, tmp_path) for path in table["path"].to_pylist()] == [
        *inside["1.tar"],
        *inside["2.zip"],
        "shards/2b.png",
        *inside["3.parquet"],
        "shards/2b.png",
        *inside["1.tar"],
    ]
    assert table["status"].unique().to_pylist() == ["ok"]


def test_manifests_and_lists_name_members(images: Mapping[str, bytes], tmp_path: Path) -> None:
    write_archive(tmp_path / "a.tar", images)
    write_archive(tmp_path / "b.parquet", images)
    member = next(iter(images))
    (tmp_path / "outside.png").write_bytes(b"x")
    named = [f"a.tar!/{member}", f"b.parquet!/{member}", "a.tar!/none.png", "no.tar!/x.png", "a.tar!/../outside.png"]
    named += ["a.tar!/b.zip!/x.png"]
    (tmp_path / "m.csv").write_text("path,id\n" + "".join(f"{path},{n}\n" for n, path in enumerate(named)))
    table = _rows(tmp_path / "m.csv")
    assert table["status"].to_pylist() == ["ok", "ok", *["missing"] * 4]
    assert table["error"].to_pylist()[2:] == [
        "the archive has no such member",
        "No such file or directory",
        "the archive has no such member",
        "archives in archives are not read; unpack the outer one",
    ]
    listed = SourceOptions(root=tmp_path, stdin=io.BytesIO(f"a.tar!/{member}\na.tar\n".encode()))
    assert len(_rows("-", listed)) == 1 + len(images)


def test_what_lies_beside_the_images_of_a_tar_is_carried(images: Mapping[str, bytes], tmp_path: Path) -> None:
    one, two = list(images.values())[:2]
    (tmp_path / "a.tar").write_bytes(
        tar_of({"d/1.png": one, "d/1.json": b'{"age": 7}', "d/1.cls": b"3", "d/2.png": two, "d/2.txt": "ü".encode()})
    )
    (tmp_path / "b.tar").write_bytes(tar_of({"3.png": one}))
    table = _rows(tmp_path, SourceOptions(webdataset=True))
    assert table.select(["json", "cls", "txt"]).to_pylist() == [
        {"json": '{"age": 7}', "cls": "3", "txt": None},
        {"json": None, "cls": None, "txt": "ü"},
        {"json": None, "cls": None, "txt": None},
    ]
    assert "json" not in _rows(tmp_path).column_names


def test_hostile_archives_are_rows(images: Mapping[str, bytes], tmp_path: Path) -> None:
    image = next(iter(images.values()))
    good = tar_of({"good.png": image})
    (tmp_path / "a-cut.tar").write_bytes(good[:2000])
    (tmp_path / "b-links.tar").write_bytes(
        _without_end(good) + tar_with(tar_info("l.png", tarfile.SYMTYPE, target="/etc/passwd"))
    )
    (tmp_path / "c-no.zip").write_bytes(b"no zip")
    (tmp_path / "d-nested.zip").write_bytes(zip_of({"inner.tar": good, "good.png": image}))
    (tmp_path / "e-claims.tar").write_bytes(tar_info("t.png", size=2**43).tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    before = sorted(tmp_path.rglob("*"))
    table = _rows(tmp_path)
    found = [(os.path.relpath(row["path"], tmp_path), row["status"]) for row in table.to_pylist()]
    assert found == [
        ("a-cut.tar!/good.png", "corrupt"),
        ("a-cut.tar", "corrupt"),
        ("b-links.tar!/good.png", "ok"),
        ("b-links.tar!/l.png", "not_a_file"),
        ("c-no.zip", "corrupt"),
        ("d-nested.zip!/good.png", "ok"),
        ("e-claims.tar!/t.png", "corrupt"),
        ("e-claims.tar", "corrupt"),
    ]
    assert sorted(tmp_path.rglob("*")) == before, "nothing was written"


def test_a_member_that_kills_its_decoder_is_a_row(images: Mapping[str, bytes], tmp_path: Path) -> None:
    members = dict(list(images.items())[:4]) | {"deadly.png": b"crash"}
    (tmp_path / "a.tar").write_bytes(tar_of(members))
    words = command("predict", tmp_path / "a.tar", "--out", tmp_path / "r.parquet", "--quiet")
    variables = environment(path_with(tmp_path / "site", CRASHING))
    assert subprocess.run(words, env=variables, stderr=subprocess.DEVNULL).returncode < 0
    assert subprocess.run(words, env=variables).returncode == 0
    assert pq.read_table(tmp_path / "r.parquet")["status"].to_pylist() == ["ok"] * 4 + ["decoder_crash"]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip", "a.parquet", "a.arrow"])
def test_archives_on_a_store_have_the_rows_of_local_ones(
    bucket: Bucket, faces: Path, images: Mapping[str, bytes], tmp_path: Path, name: str
) -> None:
    uri = bucket.put(f"my shards/{name}", write_archive(tmp_path / name, images).read_bytes())
    rows = _rows(bucket.uri("my shards/"))
    assert _without_places(rows).equals(_without_places(_rows(faces)))
    assert rows["path"].to_pylist() == [f"{uri}!/{member}" for member in images]
    member = next(iter(images))
    bucket.put("m.csv", f'path\n"my shards/{name}!/{member}"\n"my shards/no.tar!/x.png"\n'.encode())
    assert _rows(bucket.uri("m.csv"))["status"].to_pylist() == ["ok", "missing"]


@only["s3"]
def test_a_tar_takes_a_fiftieth_of_the_requests_of_its_objects(
    bucket: Bucket, images: Mapping[str, bytes], tmp_path: Path
) -> None:
    image = next(iter(images.values()))[:2000]
    uri = bucket.put("a.tar", tar_of({f"{number}.png": image for number in range(3000)}))
    bucket.server.requests.clear()
    assert len(_rows(uri)) == 3000
    objects = 2 * 3000 + 3
    assert len(bucket.server.requests) < objects / 50


def test_a_column_of_images_can_be_named_throughout(
    images: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    faces, count = list(images.values()), len(images)
    labels = [name.split("/")[0] for name in images]
    pq.write_table(pa.table({"mask": [b"x"] * count, "shot": faces, "label": labels}), "a.parquet")
    named = ["--image-column", "shot", "--quiet"]
    assert main(["predict", "a.parquet", "--out", "r.parquet"]) == 2
    assert main(["predict", "a.parquet", "--out", "r.parquet", "--report", "p.html", *named]) == 0
    assert main(["report", "r.parquet", "--out", "q.html", *named]) == 0
    assert Path("p.html").read_text().count("data:image/") == Path("q.html").read_text().count("data:image/") > 20
    assert main(["evaluate", "a.parquet", "--out", "e", *named]) == 0
    assert main(["evaluate", "r.parquet", "--out", "f", *named]) == 0
    assert main(["explain", "a.parquet!/7", "--out", "x.png", *named[:2]]) == 0
