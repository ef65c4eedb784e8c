"""The charts of a report, by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from batch_emotion.reporting.charts import MOST_PANELS, confidence_chart, groups_chart, mix_chart
from batch_emotion.visualization.charts import Kind, confusion_chart, reliability_chart
from batch_emotion.visualization.palette import Scheme

FIGURE_NAMES = ("class_mix", "confidence", "confusion_matrix", "reliability", "groups")


def report_figures(document: dict[str, Any], scheme: Scheme, kind: Kind = "png") -> dict[str, bytes]:
    """Draw those of ``FIGURE_NAMES`` that the document has numbers for.

    Args:
        document: of the report.
        scheme: light or dark.
        kind: of the files.
    """
    class_names = document["result"]["class_names"]
    figures: dict[str, bytes] = {}
    if document["scored"]:
        figures["class_mix"] = mix_chart(document["classes"], scheme, kind)
        figures["confidence"] = confidence_chart(document["classes"], document["histogram_edges"], scheme, kind)
    labels = document["labels"]
    if labels:
        if len(class_names) <= MOST_PANELS:
            figures["confusion_matrix"] = confusion_chart(
                np.array(labels["confusion_matrix"]), class_names, scheme, kind
            )
        figures["reliability"] = reliability_chart(labels["reliability"], scheme, kind)
    groups = document["groups"]
    if groups and len(class_names) <= MOST_PANELS and any(each["scored"] for each in groups["groups"]):
        figures["groups"] = groups_chart(groups, class_names, scheme, kind)
    return figures
