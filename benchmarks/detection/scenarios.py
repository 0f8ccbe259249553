"""What changes in the streams of the power table, and how: as codes, so that every method sees the same events.

A change is made of values, by :meth:`Onward.values` and back by :meth:`Onward.coded`, so it means the same whatever the
distribution of a column is. What is zero stays zero: the changes of a zero-inflated column are factors.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import special

from benchmarks.detection.traffic import MISSING, N_CODES, OFFSET, SCALE, categorical, continuous, z_of_codes
from benchmarks.streams import PRODUCTION_STREAMS, STREAMS, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.detection.traffic import Codes, ColumnKind
    from benchmarks.streams import Marginal

    Floats = NDArray[np.float64]

PER_PANE: Final = 100 / 3
"""Mean events in ten minutes, 200 an hour."""
RHO: Final = 0.6
"""Correlation of the first two numeric features."""
NEW: Final = MISSING - 1
"""Code of a category that the reference never had."""
POWER_STREAMS: Final = {
    "independent": Stream("independent"),
    "autocorrelated": STREAMS["ar_0.9"],
    "daily and weekly season": PRODUCTION_STREAMS["weekly"],
    "autocorrelated, seasonal": Stream("ar_0.9_season", phi=0.9, season=0.25),
    "bursty": STREAMS["bursts"],
    "heavy tails": PRODUCTION_STREAMS["heavy_tails"],
    "zero-inflated": PRODUCTION_STREAMS["zero_inflated"],
}
CATEGORIES: Final = (3, 8, 5, 12)
"""Values of each category column."""
CATEGORY, MIXED, SLICED = 1, 2, 3
"""Category columns: with a new one, with another mix, and the one whose value of :data:`SLICE` is the segment."""
SLICE: Final = 3
"""It has 10.4 % of the events."""
FIRST, SECOND = 4, 5
"""The correlated columns."""
SHIFT, SCALED, ABSENT, UNIT, GRADUAL, RECURRING = 6, 7, 8, 9, 10, 11
TAIL_Z: Final = 1.959964
"""What lies beyond is a tail: 5 % of the events."""
TAIL_FACTOR: Final = 3.0
MIX: Final = 0.25
"""Fraction of the most frequent category's events that become others."""
TWO_DAYS, NINE_DAYS = 48, 216
"""Hours for which a change is followed."""


class Onward(NamedTuple):
    """The events after the onset.

    Attributes
    ----------
    kinds : sequence of ColumnKind
    codes : ndarray of uint16, shape (columns, n)
    hours : ndarray of float64, shape (n,)
        Since the onset, above 0.
    last : ndarray of uint16, shape (columns,)
        Of the last event before.
    rng : numpy.random.Generator
    """

    kinds: Sequence[ColumnKind]
    codes: Codes
    hours: Floats
    last: Codes
    rng: np.random.Generator

    def values(self, column: int) -> Floats:
        """Return the values of a column of numbers, shape (n,)."""
        values: Floats = _table(self.kinds[column])[self.codes[column]]
        return values

    def coded(self, column: int, values: Floats) -> Codes:
        """Return the codes of values, shape (1, n); of those that did not change their own."""
        codes = np.clip(np.searchsorted(_table(self.kinds[column])[:NEW], values), 0, NEW - 1).astype(np.uint16)
        return np.where(values == self.values(column), self.codes[column], codes)[None]

    def moved(self, column: int, deviations: float | Floats) -> Codes:
        """Return the codes with the mean higher by so many standard deviations."""
        mean, deviation = moments(self.kinds[column])
        values = self.values(column)
        if _zero_inflated(self.kinds[column]):
            return self.coded(column, values * (1 + deviations * deviation / mean))
        return self.coded(column, values + deviations * deviation)

    def spread(self, column: int, factor: float) -> Codes:
        """Return the codes with so many times the standard deviation."""
        mean = 0.0 if _zero_inflated(self.kinds[column]) else moments(self.kinds[column])[0]
        return self.coded(column, mean + factor * (self.values(column) - mean))

    def at_random(self, column: int, share: float, code: int) -> Codes:
        """Return the codes with some of the events having another."""
        codes: Codes = self.codes[[column]]
        codes[:, self.rng.random(codes.size) < share] = code
        return codes


class Scenario(NamedTuple):
    """A change.

    Attributes
    ----------
    name : str
    columns : tuple of int
        Those that change.
    change : callable
        To the codes of these columns, shape (len(columns), n).
    followed_hours : int
        After the onset: later than that counts as not found.
    """

    name: str
    columns: tuple[int, ...]
    change: Callable[[Onward], Codes]
    followed_hours: int = TWO_DAYS


def twelve_features(marginal: Marginal = "normal") -> tuple[ColumnKind, ...]:
    """Return the columns of the power table's model: four categories, eight numbers."""
    categories = [categorical(f"category_{i}", n) for i, n in enumerate(CATEGORIES)]
    changed = categories[CATEGORY]
    names = [*changed.values[:-1], "new", None]
    table = changed.table.copy()
    table[NEW], table[MISSING] = len(names) - 2, len(names) - 1
    categories[CATEGORY] = replace(changed, values=names, table=table)
    apart = 0.0 if marginal == "zero_inflated" else 2.0
    numbers = (continuous(f"number_{i}", mean=apart if FIRST + i == UNIT else 0.0, marginal=marginal) for i in range(8))
    return (*categories, *numbers)


def moments(kind: ColumnKind) -> tuple[float, float]:
    """Return mean and standard deviation of a column's values, without a season."""
    weights = np.diff(special.ndtr(z_of_codes()))[: MISSING - 1]
    values = _table(kind)[: MISSING - 1]
    mean = float(weights @ values)
    return mean, float(np.sqrt(weights @ (values - mean) ** 2))


def _table(kind: ColumnKind) -> Floats:
    assert isinstance(kind.values, np.ndarray)
    return kind.values[kind.table]


def _zero_inflated(kind: ColumnKind) -> bool:
    table = _table(kind)
    return bool(table[0] == table[1] == 0)


def z_of(codes: Codes) -> Floats:
    """Return the normal values of codes."""
    return codes / SCALE - OFFSET


def codes_of(z: Floats) -> Codes:
    """Return the codes of normal values."""
    return np.clip((z + OFFSET) * SCALE, 0, NEW - 1).astype(np.uint16)


def correlated(codes: Codes) -> Codes:
    """Return codes in which the second number follows the first."""
    found = codes.copy()
    found[SECOND] = codes_of(RHO * z_of(codes[FIRST]) + np.sqrt(1 - RHO**2) * z_of(codes[SECOND]))
    return found


def _shifted(size: float, after: Onward) -> Codes:
    return after.moved(SHIFT, size)


def _scaled(factor: float, after: Onward) -> Codes:
    return after.spread(SCALED, factor)


def _flipped(after: Onward) -> Codes:
    """Turn the sign of what the second number has of the first."""
    first, second = after.codes[[FIRST, SECOND]]
    return np.stack([first, codes_of(z_of(second) - 2 * RHO * z_of(first))])


def _tailed(after: Onward) -> Codes:
    """Leave the middle 95 % of the values where they are, and move those beyond three times as far from it."""
    table, values = _table(after.kinds[SCALED]), after.values(SCALED)
    low, high = table[codes_of(np.array([-TAIL_Z, TAIL_Z]))]
    beyond = np.maximum(values - high, 0) - np.maximum(low - values, 0)
    return after.coded(SCALED, values + (TAIL_FACTOR - 1) * beyond)


def _mixed(after: Onward) -> Codes:
    """Let some events of the most frequent category have another, each as likely."""
    table = after.kinds[MIXED].table
    codes: Codes = after.codes[[MIXED]]
    chosen = (table[codes] == 0) & (after.rng.random(codes.shape) < MIX)
    firsts = np.searchsorted(table[:NEW], np.arange(1, CATEGORIES[MIXED]))
    codes[chosen] = after.rng.choice(firsts, int(chosen.sum()))
    return codes


def _crept(hours: float, after: Onward) -> Codes:
    return after.moved(GRADUAL, 0.5 * np.clip(after.hours / hours, 0.0, 1.0))


def _recurring(after: Onward) -> Codes:
    return after.moved(RECURRING, np.where(after.hours % 24 < 6, 0.5, 0.0))


def _frozen(after: Onward) -> Codes:
    return np.full((1, after.hours.size), after.last[GRADUAL])


def _sliced(after: Onward) -> Codes:
    inside = after.kinds[SLICED].table[after.codes[SLICED]] == SLICE
    return after.moved(SHIFT, inside.astype(np.float64))


SCENARIOS: Final = (
    *(Scenario(f"mean shift, {size:g} σ", (SHIFT,), partial(_shifted, size)) for size in (0.1, 0.25, 0.5, 1.0)),
    *(Scenario(f"spread × {factor:g}", (SCALED,), partial(_scaled, factor)) for factor in (1.25, 1.5)),
    Scenario("heavier tails, same middle", (SCALED,), _tailed),
    Scenario("a new category, 2 %", (CATEGORY,), lambda after: after.at_random(CATEGORY, 0.02, NEW)),
    Scenario("another mix of categories", (MIXED,), _mixed),
    Scenario("5 % missing", (ABSENT,), lambda after: after.at_random(ABSENT, 0.05, MISSING)),
    Scenario("unit change, miles to km", (UNIT,), lambda after: after.coded(UNIT, 1.609 * after.values(UNIT))),
    Scenario("correlation 0.6 to -0.6", (FIRST, SECOND), _flipped),
    Scenario("frozen at its last value", (GRADUAL,), _frozen),
    Scenario("gradual, to 0.5 σ in a day", (GRADUAL,), partial(_crept, 24)),
    Scenario("gradual, to 0.5 σ in a week", (GRADUAL,), partial(_crept, 168), NINE_DAYS),
    Scenario("recurring, 0.5 σ, 6 h a day", (RECURRING,), _recurring),
    Scenario("1 σ in a segment of 10 %", (SHIFT,), _sliced),
)
assert N_CODES > NEW
