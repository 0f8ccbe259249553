"""Numbers that are written as text, and truth values that are written as words."""

from __future__ import annotations

import re
from typing import Final

from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER

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
TRUTH: Final = {
    **dict.fromkeys(("0", "false", "False", "FALSE"), 0),
    **dict.fromkeys(("1", "true", "True", "TRUE"), 1),
}
"""How producers write false and true as text."""


def looks_like_code(text: str) -> bool:
    """Return whether digits have a leading zero, as codes have and numbers do not.

    Examples
    --------
    >>> [looks_like_code(text) for text in ("02139", "0.5", "0", "10")]
    [True, False, False, False]
    """
    return _CODE(text) is not None
