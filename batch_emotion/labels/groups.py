"""Which images belong together: the person, video or session of each, by a manifest's column or by the paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from batch_emotion.columns import find_column, lacks_column
from batch_emotion.errors import UsageError
from batch_emotion.labels.text import texts_of
from batch_emotion.labels.training import LabelledPlan
from batch_emotion.options.train import SplitOptions


@dataclass(frozen=True)
class Groups:
    """The group of each of N images, by name; an image without one is None and a group of its own."""

    names: list[str | None]

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """A number for each image, equal where the group is, (N,)."""
        known: dict[str, int] = {}
        return np.array(
            [
                len(self.names) + row if name is None else known.setdefault(name, len(known))
                for row, name in enumerate(self.names)
            ],
            np.int64,
        )

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(set(self.numbers.tolist()))

    @property
    def without(self) -> int:
        """How many images have no group."""
        return self.names.count(None)


def groups_of_images(data: LabelledPlan, options: SplitOptions) -> Groups | None:
    """The groups of images; None where none are asked for.

    Raises:
        UsageError: both ways of finding them are given, there is no such column or it has no text, the expression is
            none, or it is found in no path.
    """
    if options.group_column is not None and options.group_regex is not None:
        raise UsageError("`group_column` and `group_regex` both say what belongs together; give one of them")
    if options.group_column is not None:
        return _by_column(data, options.group_column)
    return None if options.group_regex is None else _by_path(data, options.group_regex)


def _by_column(data: LabelledPlan, column: str) -> Groups:
    there = data.plan.attributes.column_names
    if not there:
        raise UsageError(
            f"`group_column`: there is no column {column!r} of a manifest; "
            "the data are folders, which `group_regex` is for"
        )
    found = find_column(there, column)
    if found is None:
        raise UsageError(f"`group_column`: {lacks_column(['the manifest'], column, there)}")
    return Groups(texts_of(data.plan.attributes[found], found, "group_column").to_pylist())


def _by_path(data: LabelledPlan, expression: str) -> Groups:
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise UsageError(f"`group_regex`: {expression!r} is no regular expression: {error}") from None
    paths = data.plan.images["path"].to_pylist()
    found = [pattern.search(path) for path in paths]
    names = [(match[1] if pattern.groups else match[0]) or None if match else None for match in found]
    if not any(names):
        raise UsageError(f"`group_regex`: {expression!r} is found in no path, such as {paths[0]}")
    return Groups(names)
