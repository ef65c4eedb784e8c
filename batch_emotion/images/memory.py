"""How much memory images take while they are decoded, over all threads of the process.

Small images are decoded beside each other; where images are so large that the threads would take too much together,
some wait for others.
"""

from __future__ import annotations

from threading import local

from batch_emotion.cores import available_cores
from batch_emotion.images.facts import ImageFacts
from batch_emotion.storage.budget import ByteBudget

MOST_BYTES_OF_A_PIXEL = 36
"""What decoding may take for each pixel of the limit: enough for 16 bits a sample with transparency."""

_UNCOUNTED = 4 * 2**20
"""What each thread may take without asking: most images take less, and asking takes time."""

_BUDGET = ByteBudget(max(2**30, available_cores() * 256 * 2**20))
_LEAN = frozenset(("JPEG", "PNG", "WebP"))
"""Formats of which no library holds a copy of the samples beside ours."""


class OneImage:
    """The block in which a thread decodes and uses one image: the memory reserved in it is given back at its end."""

    def __enter__(self) -> None:
        _THREAD.has_image = True

    def __exit__(self, *error: object) -> None:
        held, _THREAD.held, _THREAD.has_image = _THREAD.held, 0, False
        if held:
            _BUDGET.give_back(held)


class _Thread(local):
    has_image, held = False, 0


_THREAD = _Thread()


def decoding_bytes(facts: ImageFacts, divided_by: int = 1) -> int:
    """About the most that decoding takes: the samples in the library, put in order and made 8 bits, and the pixels.

    What the file itself takes is not in it, nor is anything small.

    Args:
        facts: what the image is.
        divided_by: by what each side of a JPEG is divided as it is decoded.
    """
    width, height = facts.size
    pixels = width * height
    channels = 4 if facts.alpha else 1 if facts.gray else 3
    sample = 8 if facts.bits > 32 else 4 if facts.bits > 16 else 2 if facts.bits > 8 else 1
    if facts.format in _LEAN:
        coefficients = 8 if facts.is_buffered else 0
        return pixels * coefficients + pixels * (2 * channels * sample + 4) // divided_by**2
    working = 4 * channels if facts.format == "JPEG 2000" else 0
    return pixels * (3 * channels * sample + working + 6)


def reserve(size: int) -> None:
    """Wait until the image at hand may take so many bytes; once for each, and outside a block it waits for nothing."""
    if size > _UNCOUNTED and _THREAD.has_image and not _THREAD.held:
        _BUDGET.take(size)
        _THREAD.held = size
