import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from batch_emotion.metrics.groups import FEWEST, GroupedImages, group_scores
from batch_emotion.metrics.measuring import agreement, measure
from batch_emotion.visualization.groups import gap_sentences
from batch_emotion.visualization.html import percent_range
from tests.support.reference import plain_ece, random_predictions

VALUES = ("anna", "boris", None)


def _images(rows: int = 600, seed: int = 3) -> tuple[GroupedImages, pd.DataFrame]:
    """Images of three groups, of which one is harder; some failed, show no face or have no label."""
    probabilities, labels = random_predictions(rows, seed)
    rng = np.random.default_rng(seed + 1)
    groups = rng.choice(3, rows, p=(0.5, 0.3, 0.2))
    labels = np.where((groups == 1) & (rng.random(rows) < 0.4), (labels + 1) % 3, labels)
    failed, without = rng.random(rows) < 0.06, rng.random(rows) < 0.05
    judged = ~failed & ~without & (rng.random(rows) > 0.12)
    frame = pd.DataFrame(
        {
            "group": groups,
            "label": np.where(judged, labels, -1),
            "predicted": probabilities.argmax(axis=1),
            "confidence": probabilities.max(axis=1),
            "failed": failed,
            "without": without & ~failed,
        }
    )
    columns = (frame[name].to_numpy() for name in frame.columns)
    return GroupedImages(VALUES, *columns), frame


def test_the_scores_of_groups_are_those_of_pandas_by_hand() -> None:
    images, frame = _images()
    found = group_scores(images, "labeller", 3, resamples=50)
    sizes = frame.groupby("group").size()
    assert [each["value"] for each in found["groups"]] == [VALUES[at] for at in sizes.sort_values()[::-1].index]
    judged = frame[frame.label >= 0].assign(right=lambda rows: rows.label == rows.predicted)
    accuracy = judged.groupby("group").right.mean()
    recall = judged.groupby(["group", "label"]).right.mean().groupby("group").mean()
    for each in found["groups"]:
        group = VALUES.index(each["value"])
        mine = judged[judged.group == group]
        assert each["images"] == sizes[group]
        assert each["judged"] == len(mine)
        assert each["clusters"] is None
        assert each["accuracy"] == pytest.approx(accuracy[group], abs=1e-6)
        assert each["balanced_accuracy"] == pytest.approx(recall[group], abs=1e-6)
        assert each["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(mine.label, mine.predicted), abs=1e-6)
        assert each["ece"] == pytest.approx(plain_ece(mine.confidence.to_numpy(), mine.right.to_numpy()), abs=1e-6)
        assert each["failures"] == pytest.approx(frame[frame.group == group].failed.mean(), abs=1e-6)
        assert each["no_face"] == pytest.approx(frame[frame.group == group].without.mean(), abs=1e-6)
        for key in ("accuracy", "balanced_accuracy", "failures"):
            low, high = each["intervals"][key]
            assert low <= each[key] <= high
    gap = found["gaps"]["accuracy"]
    assert gap["lowest"] == "boris"
    assert gap["gap"] == pytest.approx(accuracy.max() - accuracy.min(), abs=2e-6)
    assert gap["interval"][0] < gap["gap"] < gap["interval"][1]
    assert gap["by_chance"] < gap["gap"]


def test_the_intervals_of_an_image_bootstrap_are_as_wide_as_theory_says() -> None:
    images, _ = _images(3000)
    found = group_scores(images, "labeller", 3)
    for each in found["groups"]:
        low, high = each["intervals"]["accuracy"]
        deviation = np.sqrt(each["accuracy"] * (1 - each["accuracy"]) / each["judged"])
        assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.15)


def test_counts_of_like_images_give_what_the_images_give() -> None:
    _, frame = _images(2000)
    rounded = frame.assign(confidence=frame.confidence.round(2))
    alike = rounded.groupby([*rounded.columns]).size().reset_index(name="count")
    counted = GroupedImages(VALUES, *(alike[name].to_numpy() for name in frame.columns), alike["count"].to_numpy())
    one_by_one = GroupedImages(VALUES, *(rounded[name].to_numpy() for name in frame.columns))
    few, many = group_scores(counted, "x", 3), group_scores(one_by_one, "x", 3)
    for one, other in zip(few["groups"], many["groups"], strict=True):
        for key in ("images", "judged", "accuracy", "balanced_accuracy", "failures"):
            assert one[key] == other[key]
        assert one["ece"] == pytest.approx(other["ece"], abs=1e-6)
        for key, interval in other["intervals"].items():
            assert one["intervals"][key] == pytest.approx(interval, abs=0.02)
    assert few["gaps"]["accuracy"]["gap"] == many["gaps"]["accuracy"]["gap"]
    assert few["gaps"]["accuracy"]["by_chance"] is None


def _people(agreeing: bool, people: int = 40, each: int = 25) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, labels and persons; right four times in five, and where they agree alike for all of a person."""
    rng = np.random.default_rng(5)
    persons = np.repeat(np.arange(people), each)
    right = np.repeat(rng.random(people) < 0.8, each) if agreeing else rng.random(people * each) < 0.8
    labels = rng.integers(0, 3, people * each)
    predicted = np.where(right, labels, (labels + 1) % 3)
    return np.full((len(labels), 3), 0.1) + 0.7 * np.eye(3)[predicted], labels, persons


def _width(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


def test_intervals_over_people_are_wider_where_the_images_of_a_person_agree_and_only_there() -> None:
    for agreeing, least, most in ((True, 4.0, 6.0), (False, 0.8, 1.25)):  # the root of 25 images each is 5
        probabilities, labels, persons = _people(agreeing)
        by_image, by_person = (measure(probabilities, labels, "abc", clusters=each) for each in (None, persons))
        assert by_image["accuracy"] == by_person["accuracy"]
        for key in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"):
            ratio = _width(by_person["intervals"][key]) / _width(by_image["intervals"][key])
            assert least < ratio < most, key
        groups, predicted = persons % 2, probabilities.argmax(axis=1)
        no, confidence = np.zeros(len(labels), bool), probabilities.max(axis=1)
        widths = []
        for clusters in (None, persons):
            images = GroupedImages(("a", "b"), groups, labels, predicted, confidence, no, no, clusters=clusters)
            found = group_scores(images, "half", 3)
            gap = found["gaps"]["accuracy"]
            widths.append(
                (_width(found["groups"][0]["intervals"]["accuracy"]), _width(gap["interval"]), gap["by_chance"])
            )
        assert found["groups"][0]["clusters"] == 20
        for image, person in zip(*widths, strict=True):
            assert least * 0.8 < person / image < most * 1.25
        people = [agreement(predicted, labels, labels, "abc", clusters=each)["interval"] for each in (None, persons)]
        assert least < _width(people[1]) / _width(people[0]) < most


def test_intervals_over_images_do_not_depend_on_clusters_of_one() -> None:
    probabilities, labels = random_predictions(200)
    assert measure(probabilities, labels, "abc") == measure(probabilities, labels, "abc", clusters=np.arange(200) * 7)


def test_groups_are_dealt_out_within_clusters_that_have_several() -> None:
    images, _ = _images(600)
    clusters = np.arange(600) % 30
    crossed = GroupedImages(**{**vars(images), "clusters": clusters})
    found = group_scores(crossed, "labeller", 3, resamples=200)
    assert found["gaps"]["accuracy"]["by_chance"] < found["gaps"]["accuracy"]["gap"]
    assert sum(each["clusters"] for each in found["groups"]) > 30


def test_small_and_empty_groups_have_no_part_in_the_gap() -> None:
    no, some = np.zeros(45, bool), np.zeros(45, np.intp)
    groups = np.repeat([0, 1, 2, 3], [20, 20, FEWEST - 6, 1])
    labels = np.where(groups == 3, -1, np.where(groups == 2, 1, some))
    images = GroupedImages(tuple("abcd"), groups, labels, some, np.full(45, 0.9), no, no)
    found = group_scores(images, "x", 2, resamples=20)
    assert found["gaps"]["accuracy"]["gap"] == 0
    assert found["groups"][2]["accuracy"] == 0
    assert found["groups"][3]["accuracy"] is None
    assert found["groups"][3]["intervals"]["accuracy"] is None
    alone = GroupedImages(("a",), some, some, some, np.full(45, 0.9), no, no)
    assert group_scores(alone, "x", 2, resamples=5)["gaps"] == {}


def test_the_largest_groups_are_shown_and_the_others_counted() -> None:
    groups = np.repeat(np.arange(8), np.arange(8) + 1)
    some, no = np.zeros(len(groups), np.intp), np.zeros(len(groups), bool)
    images = GroupedImages(tuple("abcdefgh"), groups, some, some, np.full(len(groups), 0.9), no, no)
    found = group_scores(images, "x", 2, most=3, resamples=5)
    assert [each["value"] for each in found["groups"]] == ["h", "g", "f"]
    assert found["others"] == 5


def test_groups_that_tie_have_no_gap_and_two_names() -> None:
    groups, some, no = np.repeat([0, 1, 2], 20), np.zeros(60, np.intp), np.zeros(60, bool)
    images = GroupedImages(tuple("abc"), groups, some, some, np.full(60, 0.9), no, no)
    found = group_scores(images, "x", 2, resamples=20)
    gap = found["gaps"]["accuracy"]
    assert (gap["highest"], gap["lowest"], gap["gap"]) == ("a", "c", 0)
    assert gap_sentences(found)[0] == "No gap in accuracy: it is the same in all groups that are compared."


def test_a_range_with_a_minus_sign_is_told_in_words() -> None:
    assert percent_range((-0.075, 0.198)) == "-7.5 to 19.8"
    assert percent_range((-0.0001, 0.198)) == "0.0–19.8"
    assert percent_range(None) == "–"


def test_a_group_of_one_cluster_has_no_interval_and_nor_has_a_gap_with_it() -> None:
    groups, no = np.repeat([0, 1], 20), np.zeros(40, bool)
    labels = np.repeat([0, 1, 0], [10, 10, 20])
    clusters = np.repeat([0, 1, 2], [10, 10, 20])
    images = GroupedImages(("a", "b"), groups, labels, labels * 0, np.full(40, 0.9), no, no, clusters=clusters)
    found = group_scores(images, "x", 2, resamples=50)
    assert found["groups"][0]["intervals"]["accuracy"] is not None
    assert set(found["groups"][1]["intervals"].values()) == {None}
    assert found["gaps"]["accuracy"]["interval"] is None
    assert gap_sentences(found)[0].startswith("Largest gap in accuracy: 50.0 points, b above a.")
    apart = GroupedImages(("a", "b"), np.repeat([0, 1], [39, 1]), labels, labels * 0, np.full(40, 0.9), no, no)
    alone = group_scores(apart, "x", 2, resamples=50)["groups"][1]
    assert set(alone["intervals"].values()) == {None}


def test_what_chance_does_is_found_among_the_images_that_are_judged() -> None:
    images, _ = _images()
    alone = images.judged()
    assert len(alone) == (images.labels >= 0).sum() < len(images)
    assert (
        group_scores(images, "c", 3)["gaps"]["accuracy"]["by_chance"]
        == (group_scores(alone, "c", 3)["gaps"]["accuracy"]["by_chance"])
    )


@pytest.mark.parametrize("counts", [None, np.empty(0, np.int64)])
def test_of_no_images_there_are_no_groups(counts: np.ndarray | None) -> None:
    none = np.empty(0, np.intp)
    images = GroupedImages([], none, none, none, np.empty(0), np.empty(0, bool), np.empty(0, bool), counts)
    assert group_scores(images, "camera", 3) == {"column": "camera", "groups": [], "others": 0, "gaps": {}}
