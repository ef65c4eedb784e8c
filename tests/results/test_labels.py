from batch_emotion.results.labels import folder_labels


def test_labels_are_the_folders_of_the_level_that_names_classes() -> None:
    classes = ("happy", "sad")
    assert folder_labels(["d/Happy/1.jpg", "d/neutral/2.jpg", "d/sad/3.jpg"], classes) == ["happy", "neutral", "sad"]
    assert folder_labels(["sad/happy/x/1.jpg", "sad/sad/y/2.jpg", "sad/neutral/x/3.jpg"], classes) == ["sad"] * 3
    assert folder_labels(["a/happy/x/1.jpg", "a/sad/y/2.jpg", "happy.jpg"], classes) == ["happy", "sad", ""]
    assert folder_labels(["a.jpg", "b/c.jpg"], classes) == ["", ""]
