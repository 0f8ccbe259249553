"""Ranges of detector parameters: each is validated when the parameters are made, never at the first event."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from driftline.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Struct

Mode = Literal["up", "down", "both"]
"""Which changes of the mean a detector reports."""


class ParameterRange(NamedTuple):
    """The values that a parameter may have.

    Attributes
    ----------
    words : str
        What an error message says was expected.
    contains : callable
        Whether a value lies in the range; false for not-a-number.
    """

    words: str
    contains: Callable[[Any], bool]


POSITIVE: Final = ParameterRange("a number greater than 0", lambda value: 0 < value < math.inf)
NOT_NEGATIVE: Final = ParameterRange("a number of at least 0", lambda value: 0 <= value < math.inf)
FINITE: Final = ParameterRange("a finite number", math.isfinite)
PROBABILITY: Final = ParameterRange("a number in (0, 1)", lambda value: 0 < value < 1)
WEIGHT: Final = ParameterRange("a number in (0, 1]", lambda value: 0 < value <= 1)
MODE: Final = ParameterRange("up, down or both", lambda value: value in {"up", "down", "both"})


def whole(least: int, most: float = math.inf) -> ParameterRange:
    """Return the range of whole numbers from `least` to `most`.

    Examples
    --------
    >>> whole(1).words, whole(2, 200).words
    ('a whole number of at least 1', 'a whole number in [2, 200]')
    """
    words = f"of at least {least}" if most == math.inf else f"in [{least}, {most}]"
    return ParameterRange(f"a whole number {words}", lambda value: least <= value <= most)


def check(parameters: Struct, **ranges: ParameterRange) -> None:
    """Raise for the first parameter outside its range; None, where a parameter was left out, is in every range.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """
    for name, allowed in ranges.items():
        value = getattr(parameters, name)
        if value is not None and not allowed.contains(value):
            raise ParameterError(allowed.words, value, f"$.{name}")


def reports_rise(mode: Mode, up: float, down: float) -> bool:
    """Whether a detector of a mode looks at its rising side: the only one it reports, or the one further out."""
    return mode == "up" or (mode == "both" and up >= down)
