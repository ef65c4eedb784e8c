from batch_emotion.labels.class_names import folders_below, in_class_order, matched_names, system_folder


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
