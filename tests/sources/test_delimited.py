"""Manifests as spreadsheets and other machines write them: every encoding, every separator."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion.cli import main
from batch_emotion.errors import SourceError, UsageError
from batch_emotion.labels.groups import groups_of_images
from batch_emotion.labels.reading import LabelReader
from batch_emotion.labels.results import find_labels
from batch_emotion.labels.training import read_labelled
from batch_emotion.labels.votes import read_votes
from batch_emotion.options.images import ManifestOptions, SourceOptions
from batch_emotion.options.report import ReportOptions
from batch_emotion.options.train import LabelOptions, SplitOptions
from batch_emotion.results.reader import open_result
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.reading import read_file
from tests.support.made_results import result_table, write

ROWS = [["id", "path", "label"], ["007", "ä, b.jpg", "Glück"], ["", "c.jpg", "0,5"]]


def _text(separator: str, newline: str = "\r\n") -> str:
    def cell(text: str) -> str:
        return f'"{text}"' if separator in text else text

    return "".join(separator.join(map(cell, row)) + newline for row in ROWS)


def _write(file: Path, text: str, encoding: str = "utf-8") -> str:
    file.write_bytes(text.encode(encoding))
    return str(file)


def _check(source: str, options: SourceOptions | None = None) -> None:
    plan = make_plan([source], options)
    assert plan.images["path"].to_pylist() == ["ä, b.jpg", "c.jpg"]
    assert plan.attributes.to_pydict() == {"id": ["007", ""], "label": ["Glück", "0,5"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv"])
def test_what_a_spreadsheet_exports_is_read(tmp_path: Path, suffix: str, separator: str, encoding: str) -> None:
    _check(_write(tmp_path / f"m{suffix}", _text(separator), encoding))


def test_big_endian_and_either_newline(tmp_path: Path) -> None:
    raw = codecs.BOM_UTF16_BE + _text("\t", "\n").encode("utf-16-be")
    (tmp_path / "m.csv").write_bytes(raw)
    _check(str(tmp_path / "m.csv"))


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le", "utf-16-be", "cp437"])
def test_an_encoding_that_is_given_is_used(tmp_path: Path, encoding: str) -> None:
    _check(_write(tmp_path / "m.csv", _text(";"), encoding), SourceOptions(encoding=encoding))


@pytest.mark.parametrize("given", ["|", "\t", "\\t", "tab", " "])
def test_a_delimiter_that_is_given_is_used(tmp_path: Path, given: str) -> None:
    separator = {"\\t": "\t", "tab": "\t"}.get(given, given)
    _check(_write(tmp_path / "m.csv", _text(separator)), SourceOptions(delimiter=given))


@pytest.mark.parametrize("line", [2, 5_000, 300_000])
def test_other_bytes_are_refused_with_their_line_and_the_option(tmp_path: Path, line: int) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_bytes(b"path,n\n" + b"a.jpg,1\n" * (line - 2) + "\xe4.jpg,1\n".encode("latin-1"))
    with pytest.raises(SourceError, match=rf"is not UTF-8: line {line} holds the byte 0xe4; .* `encoding` cp1252"):
        make_plan([str(manifest)])


def test_bytes_of_file_names_are_taken_as_they_are_where_utf_8_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"path,note\ncaf\xe9.jpg,\xff\xc3\xbc\n")
    plan = make_plan([str(tmp_path / "m.csv")], SourceOptions(encoding="utf-8"))
    assert plan.images["path"].to_pylist() == ["caf\\xe9.jpg"]
    assert plan.attributes["note"].to_pylist() == ["\\xffü"]


def test_paths_of_a_plan_lead_to_the_same_files_from_any_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "données"
    folder.mkdir()
    for name in (b"caf\xe9.jpg", "ü.jpg".encode(), b"\xc3\xbc\\x41\xe9.jpg"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"x")
    plan = make_plan([str(folder)])
    paths = plan.images["path"].to_pylist()
    table = pa.table({"path": paths, "note": [r"é \x41"] * len(paths)})
    pq.write_table(table, tmp_path / "m.parquet")
    lines = [",".join(row.values()) for row in table.to_pylist()]
    _write(tmp_path / "m.csv", "\n".join(["path,note", *lines]))
    for name in ("m.csv", "m.parquet"):
        again = make_plan([str(tmp_path / name)])
        assert again.images["location"].equals(plan.images["location"])
        assert again.images["path"].to_pylist() == paths
        assert again.attributes["note"].to_pylist() == [r"é \x41"] * len(paths)


def test_a_cell_of_bytes_that_are_no_text_is_escaped_as_a_whole(tmp_path: Path) -> None:
    name = b"\xc3\xbc\\x41\xe9.jpg"
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    (tmp_path / "m.csv").write_bytes(b"path\n" + name + b"\n")
    plan = make_plan([str(tmp_path / "m.csv")], SourceOptions(encoding="utf-8"))
    assert read_file(plan.images["location"][0].as_py(), 10).data == b"x"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_refused_by_name(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(SourceError, match=f"holds NUL bytes: .*UTF-16 .*`encoding` {encoding}"):
        make_plan([_write(tmp_path / "m.csv", _text(","), encoding)])


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("path;n\na;b;c\n", {}, "line 2, saw 3 .*separated by semicolons; `delimiter`"),
        ("path|n\na|b\n", {}, r"no column 'path', only: path\|n; `delimiter` says"),
        ("paths;n\na;b\n", {}, "only: paths, n; did you mean `path_column` paths"),
        ("path,n,,\na,1,,\n", {}, r"more than once: \(no name\)"),
        ("path\nä\n", {"encoding": "ascii"}, "is not ascii: .*`encoding`"),
        ("path\na\n", {"encoding": "utf-16"}, "is not utf-16: .*`encoding`"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_option(
    tmp_path: Path, text: str, options: dict[str, str], words: str
) -> None:
    with pytest.raises(SourceError, match=words):
        make_plan([_write(tmp_path / "m.csv", text)], SourceOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"encoding": "klingon"}, {"encoding": "base64"}, {"delimiter": ""}, {"delimiter": "ab"}, {"delimiter": '"'}],
)
def test_senseless_options_are_refused_by_name(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=f"^`{next(iter(options))}"):
        make_plan([_write(tmp_path / "m.csv", _text(","))], SourceOptions(**options))  # type: ignore[arg-type]


def test_labels_and_votes_are_read_alike(tmp_path: Path) -> None:
    labels = _write(tmp_path / "labels.csv", "path\tlabel\n1.jpg\ta\n2.jpg\tb\n", "utf-16")
    assert read_labelled(Path(labels), ("a", "b")).targets.tolist() == [[1, 0], [0, 1]]
    votes = _write(tmp_path / "votes.csv", "file;a;b\nä.jpg;1;2\n", "cp1252")
    assert read_votes(Path(votes), ("a", "b"), "cp1252").files == ["ä.jpg"]


def test_every_command_that_reads_a_manifest_takes_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "m.csv", "path|label\nä.jpg|happy\n", "cp1252")
    for command in (["predict", "--dry-run"], ["train"], ["evaluate"], ["explain"]):
        for options, words in (
            ([], "--encoding"),
            (["--encoding", "cp1252"], "--delimiter"),
            (["--encoding", "nonsense"], "no encoding 'nonsense'"),
            (["--encoding", "cp1252", "--delimiter", "ab"], "one character"),
        ):
            assert main([command[0], "m.csv", "--out", "out", *command[1:], *options]) == 2, command
            assert words in capsys.readouterr().err
    assert main(["predict", "m.csv", "--out", "r.csv", "--dry-run", "--encoding", "cp1252", "--delimiter", "|"]) == 0
    assert capsys.readouterr().out.startswith("1 image, ")


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_line_by_which_excel_knows_the_separator_is_honoured(tmp_path: Path, first: str, encoding: str) -> None:
    _check(_write(tmp_path / "m.csv", f"{first}\r\n{_text(';')}", encoding))
    _check(_write(tmp_path / "m.csv", f"{first.replace(';', '|')}\n{_text('|')}", encoding))
    _check(_write(tmp_path / "m.csv", f"{first}\n{_text('|')}", encoding), SourceOptions(delimiter="|"))


@pytest.mark.parametrize("name", ["l.xlsx", "l.XLS", "l.ods", "l.numbers"])
def test_a_spreadsheets_own_file_is_refused_wherever_a_manifest_is_expected(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"PK\x03\x04\x00\x00")
    write(result_table(["happy/a.jpg"], np.eye(3)[:1]), tmp_path / "r.parquet")
    for command in (
        ["predict", name, "--path-column", "file"],
        ["predict", name, "--out", "o.csv"],
        ["predict", name, "--out", "o.csv", "--dry-run"],
        ["evaluate", name, "--out", "o"],
        ["train", name, "--out", "o"],
        ["explain", name, "--out", "o"],
        ["evaluate", "r.parquet", "--labels", name, "--out", "o"],
        ["report", "r.parquet", "--labels", name, "--out", "o.html"],
        ["review", "r.parquet", "--labels", name, "--out", "o"],
        ["evaluate", "r.parquet", "--labels", "folders", "--votes", name, "--out", "o"],
    ):
        assert main(command) == 2, command
        said = capsys.readouterr().err
        assert re.search(rf"error: {name} is an? .*; save it as CSV UTF-8", said), (command, said)


@pytest.mark.parametrize("beginning", [b"PK\x03\x04\x14\x00", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00"])
def test_a_workbook_that_is_called_csv_is_known_by_its_bytes(tmp_path: Path, beginning: bytes) -> None:
    (tmp_path / "m.csv").write_bytes(beginning)
    with pytest.raises(SourceError, match=r"m\.csv is an Excel workbook under another name; save it as CSV"):
        make_plan([str(tmp_path / "m.csv")])


def test_a_workbook_among_images_is_a_row_like_any_file(tmp_path: Path) -> None:
    names = [_write(tmp_path / name, "") for name in ("a.jpg", "l.xlsx")]
    assert make_plan(names).images["path"].to_pylist() == names


def test_columns_with_white_space_around_their_names_are_found(tmp_path: Path) -> None:
    manifest = Path(_write(tmp_path / "m.csv", "path , label ,person \nhappy/a.jpg,happy,x\nsad/b.jpg,sad,y\n"))
    plan = make_plan([str(manifest)])
    assert plan.images["path"].to_pylist() == ["happy/a.jpg", "sad/b.jpg"]
    assert plan.attributes.column_names == [" label ", "person "]
    labelled = read_labelled(manifest, None, LabelOptions(ManifestOptions(label_column="label")))
    assert labelled.class_names == ("happy", "sad")
    groups = groups_of_images(labelled, SplitOptions(group_column="person"))
    assert groups is not None
    assert groups.names == ["x", "y"]
    assert make_plan([str(manifest)], SourceOptions(label_column="label")).attributes.column_names[0] == "label"
    result = open_result(write(result_table(["happy/a.jpg"], np.eye(3)[:1]), tmp_path / "r.parquet"))
    asked = ReportOptions(result.path, tmp_path / "o.html", labels=str(manifest))
    labels = find_labels(result, asked, LabelReader(result.class_names))
    assert labels is not None
    assert labels.summary == "m.csv, 1 of 1 rows matched: 1 by path"


def test_a_column_that_may_be_meant_is_quoted_as_a_shell_takes_it(tmp_path: Path) -> None:
    manifest = _write(tmp_path / "m.csv", "my file;my label;person\na.jpg;happy;x\nb.jpg;sad;y\n")
    with pytest.raises(SourceError, match="did you mean `path_column` 'my file'"):
        make_plan([manifest])
    source = ManifestOptions("my file")
    with pytest.raises(SourceError, match="did you mean `label_column` 'my label'"):
        read_labelled(Path(manifest), ("happy", "sad"), LabelOptions(source))
    with pytest.raises(SourceError, match=r"`label_column`: .* no column 'my labels'; .* did you mean 'my label'"):
        read_labelled(Path(manifest), None, LabelOptions(ManifestOptions("my file", label_column="my labels")))
    labelled = read_labelled(Path(manifest), None, LabelOptions(ManifestOptions("my file", label_column="my label")))
    with pytest.raises(UsageError, match=r"`group_column`: the manifest has no column 'persn'.*did you mean person\?"):
        groups_of_images(labelled, SplitOptions(group_column="persn"))
