import numpy as np
import pytest

from batch_emotion.errors import UsageError
from batch_emotion.results.class_prior import ClassPrior, prior_in_words
from tests.support.made_results import CLASSES, result_table

TRAINED = {"angry": 0.1, "happy": 0.3, "sad": 0.1, "neutral": 0.5}
ROWS = [[0.2, 0.6, 0.2], [0.1, 0.3, 0.6], [0.5, 0.2, 0.3]]


def test_a_mix_is_of_the_classes_of_the_result() -> None:
    assert ClassPrior.asked_for("training", CLASSES, TRAINED).applied == {"angry": 0.2, "happy": 0.6, "sad": 0.2}
    even = ClassPrior.asked_for(" Uniform", CLASSES, TRAINED)
    assert even.applied == dict.fromkeys(CLASSES, 0.333333333)
    stated = ClassPrior.asked_for("sad=1, happy = 2,angry=1", CLASSES, TRAINED)
    assert stated.assumed == "angry=0.25,happy=0.5,sad=0.25"
    assert ClassPrior.asked_for(stated.assumed, CLASSES, TRAINED) == stated
    assert ClassPrior.from_record(stated.as_record()) == stated


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("even", "must be training, uniform, auto, or shares such as angry=0.1,…, not 'even'"),
        ("angry=0.5,happy=0.5", "each class one share: angry, happy, sad"),
        ("angry=0.5,happy=0.5,joy=1", "each class one share"),
        ("angry=1,angry=1,happy=1,sad=1", "each class one share"),
        ("angry=0,happy=0.5,sad=0.5", "at least 1e-06; `only`"),
        ("angry=nan,happy=0.5,sad=0.5", "at least 1e-06"),
        ("angry=inf,happy=0.5,sad=0.5", "at least 1e-06"),
    ],
)
def test_other_texts_are_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ClassPrior.asked_for(text, CLASSES, TRAINED)


def test_without_the_training_mix_only_training_can_be_assumed() -> None:
    for trained in ({}, {"angry": 1.0}, {"angry": 0.5, "happy": 0.5, "sad": 0.0}):
        unknown = ClassPrior.asked_for("training", CLASSES, trained)
        assert prior_in_words(unknown.as_record()) == ("the model's own; its card does not give the shares")
        table = result_table("abc", np.array(ROWS))
        assert next(unknown.apply([table], 0.0)) is table
        for text in ("uniform", "auto", "angry=1,happy=1,sad=1"):
            with pytest.raises(UsageError, match="its card does not give it"):
                ClassPrior.asked_for(text, CLASSES, trained)


def test_emotion_and_confidence_follow_the_probabilities() -> None:
    table = result_table("abcd", np.array([*ROWS, [0, 0, 0]]), ["ok", "ok", "ok", "corrupt"])
    even = ClassPrior.asked_for("uniform", CLASSES, TRAINED)
    (moved,) = even.apply([table], 0.5)
    assert moved.schema == table.schema
    assert moved["emotion"].to_pylist() == ["uncertain", "sad", "angry", None]
    assert moved["confidence"].to_pylist() == pytest.approx([1 / 3, 0.75, 0.576923, None], abs=1e-6)
    assert moved["p_happy"].to_pylist() == pytest.approx([1 / 3, 0.125, 0.076923, None], abs=1e-6)
    (back,) = even.take_back([moved])
    assert back["emotion"].to_pylist() == table["emotion"].to_pylist()
    for name in ("confidence", *(f"p_{each}" for each in CLASSES)):
        assert back[name].to_pylist() == pytest.approx(table[name].to_pylist(), abs=1e-6)
