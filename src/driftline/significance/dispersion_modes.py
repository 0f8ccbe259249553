"""The modes of a column's dispersion: tests for dependence between panes and for excess variation between windows.

All matrices are on an orthonormal basis in which independent events have the identity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from driftline.sketches.dispersion_sums import LAG_WEIGHTS, UNIT

Floats: TypeAlias = npt.NDArray[np.float64]

LEADING_MODES: Final = 5
"""Modes that are compared with the windows one by one."""

_TRACE_SCORE: Final = 3.0
"""Standard errors from which on a trace is not that of independent data."""
_TRACY_WIDOM: Final = 3.3
"""Quantile of the Tracy-Widom law of order 1 that one largest eigenvalue in a thousand exceeds."""
_SQUARED_WEIGHTS: Final = (LAG_WEIGHTS[0] ** 2 + 2 * sum(w**2 for w in LAG_WEIGHTS[1:])) / UNIT**2
"""Variance of the Newey-West sum of independent panes, in that of the sum between panes."""


@dataclass(frozen=True)
class PerEvent:
    """Covariance per event of groups that all hold events, with what it rests on."""

    matrix: Floats
    shares: Floats
    """Half an event for what has none."""
    per_event: float
    """Σn / Σn², the inverse of the events of a typical pane or window."""
    n_parts: float
    """N² / Σn², the effective number of panes or windows of equal size."""


def per_event_of(unions: Floats, sums: Floats | npt.NDArray[np.int64], events: npt.NDArray[np.int64]) -> PerEvent:
    """Return the covariance per event of unions of groups, centred, and corrected for the estimated centre.

    Parameters
    ----------
    unions : NDArray[float64], shape (number of unions, G)
        Matrix that sums groups; every union holds events of the panes.
    sums : NDArray[float64 or int64], shape (G, G)
        Of :class:`~driftline.sketches.dispersion_sums.ColumnSums`, with lags in units of 1.
    events : NDArray[int64], shape (G,)
        Events that they are of.
    """
    matrix = unions @ sums @ unions.T
    counts = unions @ events
    total = float(counts.sum())
    shares = counts / total
    row = matrix.sum(axis=1)
    squares = float(row.sum())
    centred = matrix - np.outer(shares, row) - np.outer(row, shares) + squares * np.outer(shares, shares)
    remaining = max(1 - squares / total**2, 0.1)
    floored = np.maximum(counts, 0.5) / total
    return PerEvent(centred / total / remaining, floored, total / squares, total**2 / squares)


def _trace_variance(part: PerEvent, n_modes: int, squared_weights: float) -> float:
    """Return the variance of the trace of independent data: Haldane's of Pearson's statistic, summed over the panes."""
    n_groups = n_modes + 1
    rare = float((1 / part.shares).sum()) - n_groups**2 - 2 * n_groups + 2
    return (2 * n_modes * squared_weights + rare * part.per_event) / part.n_parts


def _edge(n_modes: int, freedom: float) -> float:
    """Return the 0.999 quantile of the largest eigenvalue of a sample covariance of independent data."""
    a, b = math.sqrt(freedom), math.sqrt(n_modes)
    return float((a + b) ** 2 + _TRACY_WIDOM * (a + b) * (1 / a + 1 / b) ** (1 / 3)) / freedom


def pane_modes(panes: PerEvent, between: Floats, lagged: Floats) -> tuple[Floats, bool, float]:
    """Return the covariance at the scale of panes, whether it is that of independence, and its degrees of freedom."""
    n_modes = len(between)
    of_panes = max(_trace_variance(panes, n_modes, 1.0), 1e-12)
    of_lagged = max(_trace_variance(panes, n_modes, _SQUARED_WEIGHTS), 1e-12)
    alike = (
        float(np.trace(between)) - n_modes < _TRACE_SCORE * math.sqrt(of_panes)
        and float(np.trace(lagged)) - n_modes < _TRACE_SCORE * math.sqrt(of_lagged)
        and float(np.linalg.eigvalsh(between)[-1]) < _edge(n_modes, 2 * n_modes / of_panes)
    )
    if alike:
        return np.eye(n_modes), True, 2 * n_modes / of_panes
    values, vectors = np.linalg.eigh(lagged)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T, False, 2 * n_modes / of_lagged


def window_modes(
    windows: PerEvent, between: Floats, modes: Floats, freedom: float, *, alike: bool
) -> tuple[Floats | None, float]:
    """Return the excess covariance between windows over that of their panes, or None, and its degrees of freedom."""
    n_modes = len(modes)
    rests_on = windows.n_parts - 1
    if rests_on < 1:
        return None, freedom
    values, vectors = np.linalg.eigh(modes)
    # The directions in which panes vary most are where slow variation is to be expected: asked one by one.
    values, vectors = values[: -LEADING_MODES - 1 : -1], vectors[:, : -LEADING_MODES - 1 : -1]
    along = np.einsum("ij,ik,kj->j", vectors, between, vectors)
    beyond_chance = along > values * float(special.fdtri(rests_on, max(freedom, 1.0), 1 - 0.01 / values.size))
    # Of dependent data what exceeds is added even where chance may have made it: too few windows prove little.
    added = beyond_chance if alike else along > values
    slow = (vectors * np.where(added, along - values, 0.0)) @ vectors.T
    modes = modes + slow
    # Shrunk for this comparison alone (Chen et al. 2010, doi:10.1109/TSP.2010.2053029): noise must not be divided by.
    trace, squares = float(np.trace(modes)), float((modes**2).sum())
    difference = squares - trace**2 / n_modes
    weight = (
        min(1.0, ((1 - 2 / freedom) * squares + trace**2) / ((freedom + 2) * difference)) if difference > 0 else 1.0
    )
    weight = max(weight, 1e-6)
    root = np.linalg.cholesky((1 - weight) * modes + weight * trace / n_modes * np.eye(n_modes))
    inverse = np.linalg.inv(root)
    values, vectors = np.linalg.eigh(inverse @ between @ inverse.T)
    values, vectors = values[::-1], vectors[:, ::-1]
    n_large = 0
    while n_large < n_modes:
        rest = float(values[n_large:].mean()) if n_large else 1.0
        if values[n_large] <= max(rest, 1.0) * _edge(n_modes - n_large, rests_on):
            break
        n_large += 1
    raised = np.zeros(n_modes)
    raised[:n_large] = values[:n_large] - 1
    if n_large < n_modes:
        rest, n_rest = float(values[n_large:].mean()), n_modes - n_large
        noise = _trace_variance(windows, n_modes, 1.0) / n_modes / n_rest + 2 / (freedom * n_rest)
        if rest - 1 > _TRACE_SCORE * math.sqrt(max(noise, 0.0)):
            raised[n_large:] = rest - 1
    large = root @ vectors
    more = slow + (large * raised) @ large.T
    if not more.any():
        return None, freedom
    return more, rests_on if beyond_chance.any() or raised.any() else freedom


def complement(unit: Floats) -> Floats:
    """Return orthonormal columns that complete a unit vector with all entries above 0: shape (G, G - 1)."""
    reflector = unit.copy()
    reflector[0] += 1.0
    reflector /= math.sqrt(float(reflector @ reflector))
    basis: Floats = (np.eye(unit.size) - 2 * np.outer(reflector, reflector))[:, 1:]
    return basis
