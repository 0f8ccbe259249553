"""Labelled predictions of a binary task by decision and group of scores, from its confusion counts and histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.performance.classification import confusion_counts
from driftline.sketches.scores import SCORE_BINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.performance.cases import Floats
    from driftline.sketches.scores import PerformanceLayout

MAX_GROUPS: Final = 20
"""Groups of scores, of near equal numbers of the reference's labels: as many labels in each as a group's rate needs."""


class ScoreCells(NamedTuple):
    """Labels by decision (0 negative, 1 positive) and group of scores.

    Attributes
    ----------
    counts, positives : ndarray of float64, shape (2, g)
        Labels, and those of the positive class; sums of weights if labels are weighted.
    squared_weight : float
        Σω² / Σω of the labels; 1 without weights.
    """

    counts: Floats
    positives: Floats
    squared_weight: float


class Decisions(NamedTuple):
    """Where the scores' order and the decisions agree.

    Attributes
    ----------
    bin : int
        Scores of higher bins were decided positive, of lower ones negative.
    counts : ndarray of int64, shape (2, 2, SCORE_BINS)
        By decision, label and score bin.
    """

    bin: int
    counts: NDArray[np.int64]


def decisions_by_score(layout: PerformanceLayout, vector: NDArray[np.int64]) -> Decisions | str:
    """Return the labels by decision, label and score bin, or why that is not known, in words.

    A vector has the decisions by label, and the scores by label, but not both together. They follow from each other if
    the decision is whether the score reaches a threshold: within one bin, whose counts are what is left.
    """
    confusion = confusion_counts(layout, vector)
    known, scores = confusion[:2, :2], np.maximum(layout.score_histograms_of(vector), 0)
    if known.sum() != confusion.sum():
        return "classes outside the profile"
    if not scores.any():
        return "no scores"
    if (scores.sum(axis=1) != known.sum(axis=0)).any():
        return "labels without a score"
    above = scores[:, ::-1].cumsum(axis=1)[:, ::-1] - scores
    inside = known[1][:, None] - above
    fits = np.flatnonzero(((inside >= 0) & (inside <= scores)).all(axis=0))
    if not fits.size:
        return "decisions do not follow from scores"
    at = int(fits[0])
    positive = np.where(np.arange(SCORE_BINS) > at, scores, 0)
    positive[:, at] = inside[:, at]
    return Decisions(at, np.stack([scores - positive, positive]))


def grouped(decisions: Decisions, bounds: NDArray[np.int64], unit: int, squared_weight: float) -> ScoreCells:
    """Return labels by decision and group of scores; group g begins at the bin ``bounds[g]``, the first at 0."""
    sums = np.add.reduceat(decisions.counts, bounds, axis=2) / unit
    return ScoreCells(sums.sum(axis=1), sums[:, 1], squared_weight)


def group_bounds(reference: Decisions, window: Decisions) -> NDArray[np.int64]:
    """Return the bins at which groups begin: of near equal numbers of the reference's labels, and cut where the
    decisions change on either side.
    """
    by_bin = reference.counts.sum(axis=(0, 1))
    before = by_bin.cumsum() - by_bin
    wanted = before * MAX_GROUPS // max(int(by_bin.sum()), 1)
    filled = np.flatnonzero(by_bin)
    first = filled[np.flatnonzero(np.diff(wanted[filled], prepend=-1))]
    cuts = {0, *first.tolist()[1:], *(each.bin + 1 for each in (reference, window))}
    return np.array(sorted(cut for cut in cuts if cut < SCORE_BINS), dtype=np.int64)
