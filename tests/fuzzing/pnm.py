"""A PNM is words, then samples."""

from __future__ import annotations

import re
from random import Random

from tests.fuzzing.fields import edge, large_sides, sprinkle

_WORD = re.compile(rb"[^\s#]+|#[^\n]*\n|\s+")
_WORDS = (b"", b"0", b"-1", b"+5", b"1e3", b"0x10", b"3.5", b"9" * 20, b"1" * 5000, b"words", b"\xff", b"# ")
_SPACES = (b"", b"\0", b"\r\n", b"\t", b"\n\n", b"#\n", b"# " + b"words " * 2000 + b"\n", b" " * 5000)


def mutate(data: bytes, rng: Random) -> bytes:
    """A PNM with one word or space of its header changed, or of its samples."""
    words = [match.span() for match in _WORD.finditer(data, 0, 60)][:9]
    if rng.randrange(6) == 0 or len(words) < 2:
        return data[:20] + sprinkle(data[20:], rng)
    if rng.randrange(8) == 0:
        return data[:3] + b"%d %d\n" % large_sides(rng) + data[words[-1][1] :]
    start, end = rng.choice(words[1:])
    if data[start:end].strip():
        new = rng.choice((b"%d" % edge(rng, 4), b"%d" % rng.choice((1, 2, 254, 256, 1023, 65_535, 65_536)), *_WORDS))
    else:
        new = rng.choice(_SPACES)
    kind = data[:1] + b"%d" % rng.randrange(1, 8) if rng.randrange(8) == 0 else data[:2]
    return kind + data[2:start] + new + data[end:]
