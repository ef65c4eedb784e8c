import json
from dataclasses import replace

import pytest

from batch_emotion.errors import BundleError
from batch_emotion.model.bundle import load_bundle
from batch_emotion.model.card import Card
from batch_emotion.model.card_metrics import LeftOut


def test_a_card_of_format_1_is_still_read() -> None:
    neutral: LeftOut = {"images": 4, "mean_confidence": 0.5, "predicted": {"happy": 1, "sad": 3}}
    bare = load_bundle("seed-cnn").card
    card = replace(bare, metrics={**bare.metrics, "left_out": {"neutral": neutral}})
    document = json.loads(card.to_json())
    assert document["format_version"] == 2
    left_out = document["metrics"]["left_out"]["neutral"]
    left_out["said"] = left_out.pop("predicted")
    assert Card.from_json(json.dumps(document | {"format_version": 1})) == card
    with pytest.raises(BundleError, match="format version 3"):
        Card.from_json(json.dumps(document | {"format_version": 3}))
