"""Fitting the loss model of a regression on labelled reference rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.profiles.building.joint_build import spaced
from driftline.profiles.loss_estimator import LossEstimator, LossGroups, codes_of
from driftline.profiles.loss_trees import MAX_CODES, RIDGE, grow
from driftline.sketches.columns import CategoricalColumn
from driftline.sketches.estimates import LOSS_BLOCKS
from driftline.sketches.scores import ERROR_LIMIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.columns import Column

MAX_ROWS: Final = 100_000
MAX_VALUES: Final = 1_000_000
"""Labelled rows, and rows times columns, that it is fitted on; of more, evenly spaced rows are taken."""
MIN_ROWS: Final = 10_000
"""So many are taken whatever the number of columns."""
MAX_COLUMNS: Final = 64
"""Features that it looks at, the first of the profile, beside the prediction."""
MIN_HELD_OUT: Final = 20
"""Rows held out in a group of expected loss, below which its variance is that of all."""
_FOLDS: Final = 5


def fitted_rows(columns: tuple[Column, ...], n: int) -> NDArray[np.int64]:
    """Return which of n labelled rows the loss model is fitted on."""
    return spaced(n, min(MAX_ROWS, max(MIN_ROWS, MAX_VALUES // (len(_features(columns)) + 1))))


def build_loss_estimator(
    columns: tuple[Column, ...], bins: NDArray[np.integer], errors: NDArray[np.float64], prediction: int
) -> LossEstimator:
    """Return the loss model of labelled rows.

    ``bins``, shape (len(columns), n), are those of the :func:`fitted_rows` of all that have prediction and label;
    ``errors`` are prediction less label, in units of the reference's spread; ``prediction`` is the position of the
    prediction's column.

    Notes
    -----
    The model is fitted twice: on four fifths of the rows, to see how far the others' losses are from what is expected,
    and on all.
    """
    looked_at = (*_features(columns), prediction)
    absolute = np.minimum(np.abs(errors), ERROR_LIMIT)
    losses = np.stack([absolute, absolute * absolute])
    tables = [_table(columns[i], bins[i], absolute) for i in looked_at]
    codes = codes_of(bins, looked_at, tables)
    held_out = np.arange(errors.size) % _FOLDS == 0
    tried = grow(codes[:, ~held_out], losses[:, ~held_out])(codes[:, held_out])
    trees = grow(codes, losses)
    groups = [_groups(*each) for each in zip(trees(codes), tried, losses[:, held_out], strict=True)]
    return LossEstimator(looked_at, tuple(table.tobytes() for table in tables), trees, tuple(groups), prediction)


def _features(columns: tuple[Column, ...]) -> list[int]:
    return [i for i, column in enumerate(columns) if column.role == "feature"][:MAX_COLUMNS]


def _table(column: Column, bins: NDArray[np.integer], losses: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the code of an absent value, which is 0, and of each bin: bins in order, categories by their mean loss."""
    present = bins >= 0
    n_rows = np.bincount(bins[present], minlength=column.n_bins)
    order = np.arange(column.n_bins)
    if isinstance(column, CategoricalColumn):
        sums = np.bincount(bins[present], weights=losses[present], minlength=column.n_bins)
        order = np.argsort((sums + RIDGE * losses.mean()) / (n_rows + RIDGE), kind="stable")
    codes = np.empty(column.n_bins + 1, dtype=np.uint8)
    codes[0] = 0
    codes[1 + order] = 1 + np.arange(column.n_bins) * (MAX_CODES - 1) // max(column.n_bins, MAX_CODES - 1)
    return codes


def _groups(expected: NDArray[np.float64], tried: NDArray[np.float64], losses: NDArray[np.float64]) -> LossGroups:
    bounds = _bounds(expected)
    rows = np.bincount(np.searchsorted(bounds, expected, side="right"), minlength=LOSS_BLOCKS)
    at = np.searchsorted(bounds, tried, side="right")
    squares = (losses - tried) ** 2
    n_tried = np.bincount(at, minlength=LOSS_BLOCKS)
    sums = np.bincount(at, weights=squares, minlength=LOSS_BLOCKS)
    variances = np.where(n_tried >= MIN_HELD_OUT, sums / np.maximum(n_tried, 1), squares.mean())
    return LossGroups(tuple(bounds.tolist()), tuple(rows.tolist()), tuple(variances.tolist()))


def _bounds(expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return bounds between distinct values, so that those of another model, near them, fall into the same groups."""
    distinct = np.unique(expected)
    shares = np.arange(1, LOSS_BLOCKS) / LOSS_BLOCKS
    at = np.searchsorted(distinct, np.quantile(expected, shares, method="higher"))
    bounds: NDArray[np.float64] = (distinct[at] + distinct[np.maximum(at - 1, 0)]) / 2
    return bounds
