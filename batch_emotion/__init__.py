"""Batch facial emotion recognition: a folder of faces in, one row per image out.

The calls most programs need are here; each loads its heavy imports when it is first used::

    from batch_emotion import evaluate, load_bundle, predict, train
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from batch_emotion._version import DEFAULT_MODEL, __version__

if TYPE_CHECKING:
    from batch_emotion.commands.evaluate import EvaluateOptions, evaluate
    from batch_emotion.commands.explain import ExplainOptions, explain
    from batch_emotion.commands.predict import predict
    from batch_emotion.commands.report import ReportOptions, report
    from batch_emotion.commands.train import TrainOptions, train
    from batch_emotion.model.bundle import load_bundle
    from batch_emotion.records import FaceOptions
    from batch_emotion.runs.annotate import AnnotateOptions
    from batch_emotion.runs.checks import PredictOptions

__all__ = [
    "DEFAULT_MODEL",
    "AnnotateOptions",
    "EvaluateOptions",
    "ExplainOptions",
    "FaceOptions",
    "PredictOptions",
    "ReportOptions",
    "TrainOptions",
    "__version__",
    "evaluate",
    "explain",
    "load_bundle",
    "predict",
    "report",
    "train",
]

_HOMES = {
    "AnnotateOptions": "batch_emotion.runs.annotate",
    "FaceOptions": "batch_emotion.records",
    "EvaluateOptions": "batch_emotion.commands.evaluate",
    "evaluate": "batch_emotion.commands.evaluate",
    "ExplainOptions": "batch_emotion.commands.explain",
    "explain": "batch_emotion.commands.explain",
    "PredictOptions": "batch_emotion.runs.checks",
    "predict": "batch_emotion.commands.predict",
    "ReportOptions": "batch_emotion.commands.report",
    "report": "batch_emotion.commands.report",
    "TrainOptions": "batch_emotion.commands.train",
    "train": "batch_emotion.commands.train",
    "load_bundle": "batch_emotion.model.bundle",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import batch_emotion`` stays instant."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
