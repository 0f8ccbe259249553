"""Numbers as people read them in messages."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """Return a number with three significant digits, thousands apart.

    Examples
    --------
    >>> number(52034.2), number(0.123456), number(1234567), number(3.2e-9), number(-2.0)
    ('52,000', '0.123', '1,234,567', '3.2e-09', '-2')
    """
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    if 1000 <= size < 1e12:  # noqa: PLR2004  # from here on digits are grouped; beyond, nobody reads them
        step = 10.0 ** (math.floor(math.log10(size)) - 2)
        return f"{round(value / step) * step:,.0f}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share as a percentage.

    Examples
    --------
    >>> percent(0.0312), percent(0.5), percent(0.00004), percent(1.0)
    ('3.12 %', '50.0 %', '0.00400 %', '100 %')
    """
    if not share:
        return "0 %"
    digits = f"{100 * share:#.3g}".removesuffix(".")
    return f"{digits} %"


def p_value_at(p_value: float, level: float) -> str:
    """Return a p-value beside its level.

    Examples
    --------
    >>> p_value_at(3.1e-40, 6.9e-6), p_value_at(0.0, 6.9e-6)
    ('p = 3e-40 at level 7e-06', 'p < 1e-300 at level 7e-06')
    """
    shown = f"p = {p_value:.1g}" if p_value > 0 else "p < 1e-300"
    return f"{shown} at level {level:.1g}"
