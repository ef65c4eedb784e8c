"""Images by the values of a column: in groups that are scored apart, or in clusters that are resampled as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.columns import lacks_column
from batch_emotion.errors import UsageError
from batch_emotion.evaluation.gathered import Gathered
from batch_emotion.labels.text import texts_of
from batch_emotion.metrics.groups import GroupedImages, GroupedScores, group_scores
from batch_emotion.records import SCORABLE, Status

MOST_VALUES = 1_000
FEW_CLUSTERS = 10
"""With fewer, resampled clusters are too much alike for their spread to be believed."""


def check_columns(columns: pa.Table, tables: Sequence[str], group_by: Sequence[str], cluster: str | None) -> None:
    """Refuse columns that are not there, or whose values group nothing.

    Args:
        columns: those of the manifest or result, and of a manifest with its labels.
        tables: what these are called.
        group_by: columns whose values are measured apart.
        cluster: a column whose values are resampled.

    Raises:
        UsageError: a column is not there, has no text, or has too many different values to be measured apart.
    """
    for option, column in [*(("group_by", name) for name in group_by), ("cluster", cluster)]:
        if column is not None and column not in columns.column_names:
            if not columns.column_names:
                advice = "give a manifest, or a result that carries columns"
                raise UsageError(f"`{option}`: {tables[0]} has no column {column!r}; {advice}")
            raise UsageError(f"`{option}`: {lacks_column(tables, column, columns.column_names)}")
        if column is not None:
            _check_values(columns[column], column, option)


def _check_values(values: pa.ChunkedArray, column: str, option: str) -> None:
    texts = texts_of(values, column, option)
    count = pc.count_distinct(texts, mode="all").as_py()
    if option == "group_by" and count > MOST_VALUES:
        raise UsageError(
            f"`group_by`: the column {column!r} has {count:,} different values, more than {MOST_VALUES:,}; "
            "name one such as a labeller or a camera"
        )


def cluster_numbers(gathered: Gathered, column: str | None) -> NDArray[np.intp] | None:
    """The number of each image's cluster, intp (N,); an image without a value is a cluster of its own."""
    if column is None:
        return None
    texts = texts_of(gathered.columns[column], column, "cluster")
    indices = pc.fill_null(texts.dictionary_encode().indices, -1)
    codes: NDArray[np.intp] = indices.to_numpy(zero_copy_only=False).astype(np.intp)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    return codes


def few_clusters_remark(column: str | None, clusters: int | None) -> str:
    """What to think of intervals over so few clusters; empty where there are enough, or images are resampled.

    Args:
        column: whose values are resampled.
        clusters: how many of them there are.
    """
    if clusters is None or clusters >= FEW_CLUSTERS:
        return ""
    if clusters < 2:
        return f"there are no intervals, for all judged images have the same {column}"
    return f"the intervals say little, for they rest on {clusters} values of {column} alone"


def scores_by_column(
    gathered: Gathered, column: str, clusters: NDArray[np.intp] | None, seed: int = 0
) -> GroupedScores:
    """The scores of the images of each value of a column, without those that are known to be in the training data.

    Args:
        gathered: the images.
        column: of their manifest or result.
        clusters: the number of each image's cluster, which are resampled; images are where None.
        seed: random seed of the resampling.
    """
    encoded = texts_of(gathered.columns[column], column, "group_by").dictionary_encode(null_encoding="encode")
    values = encoded.dictionary.to_pylist()
    statuses = pa.array(gathered.statuses)
    known = None if gathered.in_training is None else gathered.judged & gathered.in_training
    judged = gathered.judged if known is None else gathered.judged & ~known
    images = GroupedImages(
        values,
        encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp),
        np.where(judged, gathered.classes, -1),
        gathered.predicted,
        gathered.probabilities.max(axis=1).astype(np.float64),
        ~pc.is_in(statuses, pa.array([status.value for status in SCORABLE])).to_numpy(zero_copy_only=False),
        pc.equal(statuses, Status.NO_FACE.value).to_numpy(zero_copy_only=False),
        clusters=clusters,
        in_training=known,
    )
    return group_scores(images, column, len(gathered.class_names), seed=seed)
