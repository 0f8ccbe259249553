"""Units that get mixed up: by which factor and offset the same quantity differs in them.

Source: NIST Special Publication 811 (2008), Guide for the Use of the International System of Units, appendix B.8 and
tables 5, 6 and B.1 (decimal prefixes, minute, hour, day, degree); "hundreds" and "thousands" stand for cents, per cent,
milliseconds and the like, where the factor alone is known. Left out are factors that growth explains as well, such as
kilowatts to horsepower (1.34): incomes that grew by a third are no change of unit.
"""

from __future__ import annotations

from typing import Final, NamedTuple

GROWTH: Final = 3.0
"""Up to this factor, either way, growth or a shift explains a change as well as another unit does."""


class Conversion(NamedTuple):
    """A change of unit: new = factor × old + offset."""

    old: str
    new: str
    """Names of the units."""
    factor: float
    offset: float = 0.0

    @property
    def inverse(self) -> Conversion:
        """The change back."""
        return Conversion(self.new, self.old, 1 / self.factor, -self.offset / self.factor)

    def __str__(self) -> str:
        """Return it as messages name it."""
        return f"{self.old} -> {self.new}"


_ONE_WAY: Final = (
    Conversion("metres", "feet", 1 / 0.3048),
    Conversion("inches", "centimetres", 2.54),
    Conversion("feet", "inches", 12.0),
    Conversion("metres", "inches", 1 / 0.0254),
    Conversion("miles", "kilometres", 1.609344),
    Conversion("nautical miles", "kilometres", 1.852),
    Conversion("m/s", "km/h", 3.6),
    Conversion("m/s", "miles per hour", 1 / 0.44704),
    Conversion("kilograms", "pounds", 1 / 0.45359237),
    Conversion("ounces", "grams", 28.349523125),
    Conversion("US gallons", "litres", 3.785411784),
    Conversion("square metres", "square feet", 1 / 0.09290304),
    Conversion("acres", "hectares", 0.40468564224),
    Conversion("psi", "kilopascals", 6.894757293168),
    Conversion("kilocalories", "kilojoules", 4.184),
    Conversion("degrees", "radians", 0.017453292519943295),
    Conversion("minutes", "seconds", 60.0),
    Conversion("hours", "seconds", 3_600.0),
    Conversion("days", "hours", 24.0),
    Conversion("days", "seconds", 86_400.0),
    Conversion("units", "tenths", 10.0),
    Conversion("units", "hundredths, as euros to cents or a share to per cent", 100.0),
    Conversion("units", "thousandths, as seconds to milliseconds", 1_000.0),
    Conversion("units", "millionths, as seconds to microseconds", 1_000_000.0),
    Conversion("degrees Celsius", "degrees Fahrenheit", 1.8, 32.0),
    Conversion("degrees Celsius", "kelvins", 1.0, 273.15),
    Conversion("kelvins", "degrees Fahrenheit", 1.8, -459.67),
)

CONVERSIONS: Final = (
    *_ONE_WAY,
    *(each.inverse for each in _ONE_WAY),
    Conversion("values", "values of the other sign", -1.0),
)


def conversion_of(factor: float, offset: float, tolerance: float, offset_tolerance: float) -> Conversion | None:
    """Return the nearest known conversion, or None where none is near.

    Parameters
    ----------
    factor, offset : float
        As estimated.
    tolerance : float
        Relative, of the factor.
    offset_tolerance : float
        In the unit of the new values.

    Examples
    --------
    >>> str(conversion_of(3.27, 0.0, 0.01, 0.0))
    'metres -> feet'
    >>> str(conversion_of(1.79, 32.4, 0.01, 1.0))
    'degrees Celsius -> degrees Fahrenheit'
    >>> conversion_of(1.3, 0.0, 0.01, 0.0) is None
    True
    """
    near = [
        each
        for each in CONVERSIONS
        if abs(factor / each.factor - 1) <= tolerance and abs(offset - each.offset) <= offset_tolerance
    ]
    return min(near, key=lambda each: abs(factor / each.factor - 1), default=None)
