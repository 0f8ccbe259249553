"""What kind of value stands in a record, in words for messages; and whole numbers of any length."""

from __future__ import annotations

import math
from typing import Final

MAX_DIGITS: Final = 4_300
"""Of a whole number that Python reads from text."""
_WORDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a fraction",
    str: "a text",
    list: "a list",
    dict: "an object",
    bytes: "bytes",
}


def name_of(value: object) -> str:
    """Return what a value is.

    Examples
    --------
    >>> name_of([1]), name_of(None)
    ('a list', 'null')
    """
    return _WORDS.get(type(value), f"a {type(value).__name__}")


def whole_number(digits: str) -> float:
    """Return the whole number that stands in JSON; infinite where it has more digits than Python reads.

    Examples
    --------
    >>> whole_number("-17"), whole_number("-" + "1" * 5_000)
    (-17, -inf)
    """
    return int(digits) if len(digits) <= MAX_DIGITS else math.copysign(math.inf, float(digits[:1] + "1"))
