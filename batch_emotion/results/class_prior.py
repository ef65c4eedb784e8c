"""The mix of classes that a result's probabilities assume: stated, recorded, applied to rows, and taken back.

The parts of a run hold probabilities under the mix of the training; the mix that is asked for is applied when the
result is written, and taken back from the rows that an update carries over or ``merge`` joins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.errors import UsageError
from batch_emotion.metrics.class_mix import estimate_mix, with_mix
from batch_emotion.metrics.quantification import Moments
from batch_emotion.records import Status
from batch_emotion.results.reader import result_probabilities
from batch_emotion.results.run_document import ClassPriorRecord
from batch_emotion.results.schema import name_emotions

TRAINING, UNIFORM, AUTO = "training", "uniform", "auto"

_Rows = NDArray[np.float32]
_LEAST = 1e-6
_REASONS = {
    TRAINING: "the model's own",
    UNIFORM: "every class as frequent as the others",
    AUTO: "estimated from the images of this result",
}


@dataclass(frozen=True)
class ClassPrior:
    """The mix that probabilities are to hold for.

    Attributes:
        assumed: ``training``, ``uniform``, ``auto``, or the stated mix as text.
        training: share by class in the training, in the order of the probabilities; None where that is not known.
        applied: share by class that the probabilities hold for; None where that is not known, or not estimated yet.
    """

    assumed: str
    training: Mapping[str, float] | None
    applied: Mapping[str, float] | None

    @classmethod
    def asked_for(cls, text: str, class_names: Sequence[str], trained: Mapping[str, float]) -> ClassPrior:
        """The mix that ``--class-prior`` asks for.

        Args:
            text: ``training``, ``uniform``, ``auto`` or ``angry=0.1,happy=0.9``.
            class_names: the classes of the result.
            trained: the shares on the model's card, which may have more classes; empty where it has none.

        Raises:
            UsageError: it is no such mix, or the model's card does not say what it needs.
        """
        text = text.strip().lower()
        stated = None if text in _REASONS else _stated(text, class_names)
        known = all(trained.get(name, 0) > 0 for name in class_names)
        training = _shares({name: trained[name] for name in class_names}) if known else None
        if text == TRAINING:
            return cls(text, training, training)
        if training is None:
            raise UsageError(
                f"`class_prior` {text} needs the mix of classes that the model was trained on, and its card does not "
                "give it; use `class_prior` training, or another model"
            )
        if stated is not None:
            return cls(",".join(f"{name}={share:.6g}" for name, share in stated.items()), training, stated)
        return cls(text, training, _shares(dict.fromkeys(class_names, 1.0)) if text == UNIFORM else None)

    @classmethod
    def from_record(cls, record: ClassPriorRecord | None) -> ClassPrior:
        """What ``as_record`` gave; of an earlier version, whose results know none, the mix of the training."""
        return cls(TRAINING, None, None) if record is None else cls(**record)

    @classmethod
    def from_footer(cls, footer: Mapping[str, str]) -> ClassPrior:
        """What the footer of a Parquet result holds."""
        return cls.from_record(json.loads(footer["class_prior"]) if "class_prior" in footer else None)

    def at_training(self) -> ClassPrior:
        """The mix of the training, which the rows hold for before this one is applied."""
        return replace(self, applied=self.training)

    def as_record(self) -> ClassPriorRecord:
        """For ``run.json`` and the footer."""
        training, applied = (None if each is None else dict(each) for each in (self.training, self.applied))
        return {"assumed": self.assumed, "training": training, "applied": applied}

    def over(self, rows: Callable[[], Iterable[pa.Table]]) -> ClassPrior:
        """The same with its mix estimated from these rows under the mix of the training, where it is ``auto``.

        Args:
            rows: gives all rows of the result; those that are ``ok`` count, with faces each of them.
        """
        if self.assumed != AUTO or self.training is None:
            return self
        names = list(self.training)
        return self.estimated_from(_scored(table, names) for table in rows())

    def estimated_from(self, probabilities: Iterable[_Rows]) -> ClassPrior:
        """As ``over``, of probabilities, float32 (N, K), of images that were scored."""
        if self.assumed != AUTO or self.training is None:
            return self
        estimated = estimate_mix(probabilities, _array(self.training))
        return replace(self, applied=_shares(dict(zip(self.training, estimated.tolist(), strict=True))))

    def apply(self, tables: Iterable[pa.Table], min_confidence: float) -> Iterator[pa.Table]:
        """Rows under the mix of the training as they are under this one."""
        return self._moved(tables, self.training, self.applied, min_confidence)

    def take_back(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Rows under this mix as they are under that of the training, exact but for the rounding of float32."""
        return self._moved(tables, self.applied, self.training, 0.0)

    def training_probabilities(self, table: pa.Table | pa.RecordBatch, class_names: Sequence[str]) -> _Rows:
        """The probabilities of N rows under this mix as they are under that of the training: float32 (N, K)."""
        rows = result_probabilities(table, class_names)
        if self.applied is None or self.training is None or self.applied == self.training:
            return rows
        return with_mix(rows, _array(self.applied), _array(self.training))

    def _moved(
        self,
        tables: Iterable[pa.Table],
        before: Mapping[str, float] | None,
        after: Mapping[str, float] | None,
        min_confidence: float,
    ) -> Iterator[pa.Table]:
        for table in tables:
            yield (
                table
                if before is None or after is None or before == after
                else _under(table, before, after, min_confidence)
            )


class MixCounter:
    """Averages the probabilities of a result's rows as they go by, to estimate its mix from."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._class_names = class_names
        self.seen = Moments(len(class_names))

    def counting(self, tables: Iterable[pa.Table], prior: ClassPrior) -> Iterator[pa.Table]:
        """Pass tables through whose probabilities hold for this mix."""
        for table in tables:
            scored = table.filter(pc.equal(table["status"], Status.OK.value))
            self.seen.add(prior.training_probabilities(scored, self._class_names))
            yield table


def prior_in_words(record: ClassPriorRecord) -> str:
    """The mix that probabilities assume, in words."""
    assumed, applied = record["assumed"], record["applied"]
    if applied is None:
        return "the model's own; its card does not give the shares"
    shares = ", ".join(f"{name} {share:.1%}" for name, share in applied.items())
    return f"{shares} ({_REASONS.get(assumed, 'as stated')})"


def _stated(text: str, class_names: Sequence[str]) -> dict[str, float]:
    """The shares of ``angry=0.1,happy=0.9``, in the order of the classes, adding up to 1."""
    pairs = [cell.partition("=") for cell in text.split(",")]
    try:
        shares = {name.strip(): float(share) for name, _, share in pairs}
    except ValueError:
        raise UsageError(
            f"`class_prior` must be training, uniform, auto, or shares such as {class_names[0]}=0.1,…, not {text!r}"
        ) from None
    if len(shares) != len(pairs) or shares.keys() != set(class_names):
        raise UsageError(f"`class_prior` must give each class one share: {', '.join(class_names)}")
    total = sum(shares.values())
    if not all(0 < share < np.inf and share / total >= _LEAST for share in shares.values()):
        raise UsageError(f"`class_prior`: every share must be at least {_LEAST:g}; `only` leaves classes out")
    return _shares({name: shares[name] for name in class_names})


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights as shares that add up to 1, to nine digits, so that what is recorded is what is applied."""
    total = sum(weights.values())
    return {name: float(f"{weight / total:.9g}") for name, weight in weights.items()}


def _array(shares: Mapping[str, float]) -> NDArray[np.float64]:
    return np.array(list(shares.values()), np.float64)


def _scored(table: pa.Table, class_names: Sequence[str]) -> _Rows:
    return result_probabilities(table.filter(pc.equal(table["status"], Status.OK.value)), class_names)


def _under(table: pa.Table, before: Mapping[str, float], after: Mapping[str, float], min_confidence: float) -> pa.Table:
    """The rows with the probabilities, emotion and confidence that they have under another mix."""
    names = list(after)
    bad = pc.not_equal(table["status"], Status.OK.value).to_numpy()
    probabilities = with_mix(result_probabilities(table, names), _array(before), _array(after))
    emotion, confidence = name_emotions(np.nan_to_num(probabilities), names, min_confidence, bad)
    columns = {"emotion": emotion, "confidence": confidence} | {
        f"p_{name}": pa.array(np.ascontiguousarray(probabilities[:, at]), pa.float32(), mask=bad)
        for at, name in enumerate(names)
    }
    for name, column in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), column)
    return table
