"""README.md, jobs/README.md and models/README.md: what they print is tried, what they list is complete."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_emotion import ExportOptions, PredictOptions, Status, export, load_bundle, predict
from batch_emotion.cli import main
from batch_emotion.errors import ExitCode
from batch_emotion.results.schema import result_schema
from tests.support.archives import members_of, write_archive
from tests.support.browser import browser_path
from tests.support.command_lines import COMMANDS, JOBS, ROOT, command_lines, parse
from tests.support.composites import photo, write_photo
from tests.support.foreign import foreign_onnx
from tests.support.pictures import MAX_BYTES, NAMES, PICTURES, make_pictures

README = ROOT / "README.md"
DOCUMENTS = {str(file.relative_to(ROOT)): file for file in (README, JOBS / "README.md", ROOT / "models" / "README.md")}
LINKING = DOCUMENTS | {name: ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md")}
# Options of other programs that the documents name.
FOREIGN = {"--now", "--only", "--build-arg", "--collector", "--logdir", "--network", "--user", "--version"}


def _printed() -> list[tuple[str, str]]:
    """Each command line of the program in the documents, with its document."""
    return [(name, " ".join(words)) for name, file in DOCUMENTS.items() for words in command_lines(file.read_text())]


def _text(file: Path) -> str:
    """A document without its blocks of code and its comments."""
    return re.sub(r"^```.*?^```|<!--.*?-->", "", file.read_text(), flags=re.M | re.S)


def _rows(document: str, header: str) -> Iterator[list[str]]:
    """The cells of each row of the table with this header."""
    table = document.split(f"\n{header}\n", 1)[1].split("\n\n", 1)[0]
    for line in table.splitlines()[1:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of networks that the documents name."""
    folder = tmp_path_factory.mktemp("networks")
    export(ExportOptions("emotion-6", "onnx", folder / "my-model.onnx"))
    foreign_onnx(folder / "theirs.onnx", ["batch", 3, 224, 224], classes=4)
    return folder


@pytest.fixture
def place(faces: Path, networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders and files that the documents name, in a working directory that holds nothing else."""
    for name in ("faces", "crops"):
        (tmp_path / name).symlink_to(faces)
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "a.jpg", photo(480, 320, [90, 60])[0])
    (tmp_path / "visits.csv").write_text("image,visitor\nhappy/happy-0001.png,007\n")
    for name in ("my-model", "emotion-7@2"):
        (tmp_path / name).symlink_to(ROOT / "models" / "emotion-6")
    for file in networks.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "shards").mkdir()
    for archive in ("shards/0001.tar", "faces.zip", "train.parquet"):
        write_archive(tmp_path / archive, members_of(faces))
    (tmp_path / "results").mkdir()
    monkeypatch.setenv("PHOTOS", "photos")
    monkeypatch.setenv("RESULTS", "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("document", "line"), _printed())
def test_a_printed_command_line_is_accepted(document: str, line: str) -> None:
    words = line.split()
    is_local = "s3://" not in line and "-" not in words
    if len(words) == 2 and words[1] in COMMANDS:
        return  # the command's name in running text
    if words[1] == "predict" and is_local:
        assert main([*words[1:], "--dry-run"]) == 0
    else:
        parse(words)


def test_the_documents_are_searched_for_command_lines() -> None:
    lines = dict.fromkeys(line for _, line in _printed())
    assert {line.split()[1] for line in lines} == set(COMMANDS)
    assert sum("predict" in line for line in lines) >= 8


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_in_the_text_is_an_option_of_a_command(document: str) -> None:
    known = {
        flag for command in COMMANDS.values() for each in command.params for flag in each.opts + each.secondary_opts
    }
    spans = re.findall(r"`([^`\n]+)`", _text(DOCUMENTS[document]))
    named = {flag for span in spans for flag in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9](?![a-z0-9-])", span)}
    assert named
    assert named - known - FOREIGN == set()


@pytest.mark.parametrize("document", LINKING)
def test_links_lead_somewhere(document: str) -> None:
    file = LINKING[document]
    text = _text(file)
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'src="([^"]+)"', text)]
    broken = [link for link in links if "://" not in link and not _leads_somewhere(file, link)]
    assert broken == []
    assert links or document == "CHANGELOG.md"


def _leads_somewhere(file: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = file.parent / path if path else file
    if not anchor or not target.exists():
        return target.exists()
    headings = re.findall(r"^#+ (.+)$", _text(target), re.M)
    return anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_what_is_generated_is_current() -> None:
    check = [sys.executable, "-m", "cogapp", "--check", *DOCUMENTS]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(check, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_is_in_a_table_and_has_its_help() -> None:
    readme, jobs = README.read_text(), (JOBS / "README.md").read_text()
    for name in COMMANDS:
        assert f"| [`{name}`](jobs/README.md#{name}) |" in readme
        assert f"### {name}\n\n<details>" in jobs
        assert f"Usage: batch-emotion {name} " in jobs


def test_the_readme_is_short_and_starts_with_two_commands() -> None:
    readme = README.read_text()
    assert 8_000 < len(readme.encode()) <= 14_000
    blocks = re.findall(r"^```sh\n(.*?)^```", readme.split("## Quick start")[1].split("\n## ")[0], re.M | re.S)
    assert [block.count("\n") for block in blocks] == [1, 1]
    assert "batch-emotion predict faces --out results.parquet" in blocks[0]
    assert blocks[1] in (ROOT / ".ci" / "run").read_text()


def test_the_rows_that_the_readme_shows_are_real(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faces").mkdir()
    for name in ("happy", "sad", "surprise"):
        picture = (faces / name / f"{name}-0001.png").read_bytes()
        (tmp_path / "faces" / f"{name}-0001.png").write_bytes(picture[:20_000] if name == "sad" else picture)
    monkeypatch.chdir(tmp_path)
    table = predict(PredictOptions(("faces",))).table
    assert table is not None
    shown = ["path", "status", "emotion", "confidence", "p_angry", "p_happy", "error"]
    header = "| path | status | emotion | confidence | p_angry | p_happy | … | error |"
    printed = [[cell.strip("`") for cell in row if cell != "…"] for row in _rows(README.read_text(), header)]
    assert len(printed) == table.num_rows == 3
    for cells, row in zip(printed, table.select(shown).to_pylist(), strict=True):
        del cells[6]  # the column that stands for those left out
        for cell, value in zip(cells, row.values(), strict=True):
            if isinstance(value, float):
                assert float(cell) == pytest.approx(value, abs=0.01)
            else:
                assert cell.split(":")[0] == (value or "").split(":")[0]  # a library says what follows the colon


def test_columns_statuses_and_exit_codes_are_listed_completely() -> None:
    readme = README.read_text()
    columns = [name for cells in _rows(readme, "| column | type | |") for name in re.findall(r"`([^`]+)`", cells[0])]
    assert columns == result_schema(["<class>"], checksum=True, faces=True).names
    statuses = [cells[0].strip("`") for cells in _rows(readme, "| status | |")]
    assert sorted(statuses) == sorted(Status)
    codes = [int(code) for cells in _rows(readme, "| exit code | |") for code in cells[0].split(",")]
    assert codes == sorted(ExitCode)
    rows = _rows((JOBS / "README.md").read_text(), "| exit code | what it means | what to do |")
    advised = {int(code) for cells in rows for code in cells[0].split(",")}
    assert advised == {*ExitCode, 128 + signal.SIGKILL} - {ExitCode.OK}


def test_the_python_example_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)
    scope: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), scope)
    counts, accuracy, faces, shape = capsys.readouterr().out.splitlines()
    assert counts == "Counter({'ok': 48})"
    assert 0 <= float(accuracy) <= 1
    assert faces.startswith("1 2 [")
    assert shape == f"{load_bundle().class_names} (2, 7)"
    assert len(scope["rows"]) == 8  # type: ignore[arg-type]
    assert (place / "report.html").is_file()


def test_contributing_names_every_layer_in_order() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = _rows((ROOT / "CONTRIBUTING.md").read_text(), "| | |")
    assert [set(re.findall(r"`([^`]+)`", cells[0])) for cells in rows] == [
        set(layer.split(" | ")) for layer in contracts[0]["layers"]
    ]


def test_pictures_are_small_and_used() -> None:
    names = {*NAMES, "speed.png"}  # which tests/bench/picture.py draws
    assert {path.name for path in PICTURES.iterdir()} == names
    text = "".join(file.read_text() for file in DOCUMENTS.values())
    for name in names:
        assert (PICTURES / name).stat().st_size <= MAX_BYTES
        assert f"pictures/{name}" in text


@pytest.mark.soak
@pytest.mark.skipif(browser_path() is None, reason="there is no Chromium on this machine")
def test_the_pictures_can_be_made_again(tmp_path: Path) -> None:
    make_pictures(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(NAMES)
