import io
from collections import Counter

import pytest

from batch_emotion.cli.class_mix import mix_lines


class _Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str, isatty: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._isatty = isatty

    def isatty(self) -> bool:
        return self._isatty


COUNTS = Counter({"happy": 600, "sad": 300, "uncertain": 1})


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_bars_are_as_long_as_the_counts_say() -> None:
    lines = mix_lines(COUNTS, _Terminal("utf-8"))
    bars = [line.rsplit("%  ", 1)[1] for line in lines]
    assert [len(bar) for bar in bars] == [40, 20, 1]
    assert lines[0].startswith("  happy           600  66.6%")
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("stream", [_Terminal("utf-8", isatty=False), _Terminal("ascii"), io.StringIO()])
def test_without_a_terminal_that_can_show_them_there_are_only_numbers(stream: io.TextIOBase) -> None:
    assert all(line.endswith("%") for line in mix_lines(COUNTS, stream))  # type: ignore[arg-type]


def test_a_narrow_terminal_has_no_room_for_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "36")
    assert all(line.endswith("%") for line in mix_lines(COUNTS, _Terminal("utf-8")))


def test_bars_have_the_colours_of_the_page_where_the_terminal_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    happy, _, uncertain = mix_lines(COUNTS, _Terminal("utf-8"))
    assert "\x1b[38;2;230;159;0m█" in happy
    assert "\x1b" not in uncertain
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(mix_lines(COUNTS, _Terminal("utf-8")))
