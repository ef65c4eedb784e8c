from batch_emotion.visualization.palette import class_colours


def test_a_class_has_the_same_colour_everywhere() -> None:
    some, others = class_colours(("angry", "happy")), class_colours(("happy", "neutral", "angry"))
    assert some["happy"] == others["happy"]
    assert some["angry"] == others["angry"]


def test_no_two_classes_share_a_colour() -> None:
    known = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    for names in (known, (*known, "contempt", "bored"), tuple("abcdefg")):
        assert len(set(class_colours(names).values())) == len(names)
