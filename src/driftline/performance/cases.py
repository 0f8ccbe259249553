"""Sums over the cases that a rate or a mean is about, and the sampling variance of functions of many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Cases(Struct, frozen=True, array_like=True):
    """Sums over labelled predictions of a value, such as 1 where one was right: its mean is the metric.

    Parameters
    ----------
    weight : float, at least 0
        Number of cases, or the sum of their weights.
    total, square : float
        Sums of the value and of its square, weighted.
    squared_weight : float, at least 0
        Sum of squared weights; the number of cases where none is weighted.
    """

    weight: float = 0.0
    total: float = 0.0
    square: float = 0.0
    squared_weight: float = 0.0

    @property
    def rate(self) -> float | None:
        """The mean of the value; None without cases."""
        return self.total / self.weight if self.weight > 0 else None

    def less(self, parts: Iterable[Cases]) -> Cases:
        """Return what is left without some parts; nothing at all where no weight is.

        Examples
        --------
        >>> Cases(10, 7, 7, 10).less([Cases(4, 3, 3, 4), Cases(5, 4, 4, 5)])
        Cases(weight=1.0, total=0.0, square=0.0, squared_weight=1.0)
        """
        whole = together(parts)
        weight = self.weight - whole.weight
        if weight == 0:
            return Cases()
        total, square = self.total - whole.total, self.square - whole.square
        return Cases(float(weight), float(total), float(square), float(self.squared_weight - whole.squared_weight))


def together(parts: Iterable[Cases]) -> Cases:
    """Return the sums over all parts."""
    weight = total = square = squared_weight = 0.0
    for each in parts:
        weight += each.weight
        total += each.total
        square += each.square
        squared_weight += each.squared_weight
    return Cases(weight, total, square, squared_weight)


class Part(NamedTuple):
    """A part of a change.

    Attributes
    ----------
    value : float
        In the unit of what changed.
    standard_error : float, at least 0
    """

    value: float
    standard_error: float


class Side(NamedTuple):
    """One of the two sides of a change, by group.

    Attributes
    ----------
    shares : ndarray of float64, shape (g,)
        Of the cases; they add up to 1.
    rates : ndarray of float64, shape (g,)
        0 where a group has no case.
    variances : ndarray of float64, shape (g,)
        Of the value within each group.
    squares : ndarray of float64, shape (g,)
        Σω² of each group over the square of all weight.
    """

    shares: Floats
    rates: Floats
    variances: Floats
    squares: Floats

    @property
    def rate(self) -> float:
        """Of all groups."""
        return float(self.shares @ self.rates)


def side_of(groups: Sequence[Cases]) -> Side | None:
    """Return a side; None where it has no case.

    A group's variance is estimated from its cases and one more that varies as all do: of groups with a case or two, and
    where all values are the same, their own would say that nothing is uncertain.
    """
    sums = np.array([(each.weight, each.total, each.square, each.squared_weight) for each in groups], float).reshape(
        -1, 4
    )
    weights, totals, squares = sums[:, :3].T
    squared_weights = np.maximum(sums[:, 3], 0.0)  # a rest of weights may be below zero by its last digit
    whole = weights.sum()
    if whole <= 0:
        return None
    filled = np.where(weights > 0, weights, 1.0)
    rates = np.where(weights > 0, totals / filled, 0.0)
    own = np.maximum(squares / filled - rates * rates, 0.0)
    of_all = max(float(squares.sum() / whole - (totals.sum() / whole) ** 2), 0.0)
    sizes = np.divide(weights * weights, squared_weights, out=np.zeros_like(weights), where=squared_weights > 0)
    variances = (sizes * own + of_all) / (sizes + 1)
    return Side(weights / whole, rates, variances, squared_weights / whole**2)


def sampling_variance(side: Side, by_share: Floats, by_rate: Floats) -> Floats:
    """Return the sampling variance of functions of a side's shares and rates (delta method).

    Parameters
    ----------
    side : Side
        Of g groups.
    by_share, by_rate : ndarray of float64, shape (..., g)
        The function's derivatives by each share and each rate, the shares taken for unconstrained.

    Returns
    -------
    ndarray of float64, shape (...)

    Notes
    -----
    With aₕ and bₕ the derivatives, wₕ the shares, vₕ the variance within a group and qₕ = Σω² / (Σω)² of its cases, a
    case of group h moves the function by aₕ - Σ w a + (bₕ / wₕ)(x - rₕ), so the variance is
    Σ qₕ ((aₕ - Σ w a)² + (bₕ / wₕ)² vₕ): a multinomial number of cases and a mean in each group.
    """
    centred = by_share - (by_share @ side.shares)[..., None]
    slopes = np.divide(by_rate, side.shares, out=np.zeros_like(by_rate), where=side.shares > 0)
    variance: Floats = (side.squares * (centred**2 + slopes**2 * side.variances)).sum(axis=-1)
    return variance
