"""How large the errors of a regression are in the reference: groups of them, which panes count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from driftline.profiles.error_spread import DAY_MS, SpreadOfMetric, spread_between
from driftline.profiles.task import NO_TIME
from driftline.sketches.joined import errors_of
from driftline.sketches.scores import ERROR_LIMIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.profiles.task import Task
    from driftline.sketches.joined import LabelledPairs

_QUANTILES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Of the absolute errors, between groups; the last group's mean says how heavy the tail is."""


class ErrorGroups(Struct, frozen=True, array_like=True):
    """Groups of absolute errors, G of them, in units of the reference's spread."""

    edges: tuple[float, ...]
    """Between the groups, G - 1, ascending; an error that is equal to an edge is above it."""
    counts: tuple[int, ...]
    """Labelled rows of each group, above 0."""
    means: tuple[float, ...]
    """Mean absolute error of each group."""
    window_ms: int
    """Length of a performance window."""
    of_windows: SpreadOfMetric
    """How much the mean varies between windows if each error counts as the mean of its group."""
    of_days: SpreadOfMetric | None = None
    """The same between days; None where there are too few."""

    def places(self, errors: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the groups of absolute errors, shape (n,)."""
        groups: NDArray[np.int64] = np.searchsorted(np.array(self.edges), errors, side="right")
        return groups


def error_groups(task: Task, pairs: LabelledPairs, times_ms: NDArray[np.int64], window_ms: int) -> ErrorGroups | None:
    """Return the groups of the labelled rows of a regression; None for classes, and where too few windows have any.

    Parameters
    ----------
    task : Task
    pairs : LabelledPairs
        Of n rows; not-a-number where one has no prediction or no label.
    times_ms : ndarray of int64, shape (n,)
        ``NO_TIME`` where a row has none.
    window_ms : int
        Length of a performance window.

    Notes
    -----
    *State*: at most 12 groups, about 300 bytes. The order of the rows does not show.
    """
    if task.kind != "regression":
        return None
    rows = np.flatnonzero(np.isfinite(pairs.predicted) & np.isfinite(pairs.actual))
    errors = np.minimum(errors_of(task.performance_layout, pairs.rows(rows)), ERROR_LIMIT)
    if not errors.size:
        return None
    order = np.lexsort((times_ms[rows], errors))  # the order of the rows does not show in sums
    rows, errors = rows[order], errors[order]
    edges = np.unique(np.quantile(errors, _QUANTILES, method="higher"))
    edges = edges[edges > errors.min()]
    groups = np.searchsorted(edges, errors, side="right")
    counts = np.bincount(groups, minlength=edges.size + 1)
    means = np.bincount(groups, weights=errors, minlength=edges.size + 1) / counts
    timed = times_ms[rows] != NO_TIME
    scores, times = means[groups][timed], times_ms[rows][timed]
    of_windows, of_days = (spread_between(scores, times // size_ms) for size_ms in (window_ms, DAY_MS))
    if of_windows is None:
        return None
    in_days = of_days if window_ms < DAY_MS else None
    return ErrorGroups(
        tuple(edges.tolist()), tuple(counts.tolist()), tuple(means.tolist()), window_ms, of_windows, in_days
    )
