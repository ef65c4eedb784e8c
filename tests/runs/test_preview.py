"""What ``--dry-run`` and ``--check`` say of an update is what the update then does."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from batch_emotion import PredictOptions, UpdateOptions, predict
from batch_emotion.cli import main
from batch_emotion.errors import OutputMismatch, TimeLimitReached
from batch_emotion.records import Profile
from batch_emotion.results.update import UpdateCounts
from batch_emotion.runs.job import make_job
from batch_emotion.runs.preview import UpdatePreview, preview_update


@pytest.fixture
def options(faces: Path, tmp_path: Path) -> PredictOptions:
    """An update of a result whose folder has changed since in every way."""
    source = Path(shutil.copytree(faces / "happy", tmp_path / "source"))
    (source / "bad.png").write_bytes(b"no image")
    made = PredictOptions((str(source),), tmp_path / "r.parquet", model="seed-cnn", shard_size=2)
    predict(made)
    (source / "happy-0001.png").unlink()
    shutil.copy(faces / "sad" / "sad-0001.png", source / "happy-0002.png")
    shutil.copy(faces / "sad" / "sad-0002.png", source / "new.png")
    return replace(made, update=UpdateOptions(prune=True, retry_failures=True))


def _preview(options: PredictOptions) -> UpdatePreview:
    assert options.out is not None
    assert options.update is not None
    return preview_update(options.out, options.update, make_job(options, Profile()))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_told_is_what_happens(options: PredictOptions, tmp_path: Path) -> None:
    before = _files(tmp_path)
    told = _preview(options)
    assert _files(tmp_path) == before
    assert told == UpdatePreview(True, UpdateCounts(unchanged=6, new=1, changed=1, retried=1, pruned=1), ())
    assert told.to_score == 3
    summary = predict(options).summary
    assert (summary.update, summary.scored) == (told.counts, told.to_score)
    assert _preview(options).counts == UpdateCounts(unchanged=8, retried=1)


def test_it_says_why_images_would_be_rescored_and_that_this_is_refused(options: PredictOptions) -> None:
    told = _preview(replace(options, model="emotion-6"))
    assert told.counts == UpdateCounts(new=1, changed=1, rescored=6, retried=1, pruned=1)
    assert len(told.reasons) == 1
    assert told.reasons[0].startswith("the model (seed-cnn@1 then, emotion-6@")
    assert "`max_rescore` 1" in told.refusal
    allowed = replace(options, model="emotion-6", update=UpdateOptions(prune=True, retry_failures=True, max_rescore=1))
    assert _preview(allowed) == replace(told, refusal="")


def test_what_vanished_is_told_where_it_stands_in_the_way(options: PredictOptions, tmp_path: Path) -> None:
    told = _preview(replace(options, update=UpdateOptions(prune=True, max_prune=0.0)))
    assert told.counts.pruned == 1
    assert "1 of 9 images is no longer there" in told.refusal
    told = _preview(replace(options, model="emotion-6", update=UpdateOptions()))
    assert (told.counts.vanished, told.counts.pruned) == (1, 0)
    assert "give `prune`" in told.refusal
    (tmp_path / "r.parquet").write_bytes(b"no result")
    with pytest.raises(OutputMismatch, match="was changed after it was written"):
        _preview(options)


def test_parts_of_an_unfinished_run_are_told_and_left_alone(options: PredictOptions, tmp_path: Path) -> None:
    with pytest.raises(TimeLimitReached):
        predict(replace(options, time_limit=0.0))
    before = _files(tmp_path)
    told = _preview(options)
    assert _files(tmp_path) == before
    assert (told.counts.reused, told.to_score) == (1, 2), "what failed again is tried once more"
    summary = predict(options).summary
    assert (summary.update, summary.scored) == (told.counts, told.to_score)


def test_the_command_prints_it_and_ends_as_the_run_would(
    options: PredictOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", *options.sources, "--out", str(options.out), "--update", "--dry-run"]
    assert main([*words, "--model", "seed-cnn"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        *("9", "Update", "unchanged", "new", "changed", "rescored", "retried", "vanished", "to", "2"),
    ]
    assert lines[7] == "  vanished     1  keep their rows, last in the result"
    assert lines[-1] == "2 images would be scored"
    assert main([*words, "--prune"]) == 2
    out, err = capsys.readouterr()
    assert re.search(r"^  rescored     7  because of the model \(seed-cnn@1 then, ", out, re.M)
    assert "--max-rescore 1" in err
    assert err.count("\n") == 1
    Path(str(options.out)).unlink()
    assert main(words) == 0
    assert "r.parquet is not there yet; it would be made:\n" in capsys.readouterr().out


def test_without_an_update_it_says_that_nothing_is_to_do_or_why_the_run_would_be_refused(
    options: PredictOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = replace(options, update=None)
    words = ["predict", *options.sources, "--model", "seed-cnn", "--shard-size", "2"]
    out, other = str(options.out), str(tmp_path / "other.csv")

    def told(*more: str) -> tuple[int, str]:
        before = _files(tmp_path)
        code = main([*words, *more, "--dry-run"])
        assert _files(tmp_path) == before
        printed = capsys.readouterr()
        assert printed.out.startswith("9 images")
        return code, "".join(printed.out.splitlines(keepends=True)[1:]) + printed.err

    code, refusal = told("--out", out)
    assert (code, "their files, or cells of the manifest, were changed" in refusal) == (2, True)
    assert told("--out", out, "--overwrite") == (0, "")
    predict(replace(made, overwrite=True))
    assert told("--out", out) == (0, f"Nothing to do: {out} is there, made from the same images in the same way.\n")
    assert told("--out", other) == (0, "")
    Path(other).write_text("precious")
    code, refusal = told("--out", other)
    assert (code, "no other.csv.run.json says that a run made it" in refusal) == (2, True)
    unfinished = tmp_path / "cut.csv"
    with pytest.raises(TimeLimitReached):
        predict(replace(made, out=unfinished, time_limit=0.0))
    assert told("--out", str(unfinished)) == (0, "")
    code, refusal = told("--out", str(unfinished), "--min-confidence", "0.5")
    assert (code, "unfinished run that differs in min-confidence" in refusal) == (2, True)
