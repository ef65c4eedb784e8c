from batch_emotion import load_bundle
from batch_emotion.model.ancestry import inherited_digests, lineage


def test_a_network_that_started_from_nothing_has_no_ancestors() -> None:
    assert lineage(None) == []
    assert inherited_digests(None) == frozenset()


def test_the_nearest_ancestor_comes_first_with_its_data_and_licence() -> None:
    bundle = load_bundle("seed-cnn")
    (nearest,) = lineage(bundle)
    assert (nearest["name"], nearest["sha256"]) == ("seed-cnn@1", bundle.sha256)
    assert nearest["images"] == len(inherited_digests(bundle))


def test_emotion_6_knows_the_images_of_the_seven_classes_that_it_started_from() -> None:
    six, seven = (load_bundle(name) for name in ("emotion-6", "emotion-7"))
    (ancestor,) = six.card.training["ancestors"]
    digests = six.train_digests() or frozenset()
    assert len(digests) == ancestor["images"] == 27_330
    assert digests <= (seven.train_digests() or frozenset())
    assert [each["name"] for each in seven.card.training["ancestors"]] == ["emotion-7@3", "first-7", "pyramid-7"]
