"""From scores to probabilities: an isotonic calibrator, fitted on labelled rows, and how well they determine it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from msgspec import Struct

from driftline.sketches.estimates import score_middles
from driftline.sketches.scores import SCORE_BINS, score_bin

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_KNOTS: Final = 2_048
"""Points of a calibrator at most; of more, evenly spaced ones are kept."""
MAX_BLOCKS: Final = 64
"""Groups of scores, of near equal numbers of labelled rows, whose shares say how well the calibrator is determined."""


class Calibrator(Struct, frozen=True, array_like=True, dict=True):
    """The probability of a class by its score: straight lines between points, constant beyond the first and last.

    Notes
    -----
    *State*: 16 bytes a point, at most ``MAX_KNOTS``.
    """

    knots: bytes
    """Scores, ascending: float64 little-endian, shape (k,), as the values are. Empty where scores serve as they are."""
    values: bytes
    """Probabilities, never falling."""
    bounds: bytes
    """uint16 little-endian, shape (g - 1,): the score bin at which each group of labelled rows but the first begins."""
    rows: tuple[int, ...]
    """Labelled rows of each group, length g."""
    hits: tuple[int, ...]
    """How many of the rows of each group were of the class."""

    @property
    def fitted(self) -> bool:
        """Whether scores are changed at all."""
        return bool(self.knots)

    @property
    def n_rows(self) -> int:
        """Labelled rows that it was fitted on."""
        return sum(self.rows)

    @cached_property
    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores and probabilities of the points, both of shape (k,)."""
        return np.frombuffer(self.knots, dtype="<f8"), np.frombuffer(self.values, dtype="<f8")

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each score, of the same shape; not-a-number where the score is."""
        if not self.fitted:
            return scores
        knots, values = self.points
        return np.interp(scores, knots, values)

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """The group of each score bin, shape (SCORE_BINS,)."""
        bounds = np.frombuffer(self.bounds, dtype="<u2").astype(np.int64)
        return np.searchsorted(bounds, np.arange(SCORE_BINS), side="right")

    @cached_property
    def variances(self) -> NDArray[np.float64]:
        """Sampling variance of the share in each group, shape (g,).

        With half a hit and half a miss added (Jeffreys' prior), so that a group without a hit is not taken for certain.
        """
        rows, hits = np.array(self.rows, dtype=np.float64), np.array(self.hits, dtype=np.float64)
        shares = (hits + 0.5) / (rows + 1.0)
        return shares * (1.0 - shares) / (rows + 1.0)


_Points: TypeAlias = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


def fit_calibrator(scores: NDArray[np.float64], hits: NDArray[np.bool_], *, calibrate: bool = True) -> Calibrator:
    """Return the calibrator of labelled rows.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,), in [0, 1]
    hits : ndarray of bool, shape (n,)
        Which rows were of the class.
    calibrate : bool
        Otherwise the scores serve as they are, and only the groups are counted.

    Notes
    -----
    *Source*: isotonic regression by pool adjacent violators; Zadrozny and Elkan (2002), doi:10.1145/775047.775151.
    Deviations: of more than ``MAX_KNOTS`` points evenly spaced ones are kept.

    *Oracle*: scikit-learn 1.9, ``IsotonicRegression(out_of_bounds="clip")``.

    Examples
    --------
    >>> scores = np.array([0.1, 0.2, 0.4, 0.5, 0.9])
    >>> calibrator = fit_calibrator(scores, np.array([False, True, False, True, True]))
    >>> calibrator(np.array([0.0, 0.1, 0.15, 0.3, 0.45, 1.0])).round(6).tolist()
    [0.0, 0.0, 0.25, 0.5, 0.75, 1.0]
    """
    points = isotonic_points(scores, hits) if calibrate else (np.empty(0), np.empty(0))
    bins = score_bin(scores)
    by_label = np.stack([np.bincount(bins[hits == kind], minlength=SCORE_BINS) for kind in (False, True)])
    return _calibrator(points, by_label)


def refit_calibrator(histograms: NDArray[np.int64]) -> Calibrator:
    """Return the calibrator of labelled events that are known by score bin alone.

    ``histograms``, shape (2, SCORE_BINS), are by label and score bin, some events of each label; what is below zero is
    taken for zero.

    Notes
    -----
    *Source*: as :func:`fit_calibrator`. Deviations: every event's score is the middle of its bin.
    """
    by_label = np.maximum(histograms, 0)
    rows = by_label.sum(axis=0)
    filled = np.flatnonzero(rows)
    return _calibrator(_fitted(score_middles()[filled], rows[filled], by_label[1, filled].astype(np.float64)), by_label)


def _calibrator(points: _Points, by_label: NDArray[np.int64]) -> Calibrator:
    knots, values = points
    by_bin = by_label.sum(axis=0)
    starts = _group_starts(by_bin)
    rows, n_hits = np.add.reduceat(by_bin, starts), np.add.reduceat(by_label[1], starts)
    return Calibrator(
        knots.astype("<f8").tobytes(),
        values.astype("<f8").tobytes(),
        starts[1:].astype("<u2").tobytes(),
        tuple(rows.tolist()),
        tuple(n_hits.tolist()),
    )


def isotonic_points(scores: NDArray[np.float64], hits: NDArray[np.bool_]) -> _Points:
    """Return the points of the isotonic regression of hits on scores; those inside a constant stretch are left out."""
    knots, n_rows = np.unique(scores, return_counts=True)
    n_hits = np.bincount(np.searchsorted(knots, scores[hits]), minlength=knots.size)
    return _fitted(knots, n_rows, n_hits.astype(np.float64))


def _fitted(knots: NDArray[np.float64], n_rows: NDArray[np.int64], n_hits: NDArray[np.float64]) -> _Points:
    """Return the points of the isotonic regression on distinct scores, ascending."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415  # 45 MB that only who fits needs

    shares = n_hits / n_rows
    values = np.clip(isotonic_regression(shares, weights=n_rows.astype(np.float64)).x, 0.0, 1.0)
    inside = np.zeros(knots.size, dtype=np.bool_)
    inside[1:-1] = (values[1:-1] == values[:-2]) & (values[1:-1] == values[2:])
    ends = np.flatnonzero(~inside)
    if ends.size > MAX_KNOTS:
        ends = ends[np.arange(MAX_KNOTS) * (ends.size - 1) // (MAX_KNOTS - 1)]
    return knots[ends], values[ends]


def _group_starts(by_bin: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first score bin of each group: as many rows in each as whole bins allow, none empty."""
    n = int(by_bin.sum())
    before = np.cumsum(by_bin) - by_bin
    wanted = before * MAX_BLOCKS // max(n, 1)
    filled = np.flatnonzero(by_bin)
    first = filled[np.flatnonzero(np.concatenate([[True], wanted[filled][1:] != wanted[filled][:-1]]))]
    first[0] = 0
    return first
