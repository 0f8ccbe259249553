"""Durations as people write them (``10s``, ``1h``, ``30d``), kept as whole milliseconds."""

from __future__ import annotations

import re
from typing import Final

from driftline.errors import ParameterError

UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
MAX_MS: Final = 36_500 * UNITS_MS["d"]
"""A century; sums and differences of event times and durations then stay far inside 64 bits."""
_PATTERN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")


class Duration(int):
    """A length of time in whole milliseconds; prints as the largest unit that divides it.

    Examples
    --------
    >>> Duration.parse("90s") + 0
    90000
    >>> str(Duration(7_200_000))
    '2h'
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, at: str = "$") -> Duration:
        """Read ``<number><unit>`` with a unit of ms, s, m, h, d or w.

        Raises
        ------
        ParameterError
            When the text is not a duration or not a whole number of milliseconds.
        """
        match = _PATTERN.fullmatch(text)
        expected = "a duration such as `10s`, `5m`, `1h` or `30d`"
        if match is None:
            raise ParameterError(expected, text, at)
        milliseconds = float(match[1]) * UNITS_MS[match[2]]
        if milliseconds > MAX_MS:
            raise ParameterError(f"{expected}, up to {cls(MAX_MS)}", text, at)
        if milliseconds != int(milliseconds):
            raise ParameterError(f"{expected}, in whole milliseconds", text, at)
        return cls(int(milliseconds))

    def __str__(self) -> str:
        for unit in ("w", "d", "h", "m", "s"):
            if self and self % UNITS_MS[unit] == 0:
                return f"{self // UNITS_MS[unit]}{unit}"
        return f"{int(self)}ms"

    def __repr__(self) -> str:
        return f"Duration('{self}')"
