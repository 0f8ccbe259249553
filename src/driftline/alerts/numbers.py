"""Two numbers side by side, rounded to what differs between them."""

from __future__ import annotations

import math
from typing import Final

_PLAIN: Final = (1e-4, 1e15)
"""Numbers between these are written out."""
_OF_BYTES: Final = ((1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB"))
_UNITS: Final = {"_ms": " ms", "_seconds": " s", "_s": " s"}
_WIDE, _NARROW = 0.20, 0.01
"""Fractions that differ by as much are shown in whole percent, and with one digit after the point."""


def pair(before: float, after: float) -> str:
    """Return two numbers with an arrow: three digits of the larger, but two after the point, and two of what differs.

    Examples
    --------
    >>> pair(52034.2, 70211.0), pair(0.0391, 0.9873), pair(1020.31, 1020.94), pair(7.1, 2.4)
    ('52,000 → 70,200', '0.04 → 0.99', '1,020.31 → 1,020.94', '7.1 → 2.4')
    >>> pair(3e-9, 4e-9), pair(5.0, 5.0), pair(math.nan, 1.0), pair(-0.001, 0.81)
    ('3e-09 → 4e-09', '5 → 5', 'nan → 1', '0 → 0.81')
    """
    top, apart = max(abs(before), abs(after)), abs(after - before)
    if not math.isfinite(top) or not (top == 0 or _PLAIN[0] <= top < _PLAIN[1]):
        return f"{before:.3g} → {after:.3g}"
    exponent = math.floor(math.log10(top)) - 2 if top else 0
    if apart:
        exponent = min(max(exponent, -2), math.floor(math.log10(apart)) - 1)
    return " → ".join(_stripped([_rounded(value, exponent) for value in (before, after)]))


def number(value: float) -> str:
    """Return one number with three digits.

    Examples
    --------
    >>> number(70211.0), number(0.12345), number(100.0)
    ('70,200', '0.123', '100')
    """
    return pair(value, value).split(" → ", 1)[0]


def percents(before: float, after: float, *, least_digits: int = 0) -> str:
    """Return two fractions in percent with an arrow; ``least_digits`` are those after the point where they differ much.

    Examples
    --------
    >>> percents(0.7851, 0.5562, least_digits=1)
    '78.5 % → 55.6 %'
    >>> percents(0.9141, 0.7568), percents(0.0312, 0.4321), percents(0.0, 0.004), percents(0.0102, 0.0131)
    ('91.4 % → 75.7 %', '3 % → 43 %', '0 % → 0.40 %', '1.02 % → 1.31 %')
    """
    apart = abs(after - before)
    if apart >= _NARROW or not apart:
        digits = least_digits if apart >= _WIDE or not apart else 1
    else:
        digits = 1 - math.floor(math.log10(100 * apart))
    shown = [f"{100 * value:.{digits}f}" if value else "0" for value in (before, after)]
    if all(text.endswith(".0") or text == "0" for text in shown):
        shown = [text.removesuffix(".0") for text in shown]
    return " → ".join(f"{text} %" for text in shown)


def percent(share: float) -> str:
    """Return a fraction in percent with two digits, or in whole percent.

    Examples
    --------
    >>> percent(0.1034), percent(0.0312), percent(1.0), percent(0.0), percent(0.00004)
    ('10 %', '3.1 %', '100 %', '0 %', '0.0040 %')
    """
    if not share:
        return "0 %"
    digits = max(0, 1 - math.floor(math.log10(100 * share)))
    return f"{100 * share:.{digits}f} %"


def unit_of(name: str, greatest: float) -> tuple[float, str]:
    """Return what to divide a quantity by, and its unit with a space before it, by the ending of its name.

    Examples
    --------
    >>> unit_of("memory_bytes", 2.4e9), unit_of("memory_bytes", 512), unit_of("cpu_ms", 80), unit_of("tokens", 3)
    ((1000000000.0, ' GB'), (1.0, ' B'), (1.0, ' ms'), (1.0, ''))
    """
    if name.endswith("_bytes"):
        return next(((scale, unit) for scale, unit in _OF_BYTES if greatest >= scale), (1.0, " B"))
    return 1.0, next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")


def _rounded(value: float, exponent: int) -> str:
    step = 10.0**exponent
    text = f"{round(value / step) * step:,.{max(0, -exponent)}f}"
    return text.removeprefix("-") if not float(text.replace(",", "")) else text


def _stripped(texts: list[str]) -> list[str]:
    """Return numbers without the zeros after the point that both have; nothing but zeros is one."""
    while all("." in text and text.endswith("0") for text in texts):
        texts = [text[:-1] for text in texts]
    return ["0" if not text.strip("0.") else text.removesuffix(".") for text in texts]
