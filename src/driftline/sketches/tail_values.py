"""Values beyond the reference's range, in the fixed point of their bins' sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


TAIL_LIMIT: Final = float(1 << 40)


TAIL_SCALE: Final = float(1 << 20)


class TailValues(NamedTuple):
    """The values of n events and c numeric columns that fell beyond the reference's range, t of them."""

    numeric: NDArray[np.int64]
    """Which of the numeric columns, shape (t,)."""
    rows: NDArray[np.int64]
    """Which event, shape (t,)."""
    units: NDArray[np.int64]
    """The standardised value in units of 2⁻²⁰, shape (t,)."""

    @classmethod
    def none(cls) -> TailValues:
        """Return what there is where all values are inside."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing, nothing)

    @classmethod
    def together(cls, parts: list[TailValues]) -> TailValues:
        """Return the values of all parts."""
        return cls(*map(np.concatenate, zip(*parts, strict=True))) if parts else cls.none()


def tail_units(
    values: NDArray[np.float64], mean: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return finite values standardised, in units of 2⁻²⁰, shape (t,); a spread of zero standardises by 1.

    Examples
    --------
    >>> one = np.ones(3)
    >>> (tail_units(np.array([1e4, -1e300, 2.0]), one, one) / TAIL_SCALE).tolist()
    [9999.0, -1099511627776.0, 1.0]
    """
    with np.errstate(over="ignore"):
        z = (values - mean) / np.where(spread > 0, spread, 1.0)
    return np.rint(np.clip(z, -TAIL_LIMIT, TAIL_LIMIT) * TAIL_SCALE).astype(np.int64)
