import pyarrow as pa
import pytest

from batch_emotion.errors import UsageError
from batch_emotion.labels.reading import SYNONYMS, LabelReader, label_column_hint, left_out_line, misspelt_line

SEVEN = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("anger", "angry"),
        ("Happiness", "happy"),
        (" JOY ", "happy"),
        ("sadness", "sad"),
        ("Surprised", "surprise"),
        ("surprises", "surprise"),
        ("afraid", "fear"),
        ("fearful", "fear"),
        ("disgusted", "disgust"),
        ("No_Emotion", "neutral"),
        ("no  expression", "neutral"),
        ("contempt", None),
        ("calm", None),
        ("angryy", None),
        ("3", None),
        ("-1", None),
        ("", None),
    ],
)
def test_labels_are_read_as_people_write_them(label: str, name: str | None) -> None:
    assert LabelReader(SEVEN).class_of(label) == name


def test_a_class_of_any_wording_is_found_by_any_other() -> None:
    reader = LabelReader(("Anger", "joys", "no emotion"))
    assert [reader.class_of(label) for label in ("angry", "Happy", "neutral", "Anger")] == [
        "Anger",
        "joys",
        "no emotion",
        "Anger",
    ]


def test_a_word_that_stands_for_several_classes_is_none_of_them() -> None:
    reader = LabelReader(("fear", "terror"))
    assert [reader.class_of(label) for label in ("fear", "Terror", "afraid")] == ["fear", "terror", None]


def test_a_number_below_zero_is_not_the_number_above_it() -> None:
    without = LabelReader(("angry", "happy"), {0: "angry", 1: "happy"})
    within = LabelReader(("neutral", "happy"), {-1: "neutral", 1: "happy"})
    assert [without.class_of(label) for label in ("1.0", "-1", "-1.0")] == ["happy", None, None]
    assert [within.class_of(label) for label in ("1.0", "-1", "-1.0")] == ["happy", "neutral", "neutral"]
    assert "give the classes in the order of these numbers" in left_out_line({"-1": 2, "3": 1}, 9, SEVEN)


def test_a_name_is_one_name_however_its_accents_are_stored() -> None:
    composed, apart = "f\u00e2ch\u00e9", "fa\u0302che\u0301"
    assert [LabelReader((name,)).class_of(label) for name in (composed, apart) for label in (composed, apart)] == [
        composed,
        composed,
        apart,
        apart,
    ]


def test_no_word_has_two_meanings() -> None:
    words = [word for group in SYNONYMS for word in group]
    assert len(words) == len(set(words))


def test_what_is_told_goes_before_what_is_known() -> None:
    reader = LabelReader(SEVEN, {"Joy": "surprise", "calm": "neutral", "contempt": "Disgusted"})
    labels = ["joy", "CALM", "contempt", "happiness", None, " "]
    assert reader.read(pa.array(labels)).to_pylist() == ["surprise", "neutral", "disgust", "happy", None, None]


@pytest.mark.parametrize("labels", [[0, 3, 6], [0.0, 3.0, 6.0], ["0", "3.0", "06"]])
def test_numbers_are_classes_where_their_order_is_told(labels: list[object]) -> None:
    column = pa.array(labels)
    assert LabelReader(SEVEN, dict(enumerate(SEVEN))).read(column).to_pylist() == ["angry", "happy", "neutral"]
    assert set(LabelReader(SEVEN).read(column).to_pylist()).isdisjoint(SEVEN)


def test_a_map_to_what_is_no_class_is_refused() -> None:
    with pytest.raises(UsageError, match=r"maps contempt to disgst, which is none .*; did you mean contempt=disgust?"):
        LabelReader(SEVEN, {"contempt": "disgst"})


def test_an_absent_column_of_labels_is_found_by_its_values() -> None:
    table = pa.table({"person": ["a", "b"], "when": [1, 2], "mood": ["Anger", None], "boxes": [[1], [2]]})
    assert label_column_hint(table, LabelReader(SEVEN)) == "; did you mean `label_column` mood?"
    assert label_column_hint(table.drop_columns(["mood"]), LabelReader(SEVEN)) == ""


def test_labels_that_are_left_out_are_named_with_counts_and_the_nearest_class() -> None:
    line = left_out_line({"suprisse": 3, "contempt": 40}, 1000, SEVEN, unit="labelled images")
    assert line == (
        "LEFT OUT: 43 of 1,000 labelled images: their label is none of the classes: contempt (40), suprisse "
        "(3, nearest class: surprise); `map_labels` says which class a label means"
    )
    assert "the order of these numbers as `map_labels`" in left_out_line({"0": 5, "1.0": 2}, 7, SEVEN)
    assert left_out_line({}, 7, SEVEN) == ""
    many = {f"x{number}": number + 1 for number in range(10)}
    assert left_out_line(many, 99, SEVEN).split("classes: ")[1].startswith("x9 (10), x8 (9), ")
    assert ", 2 other labels (3);" in left_out_line(many, 99, SEVEN)


def test_a_rare_class_that_is_spelled_like_another_is_told_and_a_usual_word_is_not() -> None:
    assert misspelt_line({"happy": 54, "hapy": 6, "sad": 60}) == (
        "warning: hapy (6, nearest class: happy, 54) is a class of its own; `map_labels` says which class a label means"
    )
    assert misspelt_line({"happy": 6, "sad": 60, "unsure": 5, "neutral": 50}) == ""  # unhappy is a word for sad
    assert misspelt_line({"cat 1": 40, "cat 2": 60}) == ""
