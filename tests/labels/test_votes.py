from pathlib import Path

import pytest

from batch_emotion.errors import SourceError
from batch_emotion.labels.votes import read_votes

VOTES = """file,happy,sad,contempt,unknown
test/happy/a.jpg,6,4,0,0
test/happy/b.jpg,5,1,4,0
test/sad/c.jpg,0,3,0,7
test/sad/d.jpg,1,9,0,0
"""


def test_a_clear_majority_is_more_than_half_of_all_votes(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(VOTES)
    votes = read_votes(tmp_path / "v.csv", ("happy", "sad"))
    assert votes.choices == ("happy", "sad", "contempt", "unknown")
    assert votes.clear_majorities() == ["happy", "", "unknown", "sad"]


def test_senseless_votes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(VOTES)
    with pytest.raises(SourceError, match=r"no column of votes for: fear.*`only` leaves classes out"):
        read_votes(tmp_path / "v.csv", ("happy", "fear"))
    with pytest.raises(SourceError, match="no such file"):
        read_votes(tmp_path / "gone.csv", ("happy",))
    (tmp_path / "v.csv").write_text("file,happy,sad\na.jpg,many,1\n")
    (tmp_path / "p.csv").write_text("path,happy\na.jpg,1\n")
    with pytest.raises(SourceError, match=r"the table of votes has no column 'file', only: path, happy$"):
        read_votes(tmp_path / "p.csv", ("happy",))
    with pytest.raises(SourceError, match=r"'happy' of .* not a count"):
        read_votes(tmp_path / "v.csv", ("happy", "sad"))
    (tmp_path / "v.csv").write_text("file,happy,sad\na.jpg,,1\n")
    with pytest.raises(SourceError, match="not a count"):
        read_votes(tmp_path / "v.csv", ("happy", "sad"))


def test_columns_of_votes_may_be_worded_in_any_way_and_those_of_one_meaning_are_added(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("file,Happiness,joy,Sadness,0\na.jpg,3,3,5,0\nb.jpg,0,1,2,4\n")
    votes = read_votes(tmp_path / "v.csv", ("happy", "sad", "fear"), map_labels={0: "fear"})
    assert votes.choices == ("happy", "sad", "fear")
    assert votes.counts.tolist() == [[6, 5, 0], [1, 2, 4]]
    assert votes.clear_majorities() == ["happy", "fear"]
