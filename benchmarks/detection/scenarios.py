"""What changes in the streams of the power table, and how: as codes, so that every method sees the same events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.detection.traffic import MISSING, N_CODES, OFFSET, SCALE, categorical, continuous
from benchmarks.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.detection.traffic import Codes, ColumnKind

PER_PANE: Final = 100 / 3
"""Mean events in ten minutes, 200 an hour."""
RHO: Final = 0.6
"""Correlation of the first two numeric features."""
NEW: Final = MISSING - 1
"""Code of a category that the reference never had."""
POWER_STREAMS: Final = {
    "independent": Stream("independent"),
    "autocorrelated, seasonal": Stream("ar_0.9_season", phi=0.9, season=0.25),
}
FIRST, SECOND = 4, 5
"""The correlated columns."""
SHIFT, SCALED, ABSENT, UNIT, GRADUAL, RECURRING = 6, 7, 8, 9, 10, 11
CATEGORY: Final = 1


class Scenario(NamedTuple):
    """A change.

    Attributes
    ----------
    name : str
    columns : tuple of int
        Those that change.
    change : callable
        From normal values, shape (columns, n), hours since the onset, shape (n,), above 0, and a source of chance to
        codes of the same shape.
    """

    name: str
    columns: tuple[int, ...]
    change: Callable[[NDArray[np.float64], NDArray[np.float64], np.random.Generator], Codes]


def twelve_features() -> tuple[ColumnKind, ...]:
    """Return the columns of the power table's model: four categories, eight numbers."""
    categories = [categorical(f"category_{i}", n) for i, n in enumerate((3, 8, 5, 12))]
    changed = categories[CATEGORY]
    names = [*changed.values[:-1], "new", None]
    table = changed.table.copy()
    table[NEW], table[MISSING] = len(names) - 2, len(names) - 1
    categories[CATEGORY] = replace(changed, values=names, table=table)
    return (*categories, *(continuous(f"number_{i}", mean=2.0 if 4 + i == UNIT else 0.0) for i in range(8)))


def z_of(codes: Codes) -> NDArray[np.float64]:
    """Return the normal values of codes."""
    return codes / SCALE - OFFSET


def codes_of(z: NDArray[np.float64]) -> Codes:
    """Return the codes of normal values."""
    return np.clip((z + OFFSET) * SCALE, 0, NEW - 1).astype(np.uint16)


def correlated(codes: Codes) -> Codes:
    """Return codes in which the second number follows the first."""
    found = codes.copy()
    found[SECOND] = codes_of(RHO * z_of(codes[FIRST]) + np.sqrt(1 - RHO**2) * z_of(codes[SECOND]))
    return found


def _flipped(z: NDArray[np.float64], _hours: NDArray[np.float64], _rng: np.random.Generator) -> Codes:
    """Turn the sign of what the second number has of the first."""
    return codes_of(np.stack([z[0], z[1] - 2 * RHO * z[0]]))


def _new_category(z: NDArray[np.float64], _hours: NDArray[np.float64], rng: np.random.Generator) -> Codes:
    codes = codes_of(z)
    codes[rng.random(z.shape) < 0.03] = NEW
    return codes


def _absent(z: NDArray[np.float64], _hours: NDArray[np.float64], rng: np.random.Generator) -> Codes:
    codes = codes_of(z)
    codes[rng.random(z.shape) < 0.05] = MISSING
    return codes


SCENARIOS: Final = (
    Scenario("mean shift, 0.5 σ", (SHIFT,), lambda z, _h, _r: codes_of(z + 0.5)),
    Scenario("mean shift, 0.25 σ", (SHIFT,), lambda z, _h, _r: codes_of(z + 0.25)),
    Scenario("standard deviation × 1.5", (SCALED,), lambda z, _h, _r: codes_of(1.5 * z)),
    Scenario("a new category, 3 %", (CATEGORY,), _new_category),
    Scenario("5 % missing", (ABSENT,), _absent),
    Scenario("unit change, miles to km", (UNIT,), lambda z, _h, _r: codes_of(1.609 * (z + 2) - 2)),
    Scenario("correlation 0.6 to -0.6", (FIRST, SECOND), _flipped),
    Scenario("gradual, to 0.5 σ in a day", (GRADUAL,), lambda z, h, _r: codes_of(z + 0.5 * np.minimum(h / 24, 1))),
    Scenario("recurring, 0.5 σ, 6 h a day", (RECURRING,), lambda z, h, _r: codes_of(z + 0.5 * (h % 24 < 6))),
)
assert N_CODES > NEW
