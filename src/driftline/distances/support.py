"""The values in the bins, for distances that are measured in the column's unit."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.distances.sides import Counts, Sides


@dataclass(frozen=True)
class Support:
    """Bounds, and where known sums, of the values in each bin.

    Parameters
    ----------
    low, high : ndarray of float64, shape (B,), unit of the values
        Least and greatest value that a bin can hold on either side; infinite where the bin is open and nothing is
        known. A bin no wider than one unit in the last place holds the value `low` and nothing else.
    spread : float, unit of the values, at least 0
        Standard deviation of the reference.
    current_sums, reference_sums : ndarray of float64, shape (B,), unit of the values, optional
        Sum of the values of each bin where it is known, not-a-number where it is not.

    Raises
    ------
    ParameterError
        Arrays of unequal shape; a spread that is negative or not finite.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    spread: float = 1.0
    current_sums: NDArray[np.float64] | None = None
    reference_sums: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.spread) and self.spread >= 0):
            raise ParameterError("a number of at least 0", self.spread, "$.support.spread")
        named = {"high": self.high, "current_sums": self.current_sums, "reference_sums": self.reference_sums}
        for name, values in named.items():
            if values is not None and values.shape != self.low.shape:
                raise ParameterError(f"shape {self.low.shape} as of `low`", values.shape, f"$.support.{name}")

    @classmethod
    def of_grid(
        cls,
        edges: NDArray[np.float64],
        *,
        spread: float,
        lowest: float = -math.inf,
        highest: float = math.inf,
        current_sums: NDArray[np.float64] | None = None,
        reference_sums: NDArray[np.float64] | None = None,
    ) -> Support:
        """Return the support of a numeric grid.

        Parameters
        ----------
        edges : ndarray of float64, shape (B - 1,)
            Strictly increasing; bin i is [edges[i - 1], edges[i]).
        spread, current_sums, reference_sums
            As in :class:`Support`.
        lowest, highest : float
            Extremes of the values of **both** sides together, where they are known: they bound the open bins, and
            narrow the one they fall in.

        Examples
        --------
        >>> support = Support.of_grid(np.array([0.0, 1.0]), spread=1.0, highest=7.5)
        >>> support.low.tolist(), support.high.tolist()
        ([-inf, 0.0, 1.0], [0.0, 1.0, 7.5])
        """
        low = np.concatenate([[-np.inf], edges])
        high = np.concatenate([edges, [np.inf]])
        low = np.minimum(np.maximum(low, lowest), high)
        high = np.maximum(np.minimum(high, highest), low)
        return cls(low, high, spread, current_sums, reference_sums)


def single_valued(support: Support | None, sides: Sides) -> NDArray[np.bool_]:
    """Return which bins hold a single value, shape (n_bins,); none without a support.

    Raises
    ------
    ParameterError
        A support of another number of bins than the counts.
    """
    if support is None:
        return np.zeros(sides.n_bins, dtype=np.bool_)
    low, high = _bounds(support, sides)
    return high <= np.nextafter(low, np.inf)


class Placement(NamedTuple):
    """Positions at which a side's events are placed, and bounds on their mean distance from there: (n_bins,) each."""

    positions: NDArray[np.float64]
    slack: NDArray[np.float64]


class Steps(NamedTuple):
    """Both sides' distribution functions as step functions: their values between neighbouring positions."""

    gaps: NDArray[np.float64]
    """Widths, shape (2 n_bins - 1,), in the unit of the values."""
    current: NDArray[np.float64]
    reference: NDArray[np.float64]
    pooled: NDArray[np.float64]
    current_slack: NDArray[np.float64]
    """Greatest mean distance of a bin's events from their position, shape (n_bins,)."""
    reference_slack: NDArray[np.float64]


def steps_of(sides: Sides, support: Support) -> Steps:
    """Place each bin's events at one value, and return the two resulting distribution functions.

    Each side's events of a bin are placed at their mean where their sum is known, else at the bin's middle, or at its
    edge where it is open.

    Raises
    ------
    ParameterError
        A support of another number of bins than the counts.
    """
    low, high = _bounds(support, sides)
    here = _place(low, high, sides.current, _sums(support.current_sums, sides))
    there = _place(low, high, sides.reference, _sums(support.reference_sums, sides))
    positions = np.concatenate([here.positions, there.positions])
    order = np.argsort(positions, kind="stable")
    nothing = np.zeros_like(sides.current)
    current = np.cumsum(np.concatenate([sides.current, nothing])[order])[:-1]
    reference = np.cumsum(np.concatenate([nothing, sides.reference])[order])[:-1]
    with np.errstate(over="ignore"):
        gaps = np.minimum(np.diff(positions[order]), sys.float_info.max)
    return Steps(
        gaps,
        current / sides.n,
        reference / sides.n_reference,
        (current + reference) / (sides.n + sides.n_reference),
        here.slack,
        there.slack,
    )


def total(values: NDArray[np.float64]) -> float:
    """Return the correctly rounded sum of nonnegative numbers, at most the greatest finite number."""
    largest = float(values.max(initial=0.0))
    if largest in {0.0, math.inf}:
        return min(largest, sys.float_info.max)
    _, exponent = math.frexp(largest)
    shift = max(0, exponent - 1000)  # powers of two lose nothing that is not lost in the sum anyway
    summed = math.fsum(np.ldexp(values, -shift))
    return min(summed, math.ldexp(sys.float_info.max, -shift)) * 2.0**shift


def at_most_greatest(value: float) -> float:
    """Return a number, with infinities replaced by the greatest finite number of their sign."""
    return max(-sys.float_info.max, min(value, sys.float_info.max))


def finite_or_none(bound: float) -> float | None:
    """Return a bound, or None where it is not finite."""
    return bound if bound < sys.float_info.max else None


def _bounds(support: Support, sides: Sides) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if support.low.shape != sides.nonempty.shape:
        raise ParameterError(f"{sides.nonempty.size} bins as in the counts", support.low.size, "$.support")
    return support.low[sides.nonempty], support.high[sides.nonempty]


def _sums(sums: NDArray[np.float64] | None, sides: Sides) -> NDArray[np.float64]:
    return np.full(sides.n_bins, np.nan) if sums is None else sums[sides.nonempty]


def _place(low: NDArray[np.float64], high: NDArray[np.float64], counts: Counts, sums: NDArray[np.float64]) -> Placement:
    """Return the positions of a side's events, and bounds on the mean distance from them.

    About the mean m of values in [l, h] the mean distance is at most 2 (h − m)(m − l) / (h − l), attained by two atoms
    at the ends; with an open end it is twice the distance of m from the other end. About the middle it is half the
    width. In a bin of a single value it is 0.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        middle = np.clip(low / 2 + high / 2, low, high)
        middle = np.where(
            np.isneginf(low), np.where(np.isposinf(high), 0.0, high), np.where(np.isposinf(high), low, middle)
        )
        means = np.clip(sums / counts, low, high)
        has_mean = np.isfinite(means)
        below, above = means - low, high - means
        about_mean = 2 * np.minimum(below, above) * (np.maximum(below, above) / (high - low))
        about_mean = np.where(np.isposinf(high - low), 2 * np.minimum(below, above), about_mean)
        slack = np.where(has_mean, about_mean, np.maximum(high - middle, middle - low))
    single = high <= np.nextafter(low, np.inf)
    positions = np.where(single, low, np.where(has_mean, means, middle))
    return Placement(positions, np.where(single | (counts == 0), 0.0, slack))
