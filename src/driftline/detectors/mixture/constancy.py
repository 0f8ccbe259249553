"""How likely it is that all values of a pane are one and the same by chance, where events come in sessions.

What a user does comes one event after another with the same values, so equal values in a row are nothing remarkable. In
the simplest such stream each event goes on with the values of the one before or, with probability r, begins a session
with values of its own. The number of events in sessions of geometric length with mean 1 / r has the variance ratio
λ = 2 / r − 1, so λ tells r; of independent events both are 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN: Final = 2.0
"""Standard errors of the reference by which each group is taken for larger."""


def log_constant(shares: NDArray[np.float64], n: int, ratio: float, n_reference: float) -> float:
    """Return ln of an upper limit of the probability that all n values lie in one group.

    Parameters
    ----------
    shares : ndarray of float64, shape (G,), sum 1
        Of the values in the reference.
    n : int, at least 1
    ratio : float, at least 1
        λ, how much more shares vary than those of independent events; infinite where that is not known.
    n_reference : float, above 0
        Values of the reference that the shares are of.

    Returns
    -------
    float
        ln Σ p(g) (1 − r (1 − p(g)))^(n − 1) with r = 2 / (λ + 1), at most 0; each p(g) is two standard errors higher.

    Examples
    --------
    >>> round(log_constant(np.full(10, 0.1), 3, 1.0, np.inf), 3), round(float(np.log(0.01)), 3)
    (-4.605, -4.605)
    >>> round(log_constant(np.full(10, 0.1), 3, 9.0, np.inf), 3), log_constant(np.full(10, 0.1), 3, np.inf, 100.0)
    (-0.397, 0.0)
    """
    if not np.isfinite(ratio):
        return 0.0
    shares = shares[shares > 0]
    most = np.minimum(shares + MARGIN * np.sqrt(shares * (1 - shares) * ratio / n_reference), 1.0)
    goes_on = 1 - 2 / (ratio + 1) * (1 - most)
    return min(0.0, float(np.logaddexp.reduce(np.log(most) + (n - 1) * np.log(goes_on))))
