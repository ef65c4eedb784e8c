from pathlib import Path

import pytest

from batch_emotion.errors import UsageError
from batch_emotion.model.about import About, DataAbout, read_about
from batch_emotion.model.bundle import models_folder


def test_it_is_read_from_toml(tmp_path: Path) -> None:
    (tmp_path / "about.toml").write_text('licence = "MIT"\n[data]\nname = "n"\nfaults = ["one", "two"]\n')
    assert read_about(tmp_path / "about.toml") == About("MIT", DataAbout("n", faults=("one", "two")))
    (tmp_path / "about.toml").write_text('licence = "MIT"', encoding="utf-8-sig")
    assert read_about(tmp_path / "about.toml") == About("MIT")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("licenze = 'MIT'", "licenze"),
        ("licence = 3", "licence must be a string"),
        ("data = 'FER'", "data must be a table"),
        ("[data]\nfaults = 'none'", "data.faults"),
        ("[data]\nfaults = [1]", "data.faults"),
        ("[data]\norigin = 'web'", "data.origin"),
        ("no toml", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "about.toml").write_text(text)
    with pytest.raises(UsageError, match=named):
        read_about(tmp_path / "about.toml")


def test_that_of_the_shipped_models_is_whole() -> None:
    about = read_about(models_folder() / "fer2013.toml")
    assert about.licence
    assert all((about.data.name, about.data.source, about.data.licence, about.data.faults))
