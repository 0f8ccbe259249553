"""The contract that every distance keeps, and the registry of distances.

A distance compares the counts of a window with the counts of its profile over the *same* bins. It is a pure function:
it keeps no state, reads no clock, and the same counts give the same result on every worker.

Contract
--------
A distance MUST

- accept two one-dimensional integer arrays of equal shape, and raise :class:`~driftline.errors.ParameterError` for
  others; a distance of values also accepts a :class:`~driftline.distances.support.Support` of that shape;
- return ``None`` where either side has no events;
- return finite numbers otherwise;
- not depend on bins that are empty on both sides;
- return a bias-corrected form, which is zero on average when nothing has changed, to within the error it documents.

It CANNOT decide whether the difference is significant: see :mod:`driftline.significance`.

Zero bins
---------
All distances that take logarithms or divide by shares follow one rule: bins empty on *both* sides are dropped, then
half a count is added to *every* remaining bin on both sides (the expected share under Jeffreys' prior). A constant
share is not added, as its weight would depend on the number of events. Dropping comes first, as half a count in a bin
that is empty on both sides is apparent drift when the two sides differ in size. All other distances use plain shares.

The null
--------
When nothing has changed, the differences p − q of the two sides' shares are nearly normal with mean 0 and covariance
λ̄ (1/n + 1/N) (diag π − ππᵀ), where π are the common shares, estimated by the pooled ones, and λ̄ is `dispersion`. All
corrections are expectations under this null, see :mod:`driftline.distances.null_expectation`. A distance that is a root
is corrected under the root: the signed square of its corrected form is zero on average, and the form itself stays
right for large changes, where the root's own bias is negligible.

One factor λ̄ for all modes of a histogram is exact for independent data. For dependent data, sums over many adjacent
bins vary more than λ̄ implies (the largest mode of an autoregression of 0.9 has several times the mean dispersion), so
distances that use the order of the bins stay above zero on average. They are effect sizes; no test is based on them.

Source: Krichevsky and Trofimov (1981), doi:10.1109/TIT.1981.1056331, for the half count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, cast

from msgspec import Struct

from driftline.errors import ParameterError
from driftline.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.distances.sides import Counts, DistanceResult
    from driftline.distances.support import Support


Reads = Literal["shares", "order", "values"]
"""Input of a distance: the bins' shares in any order, in the order of the values, or with the values themselves."""

On = Literal["groups", "grid"]
"""Bins of a distance: groups of nearly equal reference share, or all bins of the column."""


class DistanceFunction(Protocol):
    """Signature of a distance of shares; see the module's contract."""

    def __call__(self, current: Counts, reference: Counts, *, dispersion: float = 1.0) -> DistanceResult | None:
        """Compare the counts of a window with those of its profile."""


class OrderedDistanceFunction(Protocol):
    """Signature of a distance that uses the order of the bins, and the values in them for a narrower error bound."""

    def __call__(
        self, current: Counts, reference: Counts, support: Support | None = None, *, dispersion: float = 1.0
    ) -> DistanceResult | None:
        """Compare the distribution functions of a window and of its profile."""


class ValueDistanceFunction(Protocol):
    """Signature of a distance that needs the values in the bins."""

    def __call__(
        self, current: Counts, reference: Counts, support: Support, *, dispersion: float = 1.0
    ) -> DistanceResult | None:
        """Compare the values of a window with those of its profile."""


class Distance(Struct, frozen=True, kw_only=True):
    """A registered distance with the properties that configurations and reports need.

    Parameters
    ----------
    key : str
        Permanent name in configurations and events.
    function : DistanceFunction, OrderedDistanceFunction or ValueDistanceFunction
        The computation.
    reads : {"shares", "order", "values"}
        Its input; only a distance of shares applies to categories.
    on : {"groups", "grid"}
        Bins on which it is computed.
    lower, upper : float
        Range of `raw`, ends included.
    log_base : str or None
        Base of the logarithm, ``"e"`` or ``"2"``; None where there is none.
    symmetric : bool
        Whether window and profile may be exchanged.
    """

    key: str
    function: DistanceFunction | OrderedDistanceFunction | ValueDistanceFunction
    reads: Reads
    on: On
    lower: float
    upper: float
    log_base: str | None
    symmetric: bool

    @property
    def needs_order(self) -> bool:
        """Whether the bins must be in the order of the values; such a distance does not apply to categories."""
        return self.reads != "shares"

    @property
    def needs_values(self) -> bool:
        """Whether it needs the values in the bins."""
        return self.reads == "values"

    def __call__(
        self, current: Counts, reference: Counts, *, dispersion: float = 1.0, support: Support | None = None
    ) -> DistanceResult | None:
        """Compare a window with its profile.

        A distance of values needs `support`; a distance that uses the order has a narrower error bound with it, which
        excludes bins of a single value; others ignore it.
        """
        if self.reads == "shares":
            return cast("DistanceFunction", self.function)(current, reference, dispersion=dispersion)
        if support is None and self.needs_values:
            raise ParameterError(f"the values of the bins, which {self.key} needs", None, "$.support")
        function = cast("OrderedDistanceFunction", self.function)
        return function(current, reference, support, dispersion=dispersion)


_DISTANCES: Registry[Distance] = Registry("distance", "driftline.distances")
_Function = TypeVar("_Function", bound=DistanceFunction | OrderedDistanceFunction | ValueDistanceFunction)

get = _DISTANCES.get
names = _DISTANCES.names


def register(
    key: str,
    *,
    reads: Reads,
    on: On,
    lower: float,
    upper: float,
    log_base: str | None = None,
    symmetric: bool = True,
) -> Callable[[_Function], _Function]:
    """Register a function under a permanent key.

    Parameters
    ----------
    key : str
        Permanent name; a distance whose meaning changes gets a new one.
    reads, on, lower, upper, log_base, symmetric
        As in :class:`Distance`.

    Returns
    -------
    callable
        A decorator that returns the function unchanged.

    Raises
    ------
    ParameterError
        When the key is taken.

    Examples
    --------
    >>> from driftline import distances
    >>> distances.get("psi").needs_order, "kolmogorov_smirnov" in distances.names()
    (False, True)
    """

    def enter(function: _Function) -> _Function:
        distance = Distance(
            key=key,
            function=function,
            reads=reads,
            on=on,
            lower=lower,
            upper=upper,
            log_base=log_base,
            symmetric=symmetric,
        )
        _DISTANCES.enter(key, distance)
        return function

    return enter
