"""Events of a rare kind that come in clumps of random length, as missing values do: what their variance leaves open.

Clumps of a geometric or exponential length, one after another at random, are the simplest such stream: a source that
fails now and then, for a while. With a mean length of b events the design effect of their number is λ = 2 b − 1, and a
sum of m events is that of m / b clumps. Two things follow that a design effect alone does not say: how well it is known
(few clumps say little of how long they are), and how much heavier than normal the tails of such sums are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scipy.special import chdtri

if TYPE_CHECKING:
    from driftline.significance.dispersion import Dispersion

LEAST_CLUMPS: Final = 7
"""Degrees of freedom of fewer clumps: with less, a source that failed once could fail for good, and nobody was told."""
_NO_WONDER: Final = 1e-3
"""Level at which a share contradicts another."""


def resting_on_clumps(dispersion: Dispersion) -> Dispersion:
    """Return a dispersion of two groups with no more degrees of freedom than there are clumps of the rarer one.

    Parameters
    ----------
    dispersion : Dispersion
        Of events with something and without.

    Returns
    -------
    Dispersion
        The same where events are independent. Else ν is at most m / b, with m events of the rarer group and their mean
        clump b = (λ + 1) / 2, and at least :data:`LEAST_CLUMPS`.

    Notes
    -----
    The tail of Student's t with ν degrees of freedom falls like x^(−ν), and so does the predictive distribution of the
    next clump's length after ν clumps of exponential length, Pareto's (1 + x / ν)^(−ν).
    """
    if dispersion.independent:
        return dispersion
    rarer = float(dispersion.shares.min()) * dispersion.n_events
    effect = max(1.0, float(dispersion.design_effects(dispersion.window_events).max()))
    n_clumps = max(float(LEAST_CLUMPS), 2 * rarer / (effect + 1))
    return replace(dispersion, freedom=min(dispersion.freedom, n_clumps))


def not_contradicting(dispersion: Dispersion, share: float) -> Dispersion:
    """Return a dispersion of two groups by which it is no wonder that the second was rarer than in a reference.

    Parameters
    ----------
    dispersion : Dispersion
        Of events with something and without, as production shows it.
    share : float in [0, 1)
        Of the second group in a reference without times.

    Notes
    -----
    Of values that are missing for an hour every two days, some weeks have none: independent they are not.
    """
    seen, variance = float(dispersion.shares[1]), share * (1 - share)
    if seen >= share:
        return dispersion
    effect = max(1.0, float(dispersion.design_effects(dispersion.window_events).max()))
    least = dispersion.n_events * (share - seen) ** 2 / variance / float(chdtri(1, _NO_WONDER))
    if least <= effect:
        return dispersion
    return replace(
        dispersion,
        covariance=least / effect * dispersion.covariance,
        excess=least / effect * dispersion.excess,
        freedom=min(dispersion.freedom, float(LEAST_CLUMPS)),
        independent=False,
        _standardised={},
        _eigenvalues={},
    )


def tilt_factor(theta: float) -> float:
    """Return by how much more than its variance asks for the tilt of a share must be tempered, at least 1.

    Parameters
    ----------
    theta : float, at least 0
        Tilt of the share: its events are bet on with the factor exp(θ).

    Notes
    -----
    Of n events a share p comes in Poisson many clumps of exponential length with mean b. With the tempered tilt θ / λ,
    the logarithm of the mean gain is (n p / b) u / (1 − u), where u = θ b / λ, and its price is n p (exp(θ) − 1) / λ
    for a small p. The price is enough if λ ≥ b θ / (1 − θ / (exp(θ) − 1)). For small tilts that is 2 b, the design
    effect; the factor is the quotient.

    Examples
    --------
    >>> [round(tilt_factor(theta), 2) for theta in (0.0, 1.0, 3.0, 6.0)]
    [1.0, 1.2, 1.78, 3.05]
    """
    least = 1e-3
    return theta / 2 / (1 - theta / math.expm1(theta)) if theta > least else 1.0
