"""The contract that every distance keeps, and the registry that finds them.

A distance compares the counts of a window with the counts of its profile over the *same* bins. It is a pure function:
it keeps no state, reads no clock, and the same counts give the same result on every worker.

Contract
--------
A distance MUST

- take two one-dimensional integer arrays of equal shape, and raise :class:`~driftline.errors.ParameterError` for
  others;
- return ``None`` where either side counted nothing: there is nothing to compare, and no number that would say so;
- return finite numbers otherwise;
- not depend on bins that are empty on both sides.

It CANNOT tell whether the difference is real: that is the business of :mod:`driftline.significance`.

Zero bins
---------
One rule for all distances that take logarithms: bins empty on *both* sides are dropped, then half a count is added to
*every* remaining bin on both sides (the expected share under Jeffreys' prior). No constant of a fixed size is used:
its weight would depend on the number of events. Dropping comes first, for a half count in a doubly empty bin is
apparent drift as soon as the two sides differ in size.

Source: Krichevsky and Trofimov (1981), doi:10.1109/TIT.1981.1056331, for the half count.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from driftline.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

Counts: TypeAlias = npt.NDArray[np.int64]
"""Events per bin: shape (B,), each at least 0."""


class DistanceResult(Struct, frozen=True, kw_only=True):
    """One comparison of a window with its profile.

    Parameters
    ----------
    raw : float
        The distance of the two smoothed or plain histograms, in the unit and range that the distance states.
    corrected : float or None
        The distance less what it shows on average when nothing has changed; None where no correction is known. It may
        be negative where the distance is not itself bounded by zero after correction: on average it is zero without
        drift.
    error_bound : float or None
        How far `raw` may lie below the value on the unbinned events; None for distances that are defined on bins.
    n, n_reference : int
        Events counted in the window and in the profile, at least 1.
    n_bins : int
        Bins that are not empty on both sides, at least 1.
    """

    raw: float
    corrected: float | None
    error_bound: float | None
    n: int
    n_reference: int
    n_bins: int


class DistanceFunction(Protocol):
    """What a registered function looks like; see the module's contract."""

    def __call__(self, current: Counts, reference: Counts, *, dispersion: float = 1.0) -> DistanceResult | None:
        """Compare the counts of a window with those of its profile."""


class Distance(Struct, frozen=True, kw_only=True):
    """A registered distance and what must be known to configure and to read it.

    Parameters
    ----------
    key : str
        Permanent name in configurations and events.
    function : DistanceFunction
        The computation.
    needs_order : bool
        Whether the bins must be in the order of the values; such a distance does not apply to categories.
    lower, upper : float
        Range of `raw`, ends included.
    log_base : str or None
        Base of the logarithm, ``"e"`` or ``"2"``; None where there is none.
    """

    key: str
    function: DistanceFunction
    needs_order: bool
    lower: float
    upper: float
    log_base: str | None

    def __call__(self, current: Counts, reference: Counts, *, dispersion: float = 1.0) -> DistanceResult | None:
        """Compare the counts of a window with those of its profile."""
        return self.function(current, reference, dispersion=dispersion)


class Sides(NamedTuple):
    """Validated counts of both sides, doubly empty bins dropped: two arrays of shape (n_bins,)."""

    current: Counts
    reference: Counts
    n: int
    n_reference: int

    @property
    def n_bins(self) -> int:
        """Bins that are not empty on both sides."""
        return int(self.current.size)

    def smoothed(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Shares of both sides after half a count was added to every bin; each is positive and sums to 1."""
        half = self.n_bins / 2
        p: npt.NDArray[np.float64] = (self.current + np.float64(0.5)) / (self.n + half)
        q: npt.NDArray[np.float64] = (self.reference + np.float64(0.5)) / (self.n_reference + half)
        return p, q

    def null_chi_squared(self, dispersion: float) -> float:
        """Expected chi-squared divergence of the two sides' shares when nothing has changed, to first order.

        It is Σλⱼ (1/n + 1/N), with Σλⱼ = dispersion × (B − 1).
        """
        return dispersion * (self.n_bins - 1) * (1 / self.n + 1 / self.n_reference)


def prepare(current: Counts, reference: Counts, dispersion: float) -> Sides | None:
    """Validate both sides and drop the bins that are empty on both.

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts over the same bins.
    dispersion : float, greater than 0
        Mean eigenvalue λ̄ of the counts' covariance relative to independent data; 1 for independent data.

    Returns
    -------
    Sides or None
        None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are not integers, negative, not one-dimensional or of unequal shape; a dispersion that is not
        positive.
    """
    if not (math.isfinite(dispersion) and dispersion > 0):
        raise ParameterError("a number greater than 0", dispersion, "$.dispersion")
    for name, counts in (("current", current), ("reference", reference)):
        if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer):
            raise ParameterError(
                "a one-dimensional array of integers", f"{counts.ndim} dimensions of {counts.dtype}", f"$.{name}"
            )
        if counts.size and int(counts.min()) < 0:
            raise ParameterError("counts of at least 0", int(counts.min()), f"$.{name}")
    if current.shape != reference.shape:
        raise ParameterError(f"{reference.size} bins as in the reference", current.size, "$.current")
    n, n_reference = int(current.sum()), int(reference.sum())
    if n == 0 or n_reference == 0:
        return None
    held = (current > 0) | (reference > 0)
    return Sides(current[held], reference[held], n, n_reference)


_REGISTRY: dict[str, Distance] = {}


def register(
    key: str, *, needs_order: bool, lower: float, upper: float, log_base: str | None
) -> Callable[[DistanceFunction], DistanceFunction]:
    """Enter a function into the registry under a permanent key.

    Parameters
    ----------
    key : str
        Permanent name; a distance whose meaning changes gets a new one.
    needs_order, lower, upper, log_base
        As in :class:`Distance`.

    Returns
    -------
    callable
        A decorator that returns the function unchanged.

    Raises
    ------
    ParameterError
        When the key is taken.
    """

    def enter(function: DistanceFunction) -> DistanceFunction:
        if key in _REGISTRY:
            raise ParameterError("a key no other distance has", key, "driftline.distances")
        _REGISTRY[key] = Distance(
            key=key, function=function, needs_order=needs_order, lower=lower, upper=upper, log_base=log_base
        )
        return function

    return enter


def get(name: str) -> Distance:
    """Return the distance registered under a key.

    Raises
    ------
    ParameterError
        When there is none; the message lists those there are.

    Examples
    --------
    >>> from driftline import distances
    >>> distances.get("psi").needs_order
    False
    """
    try:
        return _REGISTRY[name]
    except KeyError:
        raise ParameterError(f"one of {', '.join(names())}", name, "driftline.distances") from None


def names() -> tuple[str, ...]:
    """Return the keys of all distances, sorted.

    Examples
    --------
    >>> from driftline import distances
    >>> "kolmogorov_smirnov" in distances.names()
    True
    """
    return tuple(sorted(_REGISTRY))
