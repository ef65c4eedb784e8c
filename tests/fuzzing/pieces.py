"""A file as a row of pieces, each with a kind and a body, and what can be done to such a row in any format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from tests.fuzzing.fields import Order, change_field, cut, edge, large_sides, put, sprinkle

_MOST_BYTES = 2**18
"""How large repeating may make a file."""


@dataclass(frozen=True)
class Piece:
    """A chunk, segment, box or block.

    Attributes:
        kind: its type or marker; empty where it has none, and then no length either.
        body: what is in it.
        length: what its length field says, where that is not true.
        is_sound: its checksum, where it has one, is right.
    """

    kind: bytes
    body: bytes
    length: int | None = None
    is_sound: bool = True

    @property
    def stated(self) -> int:
        """What its length field says."""
        return len(self.body) if self.length is None else self.length


@dataclass(frozen=True)
class Layout:
    """How a format is made of pieces.

    Attributes:
        split: a good file to its pieces.
        join: pieces to a file.
        order: of the bytes in its numbers.
        length_bytes: how long its length fields are.
        inner: of kinds whose bodies have a structure of their own, a change of it.
        sides: (place, bytes) of the width and of the height, where they are always there.
        fields: those of other numbers that decide what the image is.
        strangers: what may turn up among the pieces and is in no sample.
    """

    split: Callable[[bytes], list[Piece]]
    join: Callable[[Sequence[Piece]], bytes]
    order: Order
    length_bytes: int = 4
    inner: Mapping[bytes, Callable[[bytes, Random], bytes]] = field(default_factory=dict)
    sides: tuple[tuple[int, int], ...] = ()
    fields: tuple[tuple[int, int], ...] = ()
    strangers: Callable[[Random], Piece] | None = None

    def mutate(self, data: bytes, other: bytes, rng: Random) -> bytes:
        """A good file with one change to its structure; ``other`` is another file of the format."""
        if self.sides and rng.randrange(4) == 0:
            return self.join(self.split(self._with_header(data, rng)))
        return self.join(self.changed(self.split(data), self.split(other), rng))

    def changed(self, pieces: list[Piece], others: list[Piece], rng: Random) -> list[Piece]:
        """One change: to one piece, or to their row."""
        if not pieces:
            return others
        at = rng.randrange(len(pieces))
        piece = pieces[at]
        kind = rng.randrange(16)
        if kind == 0:
            return pieces[:at] + pieces[at + 1 :]
        if kind == 1:
            return pieces[:at] + self._repeated(pieces[at : at + rng.choice((1, 1, 2, 3))], rng) + pieces[at + 1 :]
        if kind == 2:
            rest = pieces[:at] + pieces[at + 1 :]
            to = rng.randrange(len(rest) + 1)
            return [*rest[:to], piece, *rest[to:]]
        if kind == 3 and others:
            return [*pieces[:at], rng.choice(others), *pieces[at + rng.randrange(2) :]]
        if kind in (4, 5) and self.strangers is not None:
            return [*pieces[:at], self.strangers(rng), *pieces[at:]]
        return [*pieces[:at], self._altered(piece, pieces, rng), *pieces[at + 1 :]]

    def _with_header(self, data: bytes, rng: Random) -> bytes:
        if rng.randrange(4) == 0:
            for (at, width), side in zip(self.sides, large_sides(rng), strict=True):
                data = put(data, at, side, width, self.order)
            return data
        at, width = rng.choice((*self.sides, *self.fields))
        return put(data, at, edge(rng, width), width, self.order)

    def _repeated(self, pieces: list[Piece], rng: Random) -> list[Piece]:
        size = sum(len(piece.body) + 12 for piece in pieces)
        return pieces * max(1, min(rng.choice((2, 2, 3, 20, 500, 5000)), _MOST_BYTES // size))

    def _altered(self, piece: Piece, pieces: list[Piece], rng: Random) -> Piece:
        if piece.kind in self.inner and rng.randrange(2):
            return replace(piece, body=self.inner[piece.kind](piece.body, rng))
        kind = rng.randrange(10)
        if kind == 0:
            return replace(piece, body=cut(piece.body, rng))
        if kind == 1:
            return replace(piece, body=piece.body + rng.choice((bytes(1), bytes(1000), rng.randbytes(9), piece.body)))
        if kind == 2 and piece.kind:
            near = len(piece.body) + rng.choice((-1, 1, 4, -4))
            return replace(piece, length=rng.choice((near, edge(rng, self.length_bytes))) % 256**self.length_bytes)
        if kind == 3 and piece.kind:
            return replace(piece, kind=rng.choice(pieces).kind or piece.kind)
        if kind == 4:
            return replace(piece, is_sound=False)
        if kind == 5:
            return replace(piece, body=sprinkle(piece.body, rng))
        return replace(piece, body=change_field(piece.body, rng, self.order))
