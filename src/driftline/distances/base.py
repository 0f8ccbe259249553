"""The contract that every distance keeps, and the registry that finds them.

A distance compares the counts of a window with the counts of its profile over the *same* bins. It is a pure function:
it keeps no state, reads no clock, and the same counts give the same result on every worker.

Contract
--------
A distance MUST

- take two one-dimensional integer arrays of equal shape, and raise :class:`~driftline.errors.ParameterError` for
  others; a distance of values takes a :class:`~driftline.distances.support.Support` of that shape as well;
- return ``None`` where either side counted nothing: there is nothing to compare, and no number that would say so;
- return finite numbers otherwise;
- not depend on bins that are empty on both sides;
- give its bias-corrected form, which is zero on average when nothing has changed, to within what it states.

It CANNOT tell whether the difference is real: that is the business of :mod:`driftline.significance`.

Zero bins
---------
One rule for all distances that take logarithms or divide by shares: bins empty on *both* sides are dropped, then half a
count is added to *every* remaining bin on both sides (the expected share under Jeffreys' prior). No constant of a fixed
size is used: its weight would depend on the number of events. Dropping comes first, for a half count in a doubly empty
bin is apparent drift as soon as the two sides differ in size. Every other distance takes the plain shares.

The null
--------
When nothing has changed, the differences p − q of the two sides' shares are nearly normal with mean 0 and covariance
λ̄ (1/n + 1/N) (diag π − ππᵀ), where π are the common shares, estimated by the pooled ones, and λ̄ is `dispersion`. All
corrections are expectations under this null, see :mod:`driftline.distances.null_expectation`. A distance that is a root
is corrected under the root: the signed square of its corrected form is zero on average, and the form itself stays
right for large changes, where the root's own bias is negligible.

One factor λ̄ for all modes of a histogram is exact for independent data. Where data depend on each other, sums over many
neighbouring bins vary more than λ̄ says (the largest mode of an autoregression of 0.9 has several times the mean):
distances that read the order of the bins then stay above zero on average. They are effect sizes; no verdict rests on
them.

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
"""What a distance reads: the bins' shares in any order, in the order of the values, or with the values themselves."""

On = Literal["groups", "grid"]
"""Bins a distance is meant for: groups of near equal reference share, or all bins of the column."""


class DistanceFunction(Protocol):
    """What a registered function on counts looks like; see the module's contract."""

    def __call__(self, current: Counts, reference: Counts, *, dispersion: float = 1.0) -> DistanceResult | None:
        """Compare the counts of a window with those of its profile."""


class OrderedDistanceFunction(Protocol):
    """What a function looks like that can do without the values, and says less without."""

    def __call__(
        self, current: Counts, reference: Counts, support: Support | None = None, *, dispersion: float = 1.0
    ) -> DistanceResult | None:
        """Compare the distribution functions of a window and of its profile."""


class ValueDistanceFunction(Protocol):
    """What a registered function on counts and the values in their bins looks like."""

    def __call__(
        self, current: Counts, reference: Counts, support: Support, *, dispersion: float = 1.0
    ) -> DistanceResult | None:
        """Compare the values of a window with those of its profile."""


class Distance(Struct, frozen=True, kw_only=True):
    """A registered distance and what must be known to configure and to read it.

    Parameters
    ----------
    key : str
        Permanent name in configurations and events.
    function : DistanceFunction, OrderedDistanceFunction or ValueDistanceFunction
        The computation.
    reads : {"shares", "order", "values"}
        What it reads; only one that reads shares applies to categories.
    on : {"groups", "grid"}
        Bins it is meant for.
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
        """Whether it must be told which values the bins hold."""
        return self.reads == "values"

    def __call__(
        self, current: Counts, reference: Counts, *, dispersion: float = 1.0, support: Support | None = None
    ) -> DistanceResult | None:
        """Compare a window with its profile.

        A distance that reads values needs `support`; one that reads the order bounds its error more narrowly with it,
        for it then knows which bins hold a single value; others ignore it.
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
    """Enter a function into the registry under a permanent key.

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
