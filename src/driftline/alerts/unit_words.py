"""A change of unit in the words of a title."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.numbers import percent

if TYPE_CHECKING:
    from driftline.events.finding import UnitChange

_PLAIN_UNITS: Final = {
    "tenths": ("tenths", "whole units"),
    "hundredths": ("cents", "euros"),
    "thousandths": ("milliseconds", "seconds"),
    "millionths": ("microseconds", "seconds"),
}
"""Decimal units by the first word of their conversion's name, with an example of each side."""


def unit_words(change: UnitChange) -> str:
    """Return a change of unit by factor, offset and the units that it would be.

    Examples
    --------
    >>> from driftline.events.finding import UnitChange
    >>> cents = "units -> hundredths, as euros to cents or a share to per cent"
    >>> unit_words(UnitChange(100.0, 0.0, cents, 0.01, 0.99, "shape"))
    'x 100 (cents instead of euros?)'
    >>> unit_words(UnitChange(1.8, 32.0, "degrees Celsius -> degrees Fahrenheit", 0.01, 0.99, "shape"))
    'x 1.8 + 32 (degrees Fahrenheit instead of degrees Celsius?)'
    >>> unit_words(UnitChange(100.0, 0.0, cents, 0.01, 0.99, "shape", part=0.34))
    '34 % of values x 100 (cents instead of euros?)'
    """
    parts = [f"x {change.factor:.4g}"] if change.factor != 1 else []
    if change.offset:
        parts.append(f"{'+' if change.offset > 0 else '-'} {abs(change.offset):.4g}")
    if change.part < 1:
        parts = [f"{percent(change.part)} of values", *parts]
    old, arrow, new = (change.conversion or "").partition(" -> ")
    if not arrow:
        return " ".join(parts)
    for name, (small, large) in _PLAIN_UNITS.items():
        if new.startswith(name):
            old, new = large, small
        elif old.startswith(name):
            old, new = small, large
    return f"{' '.join(parts)} ({new} instead of {old}?)"
