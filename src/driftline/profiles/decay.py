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
from driftline.profiles.task import NO_TIME
from driftline.profiles.weighting import apportioned, effective_scale, scaled_total
from driftline.sketches.counting import count_each
from driftline.sketches.fixed_point import join
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PaneSketch, merge_unseen
from driftline.sketches.tails import NO_EXTREME

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
_LOW: Final = (1 << _WORD_BITS) - 1


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
        self._tail_sums = [0] * layout.n_tails
        self._joint = [0] * layout.n_joint
        self._furthest = PaneSketch(layout)
        self._unseen: UnseenNames = {}
        self._sizes: list[tuple[int, int]] = []

    def add(self, sketch: PaneSketch, weight: int) -> None:
        """Add a sketch, each of whose events has this weight."""
        self._counts += sketch.counts * weight
        self._sums = _added(self._sums, join(sketch.sums.reshape(2, -1)), weight)
        self._tail_sums = _added(self._tail_sums, join(sketch.tail_sums), weight)
        self._joint = _added(self._joint, join(sketch.joint), weight)
        furthest = self._furthest
        np.maximum(furthest.extremes, sketch.extremes, out=furthest.extremes)
        np.maximum(furthest.tail_extremes, sketch.tail_extremes, out=furthest.tail_extremes)
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
        result.sums[:] = _words([scaled_total(value, *factor) for value in self._sums]).reshape(result.sums.shape)
        result.tail_sums[:] = _words([scaled_total(value, *factor) for value in self._tail_sums])
        result.joint[:] = _words([scaled_total(value, *factor) for value in self._joint])
        np.copyto(result.extremes, self._furthest.extremes)
        np.copyto(result.tail_extremes, self._furthest.tail_extremes)
        for place in self._layout.places:  # a tail bin whose count was rounded to none holds none
            empty = result.counts[place.bins][place.tail_bins] == 0
            result.tail_sums[:, place.tails][:, empty] = 0
            result.tail_extremes[place.tails][empty] = NO_EXTREME
        for column, names in sorted(self._unseen.items()):
            kept = {key: (name, scaled_total(n, *factor)) for key, (name, n) in sorted(names.items())}
            result.unseen[column] = {key: value for key, value in kept.items() if value[1]}
        return result


def _added(sums: list[int], values: list[int], weight: int) -> list[int]:
    return [known + value * weight for known, value in zip(sums, values, strict=True)]


def _words(sums: list[int]) -> NDArray[np.int64]:
    """Return exact sums in two words, shape (2, n)."""
    return np.array([[value >> _WORD_BITS for value in sums], [value & _LOW for value in sums]], dtype=np.int64)
