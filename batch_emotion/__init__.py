"""Batch facial emotion recognition: a folder of faces in, one row per image out.

All that a program needs is here, as ``__init__.pyi`` lists it; each name loads what it needs when it is first used::

    from batch_emotion import predict

    result = predict("photos", faces=True)
    result.to_pandas()

The functions are ``predict``, ``report``, ``review``, ``evaluate``, ``explain``, ``train``, ``load_bundle``,
``export``, ``merge``, ``sample`` and ``record_evaluation``. Each takes keywords; those with as many options as a
command also take an options class, such as ``PredictOptions``, that holds all of them. The examples in their help are
about the faces that ``sample("faces", count=8)`` draws.
"""

import lazy_loader

from batch_emotion._version import DEFAULT_MODEL, __version__

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


class _Listed(str):
    """A name for ``dir``, which sorts what it is given: the functions, in lower case, come before the classes."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return self.swapcase() < other.swapcase()


def __dir__() -> list[str]:
    return [_Listed(name) for name in __all__]
