"""What a network started from: each model, its data and licences, and the images that it was trained on."""

from __future__ import annotations

from typing import Any, TypedDict

from batch_emotion.model.bundle import Bundle


class Ancestor(TypedDict):
    """A model whose weights a network started from, as the card says it.

    ``about_data`` has ``name, source, licence, faults``, and ``images`` is how many different ones its bundle has on
    record, those of its own ancestors with them; None where that is not known.
    """

    name: str
    sha256: str | None
    licence: str
    about_data: dict[str, Any]
    images: int | None


def lineage(initial: Bundle | None) -> list[Ancestor]:
    """The models that a network which starts from ``initial`` comes from, the nearest first."""
    if initial is None:
        return []
    training, digests = initial.card.training, initial.train_digests()
    nearest: Ancestor = {
        "name": initial.full_name,
        "sha256": initial.sha256,
        "licence": training.get("licence") or "",
        "about_data": training.get("about_data") or {},
        "images": None if digests is None else len(digests),
    }
    return [nearest, *training.get("ancestors", [])]


def inherited_digests(initial: Bundle | None) -> frozenset[str]:
    """The digests of the images that those models were trained on, as far as they are on record."""
    return frozenset() if initial is None else initial.train_digests() or frozenset()
