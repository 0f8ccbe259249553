"""How large a change is that has moved the mean of a score by so much: worked out when it is first asked."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class SizeCurve:
    """The mean of a score as a function of the size of a change.

    Parameters
    ----------
    below : callable of NDArray to NDArray
        Given sizes, shape (S,), the shares of values below each group but the first, shape (S, G - 1).
    scores : ndarray of float64, shape (G,)
    sizes : ndarray of float64, shape (S,)
        0 first, and then farther and farther from it.

    Notes
    -----
    Scores are bounded, as nobody knows how far the values of the outermost groups lie: so a shift of 2 has a mean score
    of about 1.7.
    """

    def __init__(
        self,
        below: Callable[[NDArray[np.float64]], NDArray[np.float64]],
        scores: NDArray[np.float64],
        sizes: NDArray[np.float64],
    ) -> None:
        self._below = below
        self._scores = scores
        self.sizes = sizes

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """By how much the mean score is higher with each size, shape (S,), ascending from 0."""
        means = np.diff(self._below(self.sizes), prepend=0.0, append=1.0, axis=1) @ self._scores
        rising: NDArray[np.float64] = np.maximum.accumulate(means - means[0])
        return rising

    def size_of(self, change: float) -> float:
        """Return the size at which the mean score is higher by so much; at most the last one."""
        return float(np.interp(change, self.means, self.sizes))
