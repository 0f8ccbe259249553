"""What kind of value stands in a record, in words for messages."""

from __future__ import annotations

from typing import Final

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
