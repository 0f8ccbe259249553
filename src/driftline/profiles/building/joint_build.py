"""Which numeric features of a profile are looked at together, and what their null distributions are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.profiles.building.means_of_rows import LEAF_ROWS, mean_of_rows
from driftline.profiles.profile import JointReference
from driftline.sketches.columns import NumericColumn
from driftline.sketches.joint import MAX_FEATURES, MAX_JOINT, WEIGHT_UNITS, Z_UNITS, Joint

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.typing import NDArray

    from driftline.profiles.building.encoded_rows import EncodedRows

MAX_ROWS: Final = 2_000
"""Reference rows that are kept for the null distributions."""
MAX_BYTES: Final = 128 * 1024
"""Bytes of them; more columns, fewer rows."""
_MEDIAN_ROWS: Final = 500
"""Rows whose distances give the bandwidth."""
_SEED: Final = 20_071_203
"""Of the random Fourier features, so that equal rows give equal profiles."""
_TURN_BITS: Final = 28
_LEAF_VALUES: Final = 1 << 20
"""Products of two columns that are made together: what the processor's cache holds."""
_CROSS: Final = frozenset({"correlation", "reconstruction"})


def build_joint(
    rows: EncodedRows, importances: Mapping[str, float], checks: Collection[str]
) -> tuple[Joint, JointReference] | tuple[None, None]:
    """Return what sketches keep of the numeric features together; nothing where no check wants it, or where fewer than
    two features vary.

    Where there are more than ``MAX_JOINT`` numeric features, the most important are taken, then the first by name.
    """
    names = [
        (-importances.get(column.name, 1.0), column.name, index)
        for index, column in enumerate(rows.columns)
        if isinstance(column, NumericColumn) and column.role == "feature" and column.spread > 0
    ]
    chosen = tuple(sorted(index for *_, index in sorted(names)[:MAX_JOINT]))
    if not checks or len(chosen) < 2:  # noqa: PLR2004  # a correlation needs two
        return None, None
    joint = Joint(chosen, cross=not _CROSS.isdisjoint(checks), sampled="domain_classifier" in checks)
    z = rows.complete(joint)
    if z.n < 2:  # noqa: PLR2004  # no spread in one row
        return None, None
    sample = z.take(spaced(z.n, min(MAX_ROWS, MAX_BYTES // (2 * len(chosen))))).astype(np.float64)
    if "mean_embedding" in checks:
        frequencies, phases = random_frequencies(sample[:, spaced(sample.shape[1], _MEDIAN_ROWS)] / Z_UNITS)
        joint = Joint(
            chosen, joint.cross, frequencies.astype("<i4").tobytes(), phases.astype("<i4").tobytes(), joint.sampled
        )
    pairs = np.empty((2, 0))
    if joint.cross:
        some_left_out = z.n < rows.n
        pairs = np.stack(
            influences(lambda start, stop: z.rows(start, stop) / Z_UNITS, z.n, some_left_out=some_left_out)
        )
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


def influences(
    rows: Callable[[int, int], NDArray[np.float64]], n: int, *, some_left_out: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return variance and excess kurtosis of the influence ψ = xy − r(x² + y²)/2 of one event on each correlation.

    Parameters
    ----------
    rows : callable
        From a first and a last row to the values of those between them, shape (p, last - first).
    n : int
        How many rows there are.
    some_left_out : bool
        Whether they were chosen among others: which sums are then made in which order is in no digit that matters, but
        in profiles, which are known by their bytes.

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

    *Cost*: four readings of the rows; memory for a few thousand of them.

    Examples
    --------
    >>> z = np.random.default_rng(1).normal(size=(2, 100_000))
    >>> variances, kurtoses = influences(lambda first, last: z[:, first:last], 100_000)
    >>> bool(abs(variances[0] - 1) < 0.03), bool(abs(kurtoses[0] - 6) < 1)
    (True, True)
    """
    every = slice(None) if some_left_out else slice(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = mean_of_rows(rows, n, in_sequence=every)[:, None]
        squares = mean_of_rows(lambda start, stop: (rows(start, stop) - mean) ** 2, n, in_sequence=every)
        spread = np.sqrt(squares)[:, None]

        def standardised(start: int, stop: int) -> NDArray[np.float64]:
            x: NDArray[np.float64] = (rows(start, stop) - mean) / spread
            return x

        p = mean.size
        leaf_rows = min(LEAF_ROWS, _LEAF_VALUES // p**2)
        but_last = slice(-1) if some_left_out else slice(0)
        means = mean_of_rows(lambda start, stop: _products(standardised(start, stop)), n, leaf_rows, but_last)
        fourths, r = means[:p], means[p:]

        def squares_of(start: int, stop: int) -> NDArray[np.float64]:
            return _influences(standardised(start, stop), r)

        def fourths_of(start: int, stop: int) -> NDArray[np.float64]:
            return np.square(squares_of(start, stop))

        variance = mean_of_rows(squares_of, n, leaf_rows, but_last)
        fourth = mean_of_rows(fourths_of, n, leaf_rows, but_last)
        kurtosis = fourth / variance**2
        a, b = np.triu_indices(p, 1)
        variances = np.maximum(variance, (1 - r**2) ** 2)
        kurtoses = np.maximum(kurtosis, fourths[a] * fourths[b]) - 3
    both = np.stack([variances, kurtoses])
    sound = np.isfinite(both).all(axis=0)
    return np.where(sound, both[0], 1.0), np.where(sound, both[1], 0.0)


def _products(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fourth power of each of p columns, then the product of each two, of m events: (p + pairs, m)."""
    squares = x * x
    return np.concatenate([squares * squares, *(x[a] * x[a + 1 :] for a in range(len(x) - 1))])


def _influences(x: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return squares of the influence of m events on each correlation, shape (pairs, m)."""
    squares, first = x * x, 0
    influence = np.empty((r.size, x.shape[1]))
    for a in range(len(x) - 1):
        of_pair = influence[first : first + len(x) - 1 - a]
        np.multiply(x[a], x[a + 1 :], out=of_pair)
        of_pair -= r[first : first + len(of_pair), None] / 2 * (squares[a] + squares[a + 1 :])
        first += len(of_pair)
    influence *= influence  # the mean of influences is 0
    return influence
