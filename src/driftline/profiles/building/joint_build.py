"""Which numeric features of a profile are looked at together, and what their null distributions are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.profiles.profile import JointReference
from driftline.sketches.columns import NumericColumn
from driftline.sketches.joint import MAX_FEATURES, MAX_JOINT, WEIGHT_UNITS, Z_UNITS, Joint, complete_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from driftline.sketches.columns import Column
    from driftline.sketches.encoding import EncodedColumns

MAX_ROWS: Final = 2_000
"""Reference rows that are kept for the null distributions."""
MAX_BYTES: Final = 128 * 1024
"""Bytes of them; more columns, fewer rows."""
_MEDIAN_ROWS: Final = 500
"""Rows whose distances give the bandwidth."""
_SEED: Final = 20_071_203
"""Of the random Fourier features, so that equal rows give equal profiles."""
_TURN_BITS: Final = 28
_CROSS: Final = frozenset({"correlation", "reconstruction"})


def build_joint(
    columns: tuple[Column, ...],
    importances: Mapping[str, float],
    checks: Collection[str],
    encoded: EncodedColumns,
) -> tuple[Joint, JointReference] | tuple[None, None]:
    """Return what sketches keep of the numeric features together; nothing where no check wants it, or where fewer than
    two features vary.

    Where there are more than ``MAX_JOINT`` numeric features, the most important are taken, then the first by name.
    """
    names = [
        (-importances.get(column.name, 1.0), column.name, index)
        for index, column in enumerate(columns)
        if isinstance(column, NumericColumn) and column.role == "feature" and column.spread > 0
    ]
    chosen = tuple(sorted(index for *_, index in sorted(names)[:MAX_JOINT]))
    if not checks or len(chosen) < 2:  # noqa: PLR2004  # a correlation needs two
        return None, None
    numeric = np.array([i for i, column in enumerate(columns) if isinstance(column, NumericColumn)], dtype=np.int64)
    joint = Joint(chosen, cross=not _CROSS.isdisjoint(checks), sampled="domain_classifier" in checks)
    z, _ = complete_rows(joint, numeric, encoded)
    if z.shape[1] < 2:  # noqa: PLR2004  # no spread in one row
        return None, None
    sample = z[:, spaced(z.shape[1], min(MAX_ROWS, MAX_BYTES // (2 * len(chosen))))]
    if "mean_embedding" in checks:
        frequencies, phases = random_frequencies(sample[:, spaced(sample.shape[1], _MEDIAN_ROWS)] / Z_UNITS)
        joint = Joint(
            chosen, joint.cross, frequencies.astype("<i4").tobytes(), phases.astype("<i4").tobytes(), joint.sampled
        )
    pairs = np.stack(influences(z / Z_UNITS)) if joint.cross else np.empty((2, 0))
    reference = JointReference(pairs.astype("<f8").tobytes(), sample.T.astype("<i2").tobytes())
    return joint, reference


def spaced(n: int, n_wanted: int) -> NDArray[np.int64]:
    """Return at most so many of n rows, evenly spaced.

    Examples
    --------
    >>> spaced(10, 4).tolist(), spaced(3, 4).tolist()
    ([0, 2, 5, 7], [0, 1, 2])
    """
    return np.arange(n) if n <= n_wanted else np.arange(n_wanted) * n // n_wanted


def random_frequencies(z: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return frequencies, shape (m, p), and phases, shape (m,), of random features of a Gaussian kernel.

    Parameters
    ----------
    z : ndarray of float64, shape (p, k)
        Rows in standard deviations; the kernel's bandwidth is the median of their distances.

    Notes
    -----
    *Source*: Rahimi and Recht (2007), algorithm 1; the median heuristic as in Gretton et al. (2012), section 8,
    Journal of Machine Learning Research 13.
    """
    squares = (z * z).sum(axis=0)
    distances = squares[:, None] + squares - 2 * (z.T @ z)
    median = float(np.median(distances[np.triu_indices(z.shape[1], 1)]))
    width = math.sqrt(median) if median > 0 else math.sqrt(2 * z.shape[0])
    chance = np.random.default_rng(_SEED)
    turns = chance.standard_normal((MAX_FEATURES, z.shape[0])) / (2 * math.pi * width)
    phases = chance.integers(0, 1 << _TURN_BITS, MAX_FEATURES)
    limit = float(1 << 30)
    return np.clip(np.rint(turns * WEIGHT_UNITS), -limit, limit).astype(np.int64), phases


def influences(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return variance and excess kurtosis of the influence ψ = xy − r(x² + y²)/2 of one event on each correlation.

    Parameters
    ----------
    z : ndarray of float64, shape (p, n)

    Returns
    -------
    variances, kurtoses : ndarray of float64, shape (p(p - 1)/2,)
        The variance is n times the asymptotic variance of the sample correlation, whatever the distribution; (1 − r²)²
        for a normal one, and taken as no less. The kurtosis is taken as no less than that of independent columns with
        these marginals: where the events that matter are rare, a sample says too little of either. 1 and 0 where a
        column does not vary.

    Notes
    -----
    *Source*: the delta method for a ratio of moments; Steiger and Hakstian (1982),
    doi:10.1111/j.2044-8317.1982.tb00653.x.

    Examples
    --------
    >>> variances, kurtoses = influences(np.random.default_rng(1).normal(size=(2, 100_000)))
    >>> bool(abs(variances[0] - 1) < 0.03), bool(abs(kurtoses[0] - 6) < 1)
    (True, True)
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        x = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    squares = x * x
    fourths = (squares * squares).mean(axis=1)
    variances, kurtoses = [np.empty(0)], [np.empty(0)]
    for a in range(z.shape[0] - 1):
        influence = x[a] * x[a + 1 :]
        r = influence.mean(axis=1, keepdims=True)
        influence -= r / 2 * (squares[a] + squares[a + 1 :])
        influence *= influence  # its mean is 0
        variance = influence.mean(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            kurtosis = (influence * influence).mean(axis=1) / variance**2
        variances.append(np.maximum(variance, (1 - r[:, 0] ** 2) ** 2))
        kurtoses.append(np.maximum(kurtosis, fourths[a] * fourths[a + 1 :]) - 3)
    both = np.stack([np.concatenate(variances), np.concatenate(kurtoses)])
    sound = np.isfinite(both).all(axis=0)
    return np.where(sound, both[0], 1.0), np.where(sound, both[1], 0.0)
