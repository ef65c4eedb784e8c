from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from batch_emotion.labels.matching import PathMatcher, matches_line
from batch_emotion.labels.repeats import absolute_locations


def _match(paths: Sequence[str], table: Sequence[str | None], folder: Path) -> tuple[list[int | None], dict[str, int]]:
    images = pa.array(paths, pa.string())
    locations = absolute_locations(images, folder)
    matcher = PathMatcher(pa.array(table, pa.string()), folder, [(images, locations)])
    rows = matcher.rows(images, locations).to_pylist()
    assert [row in rows for row in range(len(table))] == matcher.found.tolist()
    return rows, {way: count for way, count in matcher.counts.items() if count}


def test_paths_are_matched_by_their_ends(tmp_path: Path) -> None:
    table = ["test/happy/1.jpg", "test/sad/1.jpg", "train/sad/1.jpg", "test/sad/x.jpg", "test/sad/y.jpg"]
    paths = ["/data/TEST/happy/1.JPG", "unpacked\\sad\\x.jpg", "y.jpg", "other/sad/1.jpg", "no.jpg"]
    rows, counts = _match(paths, table, tmp_path)
    assert rows == [0, 3, 4, None, None]
    assert counts == {"3": 1, "2": 1, "1": 1}


def test_the_path_as_written_comes_first_and_what_it_leads_to_second(tmp_path: Path) -> None:
    table = ["b/1.jpg", "a/1.jpg", f"{tmp_path}/c/2.jpg", "3.jpg", None]
    rows, counts = _match(["a/1.jpg", "c/x/../2.jpg", "d/3.jpg", "b/1.jpg"], table, tmp_path)
    assert rows == [1, 2, 3, 0]
    assert counts == {"path": 2, "location": 1, "1": 1}


def test_what_has_more_than_one_meaning_matches_nothing(tmp_path: Path) -> None:
    paths, table = ["a/x/1.jpg", "b/x/1.jpg", "c/y/2.jpg"], ["d/x/1.jpg", "e/y/2.jpg"]
    assert _match(paths, table, tmp_path)[0] == [None, None, 1]
    assert _match(["1.jpg"], ["a/1.jpg", "b/1.jpg"], tmp_path)[0] == [None]


def test_an_image_gets_no_row_that_is_another_images_own(tmp_path: Path) -> None:
    assert _match(["train/7.jpg", "test/7.jpg"], ["train/7.jpg"], tmp_path)[0] == [0, None]


def test_a_path_that_comes_twice_is_found_twice_and_a_row_that_does_is_taken_once(tmp_path: Path) -> None:
    rows, counts = _match(["t/a/1.jpg", "t/a/1.jpg"], ["1.jpg"], tmp_path)
    assert (rows, counts) == ([0, 0], {"1": 2})
    images = pa.array(["t/1.jpg"])
    matcher = PathMatcher(pa.array(["1.jpg", "1.jpg"]), tmp_path, [(images, absolute_locations(images, tmp_path))])
    assert matcher.found.tolist() == [True, False]


def test_how_paths_were_matched_is_said_in_words() -> None:
    line = matches_line({"path": 1_000, "2": 5, "1": 30}, 1_040, "rows")
    assert line == "1,035 of 1,040 rows matched: 1,000 by path, 5 by folder and file name, 30 by file name alone"
    assert matches_line({}, 3, "images") == "0 of 3 images matched"
