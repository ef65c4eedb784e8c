"""Labels as people write them, read as classes: ``Anger``, ``happiness``, ``Surprised `` or ``3``."""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.errors import UsageError, spelled
from batch_emotion.labels.text import clean_labels
from batch_emotion.options.labels import ALARM
from batch_emotion.results.schema import predicted_columns

SYNONYMS: tuple[frozenset[str], ...] = (
    frozenset({"angry", "anger", "angered", "mad", "furious", "fury", "rage", "enraged"}),
    frozenset({"disgust", "disgusted", "disgusting", "disgustful", "revulsion", "revolted"}),
    frozenset({"fear", "fearful", "afraid", "scared", "frightened", "fright", "terrified", "terror"}),
    frozenset({"happy", "happiness", "happyness", "joy", "joyful", "joyous", "glad", "enjoyment"}),
    frozenset({"sad", "sadness", "sadnes", "sorrow", "sorrowful", "unhappy", "unhappiness"}),
    frozenset({"surprise", "surprised", "suprise", "suprised", "surprising", "astonished", "astonishment"}),
    frozenset({"neutral", "neutrality", "no emotion", "no expression", "expressionless", "emotionless"}),
    frozenset({"contempt", "contemptuous", "scorn", "scornful"}),
)
"""Words that name the same expression, in English; a model may have any of them as its class."""

_SIMILAR = 0.7
_RARE = 0.25
_MOST_LISTED = 8
_NUMBER = re.compile(r"(-?\d+)(?:\.0+)?")


class LabelReader:
    """Reads labels as the classes of a model.

    A label is the class that ``map_labels`` gives it, else the class of this name, else the one class of the same
    meaning: without regard to case, white space, hyphens, underscores and a plural s, and by ``SYNONYMS``. A label that
    means none of the classes, or several, stays what it is, in lower case.

    Args:
        class_names: the classes.
        map_labels: classes, or words for them, by labels or numbers.

    Raises:
        UsageError: a label is mapped to what is none of the classes.

    Example::

        LabelReader(("angry", "happy")).class_of("Happiness")  # 'happy'
        LabelReader(("angry", "happy"), {0: "angry", 1: "happy"}).class_of("1")  # 'happy'
    """

    def __init__(self, class_names: Sequence[str], map_labels: Mapping[str | int, str] | None = None) -> None:
        self.class_names = tuple(class_names)
        self._names = {unicodedata.normalize("NFC", name): name for name in class_names}
        self._words = _unambiguous((word, name) for name in class_names for word in _words_of(name))
        self._mapped: dict[str, str] = {}
        mapped = {_plain(str(label)): self._target(str(label), name) for label, name in (map_labels or {}).items()}
        self._mapped = mapped

    def class_of(self, label: str) -> str | None:
        """The class that a label means; None where it means none of them."""
        text = unicodedata.normalize("NFC", label.strip().lower())
        plain = _plain(text)
        if plain in self._mapped:
            return self._mapped[plain]
        found = self._names.get(text)
        return found or next((self._words[word] for word in _singulars(plain) if word in self._words), None)

    def read(self, labels: pa.Array | pa.ChunkedArray, column: str = "label") -> pa.Array:
        """Labels as class names where they mean one, else as cleaned text; null where there is none.

        Raises:
            SourceError: ``column`` holds what has no text, such as lists.
        """
        encoded = clean_labels(labels, column).dictionary_encode()
        names = [self.class_of(label) or label for label in encoded.dictionary.to_pylist()]
        return pa.array(names, pa.string()).take(encoded.indices)

    def read_names(self, names: Iterable[str | None]) -> list[str]:
        """As ``read``, of the names of folders or columns; empty where there is none."""
        return [name or "" for name in self.read(pa.array(list(names), pa.string())).to_pylist()]

    def nearest(self, label: str) -> str | None:
        """The class whose name, or a word for which, is spelled most like a label; None where none is near."""
        near = difflib.get_close_matches(_plain(label), self._words, 1, _SIMILAR)
        return self._words[near[0]] if near else None

    def share(self, values: pa.Array | pa.ChunkedArray, at_most: int = 1_000) -> float:
        """The part of the first values, those that are null apart, that mean a class; to find a column of labels."""
        try:
            texts = clean_labels(pc.drop_null(values.slice(0, at_most)))
        except (UsageError, pa.ArrowException):
            return 0.0
        known = [self.class_of(text) is not None for text in texts.to_pylist() if text is not None]
        return sum(known) / len(known) if known else 0.0

    def _target(self, label: str, name: str) -> str:
        found = self.class_of(str(name))
        if found is None:
            near = self.nearest(str(name))
            hint = f"; did you mean {label}={near}?" if near else ""
            raise UsageError(
                f"`map_labels` maps {label} to {name}, which is none of the classes {', '.join(self.class_names)}{hint}"
            )
        return found


def label_column_hint(columns: pa.Table, reader: LabelReader) -> str:
    """What to add to an error on a missing column of labels: the column whose values mean classes, if there is one."""
    names = columns.column_names
    shares = {name: reader.share(columns[name]) for name in names if name not in predicted_columns(names)}
    best = max(shares, key=lambda name: shares[name], default="")
    return f"; did you mean `label_column` {shlex.quote(best)}?" if shares.get(best, 0.0) >= 0.5 else ""


def left_out_line(left_out: Mapping[str, int], images: int, class_names: Sequence[str], *, unit: str = "images") -> str:
    """One loud line on labels that are none of the classes, with counts and the nearest class; empty without such.

    Args:
        left_out: how many images have each label.
        images: of how many.
        class_names: the classes.
        unit: what is counted.
    """
    if not left_out:
        return ""
    reader = LabelReader(class_names)
    listed = sorted(left_out.items(), key=lambda pair: (-pair[1], pair[0]))
    parts = [_left_out_label(label, count, reader) for label, count in listed[:_MOST_LISTED]]
    rest = listed[_MOST_LISTED:]
    if rest:
        parts.append(f"{len(rest)} other labels ({sum(count for _, count in rest):,})")
    lead = f"{ALARM}: {sum(left_out.values()):,} of {images:,} {unit}"
    advice = "; `map_labels` says which class a label means"
    if all(_NUMBER.fullmatch(label) for label in left_out):
        advice = "; give the classes in the order of these numbers as `map_labels`"
    return spelled(f"{lead}: their label is none of the classes: {', '.join(parts)}{advice}")


def misspelt_line(counts: Mapping[str, int]) -> str:
    """A warning on classes that may be others misspelt: rare, no usual word, and spelled much like one of the others.

    Args:
        counts: how many images each class has, with labels that nobody said the classes of.
    """
    usual = LabelReader([next(iter(words)) for words in SYNONYMS])
    parts = []
    for name, count in counts.items():
        twin = LabelReader([other for other in counts if other != name]).nearest(name)
        if twin and count <= _RARE * counts[twin] and usual.class_of(name) is None:
            parts.append(f"{name} ({count:,}, nearest class: {twin}, {counts[twin]:,})")
    if not parts:
        return ""
    are = "is a class of its own" if len(parts) == 1 else "are classes of their own"
    return f"warning: {', '.join(parts)} {are}; `map_labels` says which class a label means"


def _left_out_label(label: str, count: int, reader: LabelReader) -> str:
    near = reader.nearest(label)
    return f"{label} ({count:,}{f', nearest class: {near}' if near else ''})"


def _plain(label: str) -> str:
    """A label in lower case, with single spaces between its words; a number without the digits of ``3.0``."""
    text = unicodedata.normalize("NFC", label.strip().lower())
    number = _NUMBER.fullmatch(text)
    return str(int(number[1])) if number else " ".join(re.split(r"[\s_-]+", text)).strip()


def _singulars(plain: str) -> Iterator[str]:
    yield plain
    if plain.endswith("s") and not plain.endswith("ss"):
        yield plain[:-1]


def _words_of(name: str) -> set[str]:
    plain = _plain(name)
    forms = set(_singulars(plain))
    return forms.union(*(words for words in SYNONYMS if not forms.isdisjoint(words)))


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each word with its class, those left away that stand for several."""
    found: dict[str, set[str]] = {}
    for word, name in pairs:
        found.setdefault(word, set()).add(name)
    return {word: next(iter(names)) for word, names in found.items() if len(names) == 1}
