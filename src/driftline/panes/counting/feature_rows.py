"""What labelled predictions add to the errors by group of their features, by join pane and performance window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.panes.counting.group_sums import Cells
from driftline.profiles.feature_errors import OF_CLASSES, positives
from driftline.sketches.feature_errors import N_CELLS, feature_cells
from driftline.sketches.joined import errors_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile
    from driftline.sketches.joined import LabelledPairs

_DENSE: Final = 4_000_000
"""Cells up to which they are counted as a whole, 32 MB."""


def feature_rows(
    profile: Profile, pairs: LabelledPairs, words: NDArray[np.uint64], group: NDArray[np.int64], n_groups: int
) -> Cells | None:
    """Return what n pairs add to the cells of :mod:`driftline.sketches.feature_errors`; None where they add nothing.

    Parameters
    ----------
    profile : Profile
        Says which errors count; labels of classes that its task does not know are left out.
    pairs : LabelledPairs
    words : ndarray of uint64, shape (n,)
        The groups of their features.
    group : ndarray of int64, shape (n,)
        Which of ``n_groups`` join panes and windows each belongs to.
    """
    threshold = _threshold(profile)
    if threshold is None:
        return None
    kept = words != 0
    if profile.task.classes:
        kept &= pairs.actual < len(profile.task.classes)
    rows = np.flatnonzero(kept)
    if not rows.size:
        return None
    chosen = pairs.rows(rows)
    wrong = errors_of(profile.task.performance_layout, chosen) > threshold
    which, cells = feature_cells(words[rows], wrong, positives(profile.task, chosen.actual))
    if n_groups * N_CELLS > _DENSE:
        return Cells(group[rows][which], cells, chosen.signs[which])
    keys = group[rows][which] * N_CELLS + cells
    sums = np.rint(np.bincount(keys, weights=chosen.signs[which])).astype(np.int64)
    known = np.flatnonzero(sums)
    return Cells(known // N_CELLS, known % N_CELLS, sums[known])


def _threshold(profile: Profile) -> float | None:
    """Return the error beyond which a prediction is wrong; None of a regression whose reference does not say."""
    if profile.task.classes:
        return OF_CLASSES
    return None if profile.feature_errors is None else profile.feature_errors.threshold
