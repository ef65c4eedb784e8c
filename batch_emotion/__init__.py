"""Batch facial emotion recognition: a folder of faces in, one row per image out.

The calls most programs need are here; each loads its heavy imports when it is first used::

    from batch_emotion import evaluate, load_bundle, predict, train
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
DEFAULT_MODEL = "emotion-6"

if TYPE_CHECKING:
    from batch_emotion.commands.annotate import AnnotateOptions
    from batch_emotion.commands.evaluate import EvaluateOptions, evaluate
    from batch_emotion.commands.explain import ExplainOptions, explain
    from batch_emotion.commands.options import PredictOptions
    from batch_emotion.commands.predict import predict
    from batch_emotion.commands.report import ReportOptions, report
    from batch_emotion.commands.train import TrainOptions, train
    from batch_emotion.model.bundle import load_bundle
    from batch_emotion.records import FaceOptions

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
    "AnnotateOptions": "batch_emotion.commands.annotate",
    "FaceOptions": "batch_emotion.records",
    "EvaluateOptions": "batch_emotion.commands.evaluate",
    "evaluate": "batch_emotion.commands.evaluate",
    "ExplainOptions": "batch_emotion.commands.explain",
    "explain": "batch_emotion.commands.explain",
    "PredictOptions": "batch_emotion.commands.options",
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
