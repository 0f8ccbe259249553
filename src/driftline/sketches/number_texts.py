"""Numbers that are written as text, and truth values that are written as words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
"""Matches a number in decimal notation and nothing around it: no thousands separators, underscores or spaces."""
_CODE: Final = re.compile(r"[+-]?0[0-9]").match
NO_NUMBERS: Final = {
    "": MISSING,
    "nan": NOT_A_NUMBER,
    "inf": INFINITE,
    "+inf": INFINITE,
    "-inf": INFINITE,
    "infinity": INFINITE,
    "+infinity": INFINITE,
    "-infinity": INFINITE,
}
"""Quality codes of texts that stand among numbers, in lower case."""
_NUMBERS: Final = msgspec.json.Decoder(list[float])
_JSON_SPACES: Final = " \t\r\n"
TRUTH: Final = {
    **dict.fromkeys(("0", "false", "False", "FALSE"), 0),
    **dict.fromkeys(("1", "true", "True", "TRUE"), 1),
}
"""How producers write false and true as text."""


def numbers_in(texts: Sequence[str]) -> Sequence[float] | None:
    """Return the numbers that texts hold, or None where one of them holds none.

    Examples
    --------
    >>> numbers_in(["52000.00", "1e3", "007"]), numbers_in(["1,000"]), numbers_in(["1", " 2"])
    ([52000.0, 1000.0, 7.0], None, None)
    """
    joined = ",".join(texts)
    if not any(space in joined for space in _JSON_SPACES):
        try:
            numbers = _NUMBERS.decode(f"[{joined}]")  # JSON numbers are a subset, and decode three times as fast
        except (msgspec.DecodeError, UnicodeEncodeError):
            pass
        else:
            if len(numbers) == len(texts):
                return numbers
    return [*map(float, texts)] if all(map(NUMBER, texts)) else None


def looks_like_code(text: str) -> bool:
    """Return whether digits have a leading zero, as codes have and numbers do not.

    Examples
    --------
    >>> [looks_like_code(text) for text in ("02139", "0.5", "0", "10")]
    [True, False, False, False]
    """
    return _CODE(text) is not None
