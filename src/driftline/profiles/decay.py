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
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PaneSketch, count_each

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from driftline.sketches.encoding import EncodedColumns
    from driftline.sketches.layout import Layout

STEPS: Final = 16
"""Weights that differ within a half-life."""
GREATEST: Final = 1 << 16
"""Weight of the youngest events."""
N_WEIGHTS: Final = 17 * STEPS + 1
"""Older ones would weigh less than half of the least unit."""


class Decay(Struct, frozen=True, tag="decay", array_like=True):
    """How the events of a reference were weighted."""

    half_life_ms: int
    """Age, before the last event, at which an event weighs half."""
    n_events: int
    """Events that were counted; the profile's own number is the effective one."""


def weights() -> list[int]:
    """Return the weight of each age, in sixteenths of a half-life.

    Examples
    --------
    >>> weights()[0], weights()[16], weights()[32], weights()[-1]
    (65536, 32768, 16384, 0)
    """
    return [round(GREATEST * 2.0 ** (-age / STEPS)) if age < N_WEIGHTS - 1 else 0 for age in range(N_WEIGHTS)]


def decayed(
    layout: Layout, blocks: Iterable[tuple[slice, EncodedColumns]], times_ms: NDArray[np.int64], half_life_ms: int
) -> tuple[PaneSketch, Decay]:
    """Return the sketch of events that weigh less the older they are, scaled to their effective number.

    Parameters
    ----------
    layout : Layout
    blocks : iterable of (slice, EncodedColumns)
        Runs of the n events.
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
    each is less than one off. *Cost*: one counting, and whole-number sums over at most 273 ages a run.
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
    total, sizes = PaneSketch(layout), [0] * N_WEIGHTS
    for rows, columns in blocks:
        present, slots = np.unique(ages[rows], return_inverse=True)
        for age, sketch in zip(present.tolist(), count_each(layout, columns, slots, present.size), strict=True):
            if by_age[age]:
                total.merge(sketch.weighed(by_age[age]))
                sizes[age] += int(sketch.counts[EVENTS])
    factor = effective_scale(sizes, by_age)
    scaled = total.scaled(lambda weighted: scaled_total(weighted, *factor))
    n = int(scaled.counts[EVENTS])
    for place in layout.places:  # so that the counts of each column sum to the effective number
        cells = slice(place.bins.start, place.quality.stop)
        scaled.counts[cells] = apportioned(total.counts[cells].tolist(), *factor, n)
    return scaled, Decay(half_life_ms, times_ms.size)
