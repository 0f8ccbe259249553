"""Fitting a profile's estimator on the reference rows that have labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.profiles.building.contradictions import scores_mislead
from driftline.profiles.building.loss_build import build_loss_estimator, fitted_rows
from driftline.profiles.calibrator import fit_calibrator, isotonic_points
from driftline.profiles.estimator import BinaryEstimator, MulticlassEstimator, score_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.events.outcomes import Score
    from driftline.profiles.building.encoded_reference import EncodedReference
    from driftline.profiles.estimator import Estimator
    from driftline.profiles.task import Task

MIN_LABELLED: Final = 500
"""Labelled rows without which nothing is fitted."""
MAX_CLASSES: Final = 64
"""Classes of a task at most: what is kept of each event is quadratic in their number."""
N_FOLDS: Final = 10
MAX_TRIED: Final = 200_000
"""Rows on which it is tried whether calibrating helps; of more, evenly spaced ones are taken."""
N_GROUPS: Final = 10
"""Groups, of equal numbers of rows, of the expected calibration error."""
_SEED: Final = 20_020_723
"""Of the folds, so that equal rows give equal profiles."""


def build_estimator(reference: EncodedReference) -> Estimator | None:
    """Return the estimator of reference rows; None where too few of them have what it takes.

    There is none for a task of more classes than the profile lists either, as it would know nothing of the others, and
    none where scores contradict predictions or labels.
    """
    task, labels, columns = reference.task, reference.labels, reference.columns
    if labels is None or scores_mislead(reference) or (task.kind == "multiclass" and reference.has_unlisted_classes):
        return None
    prediction = next((i for i, column in enumerate(columns) if column.role == "prediction"), -1)
    if task.kind == "binary":
        return _binary(labels, reference.rows.scores, prediction)
    if task.kind == "multiclass" and reference.score_maps is not None and prediction >= 0:
        return _multiclass(task, labels, reference.score_maps, prediction)
    if task.kind == "regression" and reference.pairs is not None:
        errors = reference.pairs.predicted - labels
        rows = np.flatnonzero(np.isfinite(errors))
        if rows.size >= MIN_LABELLED:
            rows = rows[fitted_rows(columns, rows.size)]
            return build_loss_estimator(columns, reference.rows.bins.take(rows), errors[rows], prediction)
    return None


def _binary(labels: NDArray[np.float64], scores: NDArray[np.float64] | None, prediction: int) -> BinaryEstimator | None:
    if scores is None:
        return None
    rows = np.flatnonzero((labels >= 0) & (labels <= 1) & (scores >= 0.0) & (scores <= 1.0))
    hits = labels[rows] == 1
    if rows.size < MIN_LABELLED or hits.all() or not hits.any():
        return None
    helps = calibration_helps(scores[rows], hits)
    return BinaryEstimator(fit_calibrator(scores[rows], hits, calibrate=helps), prediction)


def _multiclass(
    task: Task, labels: NDArray[np.float64], maps: Sequence[Score | None], prediction: int
) -> MulticlassEstimator | None:
    if not 1 < len(task.classes) <= MAX_CLASSES:
        return None
    scores = score_matrix(task.classes, maps)
    labelled = (labels >= 0) & (labels < len(task.classes))
    rows = np.flatnonzero(labelled & ((scores >= 0.0) & (scores <= 1.0)).all(axis=0))
    if rows.size < MIN_LABELLED:
        return None
    calibrators = []
    for code, raw in enumerate(scores[:, rows]):
        hits = labels[rows] == code
        helps = bool(hits.any()) and not hits.all() and calibration_helps(raw, hits)
        calibrators.append(fit_calibrator(raw, hits, calibrate=helps))
    return MulticlassEstimator(task.classes, tuple(calibrators), prediction)


def calibration_helps(scores: NDArray[np.float64], hits: NDArray[np.bool_]) -> bool:
    """Return whether calibrated scores of rows held out have the smaller expected calibration error than raw ones.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,), in [0, 1]
    hits : ndarray of bool, shape (n,)

    Notes
    -----
    *Source*: as NannyML 0.13 decides it, ``needs_calibration``: the error over 10 groups of equal size, of all rows
    held out together. Deviations: 10 disjoint folds in the place of 10 random tenths, so each row is held out once; no
    exception for scores that separate the classes almost without error.
    """
    if scores.size > MAX_TRIED:
        chosen = np.arange(MAX_TRIED) * scores.size // MAX_TRIED
        scores, hits = scores[chosen], hits[chosen]
    folds = _folds(hits)
    calibrated = np.empty(scores.size)
    for fold in range(N_FOLDS):
        held_out = folds == fold
        if hits[~held_out].any():
            calibrated[held_out] = np.interp(scores[held_out], *isotonic_points(scores[~held_out], hits[~held_out]))
    return expected_calibration_error(scores, hits) > expected_calibration_error(calibrated, hits)


def _folds(hits: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the fold of each row: as many hits in each, in an order that has nothing to do with the rows'."""
    folds = np.empty(hits.size, dtype=np.int64)
    chance = np.random.default_rng(_SEED)
    for kind in (False, True):
        rows = np.flatnonzero(hits == kind)
        folds[chance.permutation(rows)] = np.arange(rows.size) % N_FOLDS
    return folds


def expected_calibration_error(probabilities: NDArray[np.float64], hits: NDArray[np.bool_]) -> float:
    """Return the mean distance of probability and share of hits, over groups of equal size in the order of probability.

    Examples
    --------
    >>> round(expected_calibration_error(np.repeat([0.2, 0.8], 50), np.repeat([False, True], 50)), 6)
    0.2
    """
    order = np.argsort(probabilities, kind="stable")
    gaps = (probabilities - hits)[order]
    return sum(abs(float(group.sum())) for group in np.array_split(gaps, N_GROUPS)) / gaps.size
