"""How likely it is that an event has the value of the one before, where events come in sessions.

What a user does comes one event after another with the same values, so equal values in a row are nothing remarkable. In
the simplest such stream each event goes on with the values of the one before or, with probability r, begins a session
with values of its own. The number of events in sessions of geometric length with mean 1 / r has the variance ratio
λ = 2 / r − 1, so λ tells r; of independent events both are 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.detectors.mixture.bets import MARGIN

if TYPE_CHECKING:
    from numpy.typing import NDArray


def log_goes_on(
    shares: NDArray[np.float64], ratios: NDArray[np.float64], n_reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ln of an upper limit of the probability that the next event has the value of this one, shape (C,).

    Parameters
    ----------
    shares : ndarray of float64, shape (C,), in [0, 1]
        Of the values that lie in the same group, in the reference.
    ratios : ndarray of float64, shape (C,), at least 1
        λ, how much more shares vary than those of independent events; infinite where that is not known.
    n_reference : ndarray of float64, shape (C,), above 0
        Values of the reference that the shares are of.

    Returns
    -------
    ndarray of float64, shape (C,), at most 0
        ln (1 − r (1 − p)) with r = 2 / (λ + 1) and p two standard errors above the share; 0 where λ is not known.

    Examples
    --------
    >>> one = np.ones(3)
    >>> np.exp(log_goes_on(0.1 * one, np.array([1.0, 9.0, np.inf]), np.inf * one)).round(3).tolist()
    [0.1, 0.82, 1.0]
    """
    known = np.isfinite(ratios)
    ratios = np.where(known, ratios, 1.0)
    most = np.minimum(shares + MARGIN * np.sqrt(shares * (1 - shares) * ratios / n_reference), 1.0)
    goes_on = np.maximum(1 - 2 / (ratios + 1) * (1 - most), np.finfo(np.float64).tiny)
    logs: NDArray[np.float64] = np.where(known, np.log(goes_on), 0.0)
    return logs
