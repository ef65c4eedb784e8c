"""Options on labels: where they are, and which class each of them means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from batch_emotion.frames import GivenTable

if TYPE_CHECKING:
    from batch_emotion.storage.places import Place

LABEL = "label"
"""The column of labels where no other is named."""

ALARM = "LEFT OUT"
"""How the line on labels that are none of the classes begins, which is said whoever asks for quiet."""

LabelMap = Mapping[str | int, str]
"""Classes by the labels or numbers that mean them; ``dict(enumerate(names))`` tells the order of numbers."""

LABEL_COLUMN_HELP = "The column of labels; default: label."
MAP_LABELS_HELP = (
    "Which class a label means, as in contempt=disgust,3=happy; or the classes in the order of their numbers, from 0. "
    "Usual words, such as anger, Happiness or surprised, are known."
)


class LabelSource(Protocol):
    """Where the labels of a result are, as the options of ``report`` and ``evaluate`` both say it."""

    @property
    def labels(self) -> str | GivenTable | None:
        """A manifest or table of labels, ``folders`` or ``none``; the result's column or folders where None."""
        ...

    @property
    def label_column(self) -> str | None:
        """The column of labels, of that manifest or of the result; ``label`` where None."""
        ...

    @property
    def path_column(self) -> str:
        """That manifest's column of paths."""
        ...

    @property
    def root(self) -> Place | None:
        """Where relative paths of the result start; the working directory where None."""
        ...

    @property
    def image_column(self) -> str | None:
        """Of tables of images that the result is of; found where None."""
        ...

    @property
    def encoding(self) -> str | None:
        """Of a CSV manifest; found from its bytes where None."""
        ...

    @property
    def delimiter(self) -> str | None:
        """Of a CSV manifest; found from its header where None."""
        ...
