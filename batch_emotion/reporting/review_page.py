"""The rows to be looked at as one HTML page, on which a person answers by key and mouse, without a server."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from batch_emotion.reporting.review_sample import Reason, ReviewSample
from batch_emotion.visualization.html import file_name, render, script
from batch_emotion.visualization.palette import class_colours

_REASONS: dict[Reason, str] = {
    "unsure": "the least sure",
    "label": "most in conflict with their label",
    "models": "on which the two results differ, both being sure",
}
_ROOM = "batch_emotion.reporting"


@dataclass(frozen=True)
class ReviewImage:
    """An image on the page.

    Attributes:
        path: what the manifest says of it: an absolute path or a URI.
        uri: the picture as a data URI; None where the image was not found.
        face: which face of ``photo`` it is, and of which photo; None where it is a whole image.
        photo: the path of that photo, as the result has it.
    """

    path: str
    uri: str | None
    face: int | None = None
    photo: str | None = None


def review_page(name: str, class_names: Sequence[str], sample: ReviewSample, images: Sequence[ReviewImage]) -> str:
    """The page.

    Args:
        name: of the result.
        class_names: the classes, in the order of the keys.
        sample: the rows.
        images: of each of them.
    """
    shown: list[dict[str, object]] = [
        {
            "row": each.row,
            "path": image.path,
            "name": file_name(image.path),
            "uri": image.uri,
            "predicted": each.predicted,
            "confidence": each.confidence,
            "label": each.label,
            "other": each.other,
            "chosen": reason,
            "photo": image.photo,
            "face_index": image.face,
        }
        for (each, reason), image in zip(sample.chosen, images, strict=True)
    ]
    facts = [[each["row"], each["path"], each["predicted"], each["chosen"]] for each in shown]
    reasons = Counter(reason for _, reason in sample.chosen)
    strata = sample.strata
    data = {
        "id": hashlib.sha256(json.dumps([facts, list(class_names)]).encode()).hexdigest()[:16],
        "file": f"{PurePath(name).stem}-labels.csv",
        "classes": list(class_names),
        "columns": _columns(shown),
        "strata": {"chance": strata[True], "reason": strata[False]},
        "images": shown,
    }
    return render(
        _ROOM,
        "review.html.j2",
        script=script("review.js"),
        name=name,
        class_names=class_names,
        colours=class_colours(class_names),
        images=len(shown),
        scored=sample.scored,
        unit="faces" if any(image.photo for image in images) else "images",
        for_a_reason=strata[False],
        by_chance=reasons["chance"],
        reasons="; ".join(f"{reasons[reason]} {words}" for reason, words in _REASONS.items() if reasons[reason]),
        data=json.dumps(data).replace("<", "\\u003c"),
    )


def _columns(shown: Sequence[dict[str, object]]) -> list[str]:
    """The columns of the manifest: those of earlier labels, of another result and of faces where there are any."""
    more = {"label": ["earlier_label"], "other": ["other_predicted"], "photo": ["photo", "face_index"]}
    found = [name for key, names in more.items() if any(each[key] is not None for each in shown) for name in names]
    return ["path", "label", "answer", "predicted", "predicted_confidence", *found, "chosen", "weight"]
