from batch_emotion.cli.train import worth
from batch_emotion.metrics.scores import Scores


def _scores(images: int, accuracy: float) -> Scores:
    return {"images": images, "accuracy": accuracy, "balanced_accuracy": accuracy / 2}  # type: ignore[typeddict-item]


def test_the_last_line_tells_the_figure_without_images_of_the_training_data() -> None:
    scores, fresh = _scores(48, 0.9375), _scores(19, 0.8421)
    plain = "93.8% of the validation images right, mean recall 46.9%"
    assert worth({"validation": scores, "in_training": 0}, None) == plain
    known = worth({"validation": scores, "in_training": 29, "validation_without_duplicates": fresh}, "emotion-7@4")
    assert known == (
        "84.2% of the validation images right, mean recall 42.1%, without the 29 of 48 that are in the training data, "
        "its own or that of emotion-7@4 (with them 93.8%)"
    )
    assert worth({"validation": scores, "in_training": 48}, None) == (
        f"{plain}; but all 48 are in the training data, so this says nothing about new images"
    )
