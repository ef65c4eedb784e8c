import json
from pathlib import Path

import pytest

from batch_emotion.errors import OutputMismatch
from batch_emotion.options.recipe import Recipe
from batch_emotion.training.work_folder import check_work, lasting, open_work


def _identity(recipe: Recipe, **more: object) -> dict[str, object]:
    return {"architecture": "seed-cnn", "recipe": lasting(recipe), "training": "abc", "teacher_weight": None} | more


def test_what_differs_is_told_with_both_values(tmp_path: Path) -> None:
    out = tmp_path / "m"
    open_work(out, _identity(Recipe()), resume=True)
    changed = _identity(Recipe(learning_rate=0.1, keep="last", epochs=99), training="other", folds=5)
    message = "`learning_rate` was 0.001 and is 0.1; the training images are others; `folds` was not given and is 5"
    with pytest.raises(OutputMismatch, match=message):
        open_work(out, changed, resume=True)


def test_checkpoints_stay_where_nothing_differs_and_go_where_they_are_not_resumed(tmp_path: Path) -> None:
    out, identity = tmp_path / "m", _identity(Recipe())
    work = open_work(out, identity, resume=False)
    (work / "fold-1").mkdir()
    assert list(open_work(out, identity, resume=True).glob("fold*"))
    assert not list(open_work(out, identity, resume=False).glob("fold*"))


def test_checkpoints_are_lost_only_where_that_is_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "m"
    check_work(out, resume=False, overwrite=False)
    work = open_work(out, _identity(Recipe()), resume=False)
    check_work(out, resume=False, overwrite=False)  # no epoch is done
    (work / "fold-1").mkdir()
    (work / "fold-1" / "history.csv").touch()
    for resume, overwrite in ((True, False), (False, True)):
        check_work(out, resume, overwrite)
    with pytest.raises(OutputMismatch, match="give `resume` to carry on, or `overwrite` to start over"):
        check_work(out, resume=False, overwrite=False)


def test_what_an_earlier_version_left_is_resumed(tmp_path: Path) -> None:
    out = tmp_path / "m"
    before = _identity(Recipe())
    recipe = before["recipe"]
    assert isinstance(recipe, dict)
    for key in ("steps", "warm_up", "frozen", "judge"):
        del recipe[key]
    (tmp_path / "m.work").mkdir()
    (tmp_path / "m.work" / "fingerprint.json").write_text(json.dumps(before))
    open_work(out, _identity(Recipe(), labels="abc"), resume=True)
    with pytest.raises(OutputMismatch, match="`judge` was loss and is recall"):
        open_work(out, _identity(Recipe(judge="recall")), resume=True)
