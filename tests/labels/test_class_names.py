import pytest

from batch_emotion.errors import UsageError
from batch_emotion.labels.class_names import (
    folders_below,
    in_class_order,
    kept_classes,
    matched_names,
    stated_prior,
    system_folder,
)

NAMES = ("angry", "happy", "sad")


def test_classes_stand_in_the_order_of_the_seed_and_neutral_is_last() -> None:
    names = {"neutral", "zeal", "surprise", "contempt", "angry", "happiness"}
    assert in_class_order(names) == ("angry", "happiness", "surprise", "contempt", "zeal", "neutral")
    assert in_class_order({"neutrality", "sad", "boredom"}) == ("sad", "boredom", "neutrality")


def test_folders_of_systems_are_known_in_any_case() -> None:
    assert system_folder(("happy", "@EADIR", "x")) == "@EADIR"
    assert system_folder(("happy", "thumbs up")) == ""
    assert folders_below("data/faces/happy/@eaDir/x.jpg", 2) == ("happy", "@eaDir")


def test_names_of_another_model_are_matched_by_what_they_mean() -> None:
    assert matched_names(("angry", "sad", "calm"), ("anger", "sadness", "joy")) == ("anger", "sadness", "calm")


def test_classes_may_be_chosen_in_any_words_and_their_order_stays_the_models() -> None:
    assert kept_classes(NAMES, ["sad", "angry"]) == ("angry", "sad")
    assert kept_classes(NAMES, ["Sadness", "anger"]) == ("angry", "sad")
    assert kept_classes(NAMES, None) == NAMES


@pytest.mark.parametrize(
    ("only", "words"),
    [
        (["sad", "hapy"], "no class 'hapy'; it has angry, happy, sad; did you mean happy"),
        (["sad", "fear"], "no class 'fear'; it has angry, happy, sad$"),
        (["sad", "sadness"], "at least two classes, not sad alone"),
        ([], "at least two classes, not none alone"),
    ],
)
def test_other_choices_are_refused(only: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        kept_classes(NAMES, only)


def test_a_mix_of_classes_may_name_them_in_any_words() -> None:
    assert stated_prior("Happiness=1, anger =2,grief=3", NAMES) == "happy=1,angry=2,grief=3"
    assert stated_prior("uniform", NAMES) == "uniform"
