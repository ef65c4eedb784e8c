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

UNCOUNTED_PIXELS = 2**17
"""Images of no more pixels are decoded without asking: most have fewer, and asking takes time."""

_BUDGET = ByteBudget(max(2**30, available_cores() * 256 * 2**20))
"""What all may take together; an image that needs more is decoded alone."""

_LEAN = frozenset(("JPEG", "PNG", "WebP"))
"""Formats of which no library holds a copy of the samples beside ours."""


class Counted:
    """The block in which a thread decodes images one by one, and calls ``release`` when it is done with each."""

    def __enter__(self) -> None:
        _THREAD.is_counted = True

    def __exit__(self, *error: object) -> None:
        release()
        _THREAD.is_counted = False


class _Thread(local):
    is_counted, held = False, 0


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
    """Wait until decoding an image may take so many bytes; outside a block it waits for nothing."""
    if _THREAD.is_counted:
        release()
        _BUDGET.take(size)
        _THREAD.held = size


def release() -> None:
    """Give back what this thread's image took."""
    held = _THREAD.held
    if held:
        _THREAD.held = 0
        _BUDGET.give_back(held)
