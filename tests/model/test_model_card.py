from dataclasses import replace

import numpy as np
import pytest

from batch_emotion import load_bundle
from batch_emotion.metrics.measuring import agreement, measure
from batch_emotion.model.bundle import bundled_models
from batch_emotion.model.card import Card
from batch_emotion.model.card_metrics import Calibration
from batch_emotion.model.model_card import human_card
from batch_emotion.records import InputSpec


def _full_card() -> Card:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1], 200)
    figures = measure(probabilities, rng.integers(0, 2, 200), ("happy", "s|d"))
    majority = np.repeat([0, 1], 25)
    people = agreement(np.repeat([0, 1], [30, 20]), np.repeat([0, 1], [27, 23]), majority, ("happy", "s|d"))
    return Card(
        name="m",
        summary="a model",
        architecture="seed-cnn",
        class_names=("happy", "s|d"),
        input=InputSpec((48, 48), "grayscale"),
        parameters=1234567,
        class_prior={"happy": 0.875, "s|d": 0.125},
        metrics={
            "training": figures | {"images": 900},
            "validation": figures,
            "in_training": 12,
            "agreement": {
                "votes": "votes.csv",
                "matched": 50,
                "unmatched": 0,
                "matched_by_parts": {"3": 50},
                "all": people,
                "without_duplicates": None,
            },
            "left_out": {"neutral": {"images": 4, "mean_confidence": 0.5, "predicted": {"happy": 1, "s|d": 3}}},
            "carried_over": [
                {
                    "data": "wild",
                    "classes": 2,
                    "prior": "uniform",
                    "images": 3246,
                    "accuracy": 0.876,
                    "mean_recall": 0.654,
                    "ece": 0.031,
                    "recall": {"s|d": {"images": 3246, "recall": 0.654}},
                }
            ],
            "calibration": {"temperature": 1.3, "ece_before": 0.08, "ece_after": 0.021, "folds": 5},
            "speed": {"images_per_second": 2345.6, "mflops": 48.1},
        },
        training={
            "data": "faces",
            "validation": "held",
            "command": "batch-emotion train faces --out m",
            "teachers": ["wide", "tall"],
            "recipe": {"epochs": 3, "augmentation": {"flip": True}},
            "about_data": {"name": "Faces", "licence": "CC0", "faults": ["labels are noisy"]},
        },
    )


def test_the_card_holds_everything_that_a_reviewer_asks_for() -> None:
    card = _full_card()
    text = human_card(card)
    figures = card.metrics["validation"]
    low, high = figures["intervals"]["accuracy"]
    for part in (
        f"{figures['accuracy'] * 100:.1f} % ({low * 100:.1f} to {high * 100:.1f})",
        "Trained on 900 images of `faces`, measured on 200 images of `held`",
        "12 of the validation images are in the training data too",
        "Known fault: labels are noisy",
        "```sh\nbatch-emotion train faces --out m\n```",
        "- augmentation.flip: True",
        "Of 50 images",
        "predicts that class in 90.0 %",
        "the labels agree in 96.0 %",
        "happy 87.5 %, s|d 12.5 %",
        "- teachers: wide, tall",
        r"| wild | 2 | uniform | 3,246 | 87.6 % | 65.4 % | 3.1 % | s\|d 65 |",
        "neutral (4 images): s|d 75.0 %, happy 25.0 %; mean confidence 50.0 %",
        "temperature of 1.300",
        "8.0 %",
        "2.1 %",
        "2,346 images/s",
        "48 million",
        "Article 5(1)(f)",
        "CC0",
        r"| s\|d |",
    ):
        assert part in text, part
    assert human_card(Card.from_json(card.to_json())) == text


def test_a_bare_card_says_what_is_not_known() -> None:
    text = human_card(Card("m", "a model", "seed-cnn", ("a", "b"), InputSpec((8, 8)), 1))
    for part in ("is not recorded", "Nothing was measured", "not calibrated", "No licence is stated"):
        assert part in text
    assert "## Speed" not in text


def test_an_early_card_without_intervals_is_written_too() -> None:
    assert "64.4 %" in human_card(load_bundle("seed-cnn").card)


@pytest.mark.parametrize("name", [name for name in bundled_models() if name != "seed-cnn"])
def test_the_readme_of_a_bundled_model_is_written_from_its_card(name: str) -> None:
    bundle = load_bundle(name)
    assert bundle.folder is not None
    assert (bundle.folder / "README.md").read_text(encoding="utf-8") == human_card(bundle.card)


def test_a_card_with_a_single_validation_image_claims_no_calibration() -> None:
    card = _full_card()
    alone: Calibration = {"temperature": 20.0, "ece_before": 0.3}
    text = human_card(replace(card, metrics={**card.metrics, "calibration": alone}))
    assert "as there is only one validation image" in text
    assert "about 80 in 100" not in text
