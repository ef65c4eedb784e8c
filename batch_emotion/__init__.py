"""Batch facial emotion recognition: a folder of faces in, one row per image out.

All that a program needs is here, as ``__init__.pyi`` lists it; each name loads what it needs when it is first used::

    from pathlib import Path
    from batch_emotion import FaceOptions, PredictOptions, predict

    predict(PredictOptions(("photos",), Path("results.parquet"), faces=FaceOptions()))
"""

import lazy_loader

from batch_emotion._version import DEFAULT_MODEL, __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
