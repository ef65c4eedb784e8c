import pytest

from batch_emotion.training.fit import Pace
from batch_emotion.training.progress import HEAD, clock, epoch_line, wrapped

LINE = {"epoch": 100.0, "loss": 12.3456, "accuracy": 1.0}
WATCHED = {"val_loss": 11.2345, "val_accuracy": 1.0, "val_mean_recall": 0.333}


@pytest.mark.parametrize("line", [LINE, LINE | WATCHED])
def test_a_line_fits_80_columns_and_its_figures_stand_below_their_names(line: dict[str, float]) -> None:
    shown = epoch_line(line, Pace(3_600, 123_456, 36_000), 100)
    assert len(shown) <= 80
    assert max(map(len, HEAD)) <= 80
    for name, text in {"images/s": "123,456", "time": "1:00:00", "left": "10:00:00", "epoch": "100/100"}.items():
        assert HEAD[1].index(name) + len(name) == shown.index(text) + len(text)


def test_times_are_shown_as_on_a_clock() -> None:
    assert [clock(seconds) for seconds in (0.4, 59.6, 754, 3_723)] == ["0:00", "1:00", "12:34", "1:02:03"]


def test_a_long_text_is_set_in_after_its_first_line() -> None:
    lines = wrapped("word " * 40).splitlines()
    assert max(map(len, lines)) <= 79
    assert [line[:3] for line in lines] == ["wor", "  w", "  w"]
