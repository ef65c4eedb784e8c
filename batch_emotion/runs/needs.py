"""Whether options make sense by their declarations: their ranges, and what they need to have an effect."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from batch_emotion.errors import UsageError
from batch_emotion.frames import GivenTable
from batch_emotion.options.declared import Leaf, check_ranges, leaves, values
from batch_emotion.options.evaluate import EvaluateOptions
from batch_emotion.options.explain import ExplainOptions
from batch_emotion.options.merge import MergeOptions
from batch_emotion.options.predict import PredictOptions
from batch_emotion.options.report import ReportOptions
from batch_emotion.options.review import ReviewOptions
from batch_emotion.options.train import TrainOptions
from batch_emotion.results.writer import output_kind
from batch_emotion.sources.planning import is_manifest

Condition = tuple[str, Callable[[Any], bool]]
"""What an option may need beside other options: in words, and how it is found out."""

_MANIFEST = "a manifest (.csv, .tsv, .parquet or .arrow) as the source"
_CSV: Condition = (
    "an output that ends in .csv or .tsv",
    lambda o: o.out is not None and output_kind(o.out) == "csv",
)
_OF_LABELS: Mapping[str, Condition] = {
    "manifest": ("a manifest as `labels`", lambda o: _is_file_of_labels(o.labels)),
    "labels": ("`labels` other than none", lambda o: not isinstance(o.labels, str) or o.labels != "none"),
}

CONDITIONS: Mapping[type[Any], Mapping[str, Condition]] = {
    PredictOptions: {
        "manifest": (
            _MANIFEST,
            lambda o: o.source.given is not None or any(is_manifest(source, o.source) for source in o.sources),
        ),
        "csv": _CSV,
        "list": ("a list on standard input (the source -)", lambda o: "-" in o.sources),
        "ray": ("`engine.name` ray", lambda o: o.engine.name == "ray"),
        "local": ("`engine.name` local", lambda o: o.engine.name == "local"),
    },
    MergeOptions: {"csv": _CSV},
    ExplainOptions: {"manifest": (_MANIFEST, lambda o: o.given is not None or any(map(is_manifest, o.sources)))},
    TrainOptions: {
        "manifest": ("a manifest or table as the data", lambda o: _is_table(o.data) or _is_table(o.validation)),
    },
    EvaluateOptions: {
        "images": ("images to score, not a result of predict", lambda o: not _is_result(o.data)),
        "result": ("a result of predict as the data", lambda o: _is_result(o.data)),
        "manifest": (
            "a manifest as the data or as `labels`",
            lambda o: _is_file_of_labels(o.labels) or (_is_table(o.data) and not _is_result(o.data)),
        ),
    },
    ReportOptions: _OF_LABELS,
    ReviewOptions: _OF_LABELS,
}
"""The conditions that the options of each command may need."""


def check_asked(options: Any, given: Collection[str] | None = None) -> None:
    """Refuse numbers out of range, and options that have no effect without others.

    Args:
        options: all options of a command.
        given: the keys of those that were asked for; those that are not at their default where None.

    Raises:
        UsageError: naming the option, and what it goes with.
    """
    check_ranges(options)
    check_needs(options, changed_keys(options) if given is None else given)


def check_needs(options: Any, given: Collection[str]) -> None:
    """Refuse options that have no effect without others.

    Args:
        options: all of them.
        given: the keys of those that were asked for.

    Raises:
        UsageError: naming the option and what it goes with.
    """
    by_flag = {leaf.flag: leaf for leaf in leaves(type(options))}
    switches = {leaf.path: leaf for leaf in by_flag.values() if leaf.is_switch}
    conditions = next((each for kind, each in CONDITIONS.items() if isinstance(options, kind)), {})
    found = values(options)

    def holds(need: str) -> bool:
        value = conditions[need][1](options) if need in conditions else found[by_flag[need].key]
        return value is not None and value is not False and value != ()

    for leaf in by_flag.values():
        if leaf.key not in given:
            continue
        switch = switches.get(leaf.path[:-1])
        declared = [need for need in leaf.declaration.needs if need in conditions or need in by_flag]
        needs = [switch.flag] if switch and not (found[switch.key] and declared) else declared
        if needs and not any(map(holds, needs)):
            named = [conditions[need][0] if need in conditions else f"`{by_flag[need].name}`" for need in needs]
            raise UsageError(f"`{leaf.name}` goes with {' or '.join(named)}; give that too")


def changed_keys(options: Any) -> frozenset[str]:
    """The keys of the options that are not at their default."""
    found = values(options)

    def is_changed(leaf: Leaf) -> bool:
        return found[leaf.key] is not None and found[leaf.key] != leaf.default

    return frozenset(leaf.key for leaf in leaves(type(options)) if is_changed(leaf))


def _is_table(data: Path | GivenTable | None) -> bool:
    return isinstance(data, GivenTable) or (data is not None and not data.is_dir())


def _is_file_of_labels(labels: str | GivenTable | None) -> bool:
    return labels is not None and labels not in ("folders", "none")


def _is_result(data: Path | GivenTable) -> bool:
    from batch_emotion.evaluation.gathering import find_result  # what most commands do without

    return find_result(data) is not None
