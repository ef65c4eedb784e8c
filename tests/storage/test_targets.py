from pathlib import Path

import pytest

from batch_emotion.errors import OutputBusy, OutputMismatch, UsageError
from batch_emotion.storage.locks import lock_file, output_lock
from batch_emotion.storage.places import place
from batch_emotion.storage.targets import check_apart, check_named, check_replaceable, check_spared, replacing_folder


@pytest.mark.parametrize("name", ["", ".", "..", "a/..", "/"])
def test_an_output_has_a_name(name: str) -> None:
    with pytest.raises(UsageError, match=r"^`figures` must name a new folder, such as charts, not "):
        check_named(Path(name), "folder, such as charts", "figures")


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    folder, names = tmp_path / "f", {"card.json"}
    check_replaceable(folder, names.__contains__)
    folder.mkdir()
    (folder / "card.json").touch()
    (folder / ".card.json.abcd1234.tmp").touch()
    check_replaceable(folder, names.__contains__)
    (folder / "thesis.txt").touch()
    with pytest.raises(OutputMismatch, match=r"holds other things \(thesis\.txt, …\)"):
        check_replaceable(folder, names.__contains__)
    with pytest.raises(OutputMismatch, match="is a file; `figures` is a folder"):
        check_replaceable(folder / "card.json", names.__contains__, "figures")


def test_outputs_are_apart(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    page, charts = tmp_path / "a.html", tmp_path / "charts"
    check_apart({"out": page, "figures": charts, "json": None, "metrics_file": place("s3://bucket/a.html")})
    with pytest.raises(UsageError, match=r"`out` and `json` are both .*a\.html; give each a place of its own"):
        check_apart({"out": page, "json": tmp_path / "link" / "a.html"})
    for within in (charts / "a.html", charts / "deep" / "a.html"):
        with pytest.raises(UsageError, match=r"`out` .*a\.html lies in `figures` .*charts, which is replaced"):
            check_apart({"out": within, "figures": charts})
    check_apart({"out": tmp_path / "runs" / "m", "tensorboard": tmp_path / "runs"}, kept=("tensorboard",))
    with pytest.raises(UsageError, match=r"`tensorboard` .* lies in `out`"):
        check_apart({"out": tmp_path / "m", "tensorboard": tmp_path / "m" / "tb"}, kept=("tensorboard",))


def test_what_is_read_is_spared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.png").touch()
    (tmp_path / "link").symlink_to(data)
    monkeypatch.chdir(tmp_path)
    check_spared(tmp_path / "out", (data, data / "a.png", None, "emotion-7", "s3://bucket/out", "-", "*.png"))
    check_spared(data / "out", [data])
    for read in (data, "data", Path("data"), "file://" + str(data), "data/*.png", tmp_path / "link"):
        with pytest.raises(UsageError, match=r"^`out` .*data is itself read; choose another place$"):
            check_spared(data, [read])
    for read in (data / "a.png", "link/a.png"):
        with pytest.raises(UsageError, match=r"^`out` .*data holds .*a\.png, which is read"):
            check_spared(data, [read])
    with pytest.raises(UsageError, match=r"^`out` .*data/out lies in .*data, which is read"):
        check_spared(data / "out", [data], inside=True)
    with pytest.raises(UsageError, match=r"^`out` s3://bucket/r is itself read"):
        check_spared(place("s3://bucket/r"), [place("s3://bucket/r")])


def test_a_folder_is_replaced_by_one_at_a_time_and_mended_first(tmp_path: Path) -> None:
    folder, previous = tmp_path / "f", tmp_path / ".f.previous"
    previous.mkdir()
    with replacing_folder(folder, lambda: None):
        assert folder.is_dir()
        with pytest.raises(OutputBusy), replacing_folder(folder, lambda: None):
            pass

    def refuse() -> None:
        raise OutputMismatch("no")

    with pytest.raises(OutputMismatch), replacing_folder(tmp_path / "g", refuse):
        pass
    assert not (tmp_path / "g.lock").exists()
    left = tmp_path / ".f.abcd1234.tmp"
    left.mkdir()
    with (
        output_lock(lock_file(folder)),
        pytest.raises(OutputBusy),
        replacing_folder(folder, lambda: None),
    ):
        pass
    assert left.exists()  # it may be in use
