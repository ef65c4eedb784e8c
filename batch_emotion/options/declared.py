"""How an option is declared: as one field of a frozen dataclass, from which everything that knows options is made.

The command line, the environment, job files, the checks and the fingerprint of a run all walk these declarations::

    @dataclass(frozen=True)
    class Sizes:
        batch_size: int = option(256, "Images in a batch.", at_least=1)

    [leaf.key for leaf in leaves(Sizes)]  # ['batch_size']
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, field, fields
from keyword import iskeyword
from typing import Any, Literal

from batch_emotion.errors import UsageError

Effect = Literal["scores", "labels", "cut"]
"""What of a result an option changes: the probabilities, only what is made of them, or only the cut into shards."""

Notation = Literal["text", "texts", "place", "places", "names", "pairs", "shares", "duration", "size", "words"]
"""How a value is written that is not a number, a word or a local path: a path or URI, names or texts with commas,
``1h30m``, ``64x48``.

``pairs`` are ``label=class`` with commas, or names that stand for the numbers from 0.
``shares`` are ``class=share`` with commas, or the name of a mix; in Python also a dict.
``words`` and ``places`` are any number of words, or of paths and URIs.
"""

_KEY = "option"


@dataclass(frozen=True)
class Declaration:
    """What is declared of an option, or of a group of options that is switched on as a whole.

    Attributes:
        help: a sentence for ``--help``.
        flag: the long flag without its dashes; the field's name with hyphens where empty.
        short: a short flag, such as ``-q``.
        metavar: what stands for the value in help.
        argument: it is given by its place on the command line, not by a flag.
        written: how it is written as text.
        at_least, at_most: the smallest and the largest value.
        above: what the value must be greater than.
        effect: what of a result it changes; None is nothing.
        needs: what it goes with: flags, or conditions that ``runs/needs.py`` knows; one of them must hold.
        group: for a field that holds options of its own, their dataclass.
        heading: the heading in help of this option and those after it, or of a group.
    """

    help: str = ""
    flag: str = ""
    short: str = ""
    metavar: str | None = None
    argument: bool = False
    written: Notation | None = None
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    effect: Effect | None = None
    needs: tuple[str, ...] = ()
    group: type[Any] | None = None
    heading: str = ""


@dataclass(frozen=True)
class Leaf:
    """One option, found by walking a dataclass and its groups.

    Attributes:
        path: the names of the fields that lead to it.
        declaration: what is declared of it.
        annotation: the type of the field, as text.
        default: its value where it is not given; ``dataclasses.MISSING`` where it must be.
        heading: the heading it stands under in help.
        is_switch: it switches a group on, and is a boolean on the command line.
        owner: the dataclass that declares it.
    """

    path: tuple[str, ...]
    declaration: Declaration
    annotation: str
    default: Any
    heading: str
    is_switch: bool
    owner: type[Any]

    @property
    def flag(self) -> str:
        """The long flag, without dashes; also the key in a job file."""
        return self.declaration.flag or self.path[-1].replace("_", "-")

    @property
    def name(self) -> str:
        """What a Python program calls it, as messages have it in backquotes: ``max_drift``, or ``faces.min_size``."""
        return self.path[-1] if self.path[-1] == self.key else ".".join(self.path)

    @property
    def key(self) -> str:
        """The flag as an identifier: the name of the parameter, of the environment variable and in fingerprints."""
        name = self.flag.replace("-", "_")
        return f"{name}_" if iskeyword(name) else name


def option(default: Any = MISSING, help: str = "", *, needs: str | tuple[str, ...] = (), **declared: Any) -> Any:
    """A field that is an option; see ``Declaration`` for what can be declared of it."""
    needed = (needs,) if isinstance(needs, str) else needs
    return field(default=default, metadata={_KEY: Declaration(help, needs=needed, **declared)})


def group(options: type[Any], heading: str = "") -> Any:
    """A field that always holds the options of a dataclass."""
    return field(default_factory=options, metadata={_KEY: Declaration(group=options, heading=heading)})


def optional_group(options: type[Any], heading: str = "", flag: str = "", help: str = "") -> Any:
    """A field that holds the options of a dataclass, or None.

    Args:
        options: the dataclass.
        heading: of its options in help.
        flag: a boolean that switches it on; where empty, any of its options does.
        help: what the flag does.
    """
    return field(default=None, metadata={_KEY: Declaration(help, flag, group=options, heading=heading)})


def leaves(options: type[Any], heading: str = "", path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every option of a dataclass and of its groups, in the order of their declaration; a switch before its group."""
    for each in fields(options):
        declaration = declared(each)
        if declaration is None:
            continue
        heading = declaration.heading or heading
        here = (*path, each.name)
        if declaration.group is None or declaration.flag:
            is_switch = declaration.group is not None
            default = False if is_switch else each.default
            yield Leaf(here, declaration, str(each.type), default, heading, is_switch, options)
        if declaration.group is not None:
            yield from leaves(declaration.group, heading, here)


def declared(each: Field[Any]) -> Declaration | None:
    """What is declared of a field; None where it is no option."""
    return each.metadata.get(_KEY)


def values(options: Any) -> dict[str, Any]:
    """The value of every option by its key; those of a group that is None are None."""
    found = {}
    for leaf in leaves(type(options)):
        value = options
        for name in leaf.path:
            value = None if value is None else getattr(value, name)
        found[leaf.key] = value is not None if leaf.is_switch else value
    return found


def check_ranges(options: Any) -> None:
    """Refuse numbers outside of what is declared.

    Raises:
        UsageError: naming the option.
    """
    found = values(options)
    for leaf in leaves(type(options)):
        value = found[leaf.key]
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        least, most, above = leaf.declaration.at_least, leaf.declaration.at_most, leaf.declaration.above
        is_inside = (least is None or value >= least) and (most is None or value <= most)
        if not (math.isfinite(value) and is_inside and (above is None or value > above)):
            raise UsageError(f"`{leaf.name}` must be {_bounds(leaf.declaration)}, not {_number(value)}")


def _bounds(declaration: Declaration) -> str:
    least, most = declaration.at_least, declaration.at_most
    if declaration.above is not None:
        return f"a number above {_number(declaration.above)}"
    if least is not None and most is not None:
        return f"between {_number(least)} and {_number(most)}"
    return "a finite number" if least is None else f"at least {_number(least)}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
