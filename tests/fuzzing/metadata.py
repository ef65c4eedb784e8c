"""Changes to what is said about an image beside its pixels."""

from __future__ import annotations

import zlib
from random import Random

from tests.fuzzing.fields import sprinkle

BOMB = zlib.compress(bytes(64 * 2**20), 9)
"""64 KB that are 64 MB when they are unpacked."""

_LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n + 1, b"&l%d;" % n * 10) for n in range(9))
_BILLION_LAUGHS = b'<!DOCTYPE x [<!ENTITY l0 "laugh">%s]>' % _LAUGHS


def mutate_xmp(body: bytes, rng: Random) -> bytes:
    """An XMP packet that says another orientation, or holds what XML parsers choke on."""
    kind = rng.randrange(6)
    if kind == 0:
        value = rng.choice((b"0", b"9", b"-1", b"6.0", b" 8 ", b"", b"1" * 5000, b"&l9;", "\u0663".encode(), b"\xff"))
        return body.replace(b'Orientation="6"', b'Orientation="%s"' % value)
    if kind == 1:
        return body.replace(b"<x:xmpmeta", _BILLION_LAUGHS + b"<x:xmpmeta").replace(b'"6"', b'"&l9;"')
    if kind == 2:
        return body.replace(b"<rdf:RDF", b"<a>" * 20_000 + b"<rdf:RDF")
    if kind == 3:
        return body.replace(b' tiff:Orientation="6"/>', b"><tiff:Orientation>5</tiff:Orientation></rdf:Description>")
    if kind == 4:
        return body.decode("latin1").encode(rng.choice(("utf-16", "utf-32", "utf-8")))
    return sprinkle(body, rng)
