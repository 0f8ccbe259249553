"""References in which recent events weigh more: exponentially decayed, and scaled to their effective number.

An event weighs half as much as one that is a half-life younger. So that sums stay whole numbers, weights fall in
sixteen steps a half-life, in units of 2⁻¹⁶: the youngest weigh 65,536, and what is seventeen half-lives older nothing.
The weighted counts are scaled to ``(Σw)² / Σw²``, the number of events of equal weight whose shares would be as exact,
and rounded so that every column holds that number: tests take the reference for what it is worth, without knowing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from driftline.errors import ProfileError
from driftline.profiles.table import NO_TIME
from driftline.profiles.weighting import apportioned, effective_scale, scaled_total
from driftline.sketches.counting import count_each
from driftline.sketches.fixed_point import join
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PaneSketch, merge_unseen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.encoding import EncodedColumns
    from driftline.sketches.layout import Layout
    from driftline.sketches.pane_sketch import UnseenNames

STEPS: Final = 16
"""Weights that differ within a half-life."""
GREATEST: Final = 1 << 16
"""Weight of the youngest events."""
N_WEIGHTS: Final = 17 * STEPS + 1
"""Older ones would weigh less than half of the least unit."""
_WORD_BITS: Final = 32


class Decay(Struct, frozen=True, tag="decay", array_like=True):
    """How the events of a reference were weighted.

    Parameters
    ----------
    half_life_ms : int
        Age, before the last event, at which an event weighs half.
    n_events : int
        Events that were counted; the profile's own number is the effective one.
    """

    half_life_ms: int
    n_events: int


def weights() -> list[int]:
    """Return the weight of each age, in sixteenths of a half-life.

    Examples
    --------
    >>> weights()[0], weights()[16], weights()[32], weights()[-1]
    (65536, 32768, 16384, 0)
    """
    return [round(GREATEST * 2.0 ** (-age / STEPS)) if age < N_WEIGHTS - 1 else 0 for age in range(N_WEIGHTS)]


def decayed(
    layout: Layout, columns: EncodedColumns, times_ms: NDArray[np.int64], half_life_ms: int
) -> tuple[PaneSketch, Decay]:
    """Return the sketch of events that weigh less the older they are, scaled to their effective number.

    Parameters
    ----------
    layout : Layout
    columns : EncodedColumns
        Of n events.
    times_ms : ndarray of int64, shape (n,)
        When each was; ages are counted back from the last of them.
    half_life_ms : int
        Above zero.

    Raises
    ------
    ProfileError
        When an event has no time.

    Notes
    -----
    *Guarantee*: the counts of a column, with those of what is absent from it, sum to the effective number exactly, and
    each is less than one off. *Cost*: one counting, and whole-number sums over 273 ages.
    """
    absent = int((times_ms == NO_TIME).sum())
    if absent:
        message = (
            f"Expected a time in every row where recent ones weigh more, got {absent} of {times_ms.size} without one "
            "- at `--half-life`"
        )
        raise ProfileError(message)
    ages = np.minimum((times_ms.max() - times_ms) * STEPS // half_life_ms, N_WEIGHTS - 1)
    by_age = weights()
    total = _Weighted(layout)
    for weight, sketch in zip(by_age, count_each(layout, columns, ages, N_WEIGHTS), strict=True):
        if weight:
            total.add(sketch, weight)
    return total.scaled(), Decay(half_life_ms, times_ms.size)


class _Weighted:
    """The weighted sum of sketches."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._counts = np.zeros(layout.n_cells, dtype=np.int64)
        self._sums = [0] * (layout.n_numeric * 3)
        self._extremes = PaneSketch(layout).extremes
        self._unseen: UnseenNames = {}
        self._sizes: list[tuple[int, int]] = []

    def add(self, sketch: PaneSketch, weight: int) -> None:
        """Add a sketch, each of whose events has this weight."""
        self._counts += sketch.counts * weight
        exact = join(sketch.sums.reshape(2, -1))
        self._sums = [known + value * weight for known, value in zip(self._sums, exact, strict=True)]
        np.maximum(self._extremes, sketch.extremes, out=self._extremes)
        for column, names in sketch.unseen.items():
            merge_unseen(self._unseen, {column: {key: (name, n * weight) for key, (name, n) in names.items()}})
        self._sizes.append((int(sketch.counts[EVENTS]), weight))

    def scaled(self) -> PaneSketch:
        """Return the sum, scaled to the effective number of its events."""
        factor = effective_scale([n for n, _ in self._sizes], [weight for _, weight in self._sizes])
        result = PaneSketch(self._layout)
        n = scaled_total(int(self._counts[EVENTS]), *factor)
        result.counts[EVENTS] = n
        for place in self._layout.places:
            cells = slice(place.bins.start, place.quality.stop)
            result.counts[cells] = apportioned(self._counts[cells].tolist(), *factor, n)
        sums = [scaled_total(value, *factor) for value in self._sums]
        result.sums[0] = np.array([value >> _WORD_BITS for value in sums], dtype=np.int64).reshape(-1, 3)
        result.sums[1] = np.array([value & ((1 << _WORD_BITS) - 1) for value in sums], dtype=np.int64).reshape(-1, 3)
        np.copyto(result.extremes, self._extremes)
        for column, names in sorted(self._unseen.items()):
            kept = {key: (name, scaled_total(n, *factor)) for key, (name, n) in sorted(names.items())}
            result.unseen[column] = {key: value for key, value in kept.items() if value[1]}
        return result
