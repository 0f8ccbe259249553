"""How much the errors of a reference vary from one performance window to the next: in streams they come in spells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from driftline.profiles.task import NO_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.profiles.task import Task
    from driftline.sketches.joined import LabelledPairs

    Floats = NDArray[np.float64]
    Losses = tuple[NDArray[np.float64], NDArray[np.bool_] | slice]

LEAST_WINDOWS: Final = 10
"""Fewer windows say too little of how much they vary."""
DAY_MS: Final = 86_400_000
_LEAST_SCORE: Final = 2.0**-52
_EVERY: Final = slice(None)
_LARGE: Final = 1_000
"""Losses of a window, on average, from which windows are sorted one by one: in less memory than all together."""


class SpreadOfMetric(Struct, frozen=True, array_like=True):
    """How much the mean of one loss varies between windows."""

    dispersion: float
    """Variance of the windows' means over that of means of independent losses, greater than 0."""
    n_windows: int
    n_per_window: float
    """Labels of a window, weighted by themselves."""

    def at(self, n: float) -> float:
        """Return the dispersion of windows of n labels, at least 1.

        What exceeds 1 grows with the labels that share a spell; it is not taken for smaller where there are fewer.

        Examples
        --------
        >>> SpreadOfMetric(3.0, 100, 50.0).at(200), SpreadOfMetric(3.0, 100, 50.0).at(10)
        (9.0, 3.0)
        """
        return 1 + max(0.0, self.dispersion - 1) * max(1.0, n / self.n_per_window)


class ErrorSpread(Struct, frozen=True, array_like=True):
    """The spread of each metric that can be tested."""

    window_ms: int
    """Length of the windows."""
    metrics: dict[str, SpreadOfMetric]
    of_days: dict[str, SpreadOfMetric] = {}
    """The same between days; empty where there are too few."""


def error_spread(task: Task, pairs: LabelledPairs, times_ms: NDArray[np.int64], window_ms: int) -> ErrorSpread | None:
    """Return how the losses of labelled rows vary between windows; None where too few windows have any.

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
    With nᵢ losses of mean mᵢ in window i, mean m and variance v of all, and W windows: Σ nᵢ (mᵢ - m)² / v / (W - 1),
    Pearson's estimate; what seasons and trends do to errors is in it. The order of the rows does not show.

    *Source*: McCullagh and Nelder (1989), Generalized Linear Models, section 4.5, for shares.
    """
    timed = times_ms != NO_TIME
    timed &= np.isfinite(pairs.predicted)
    timed &= np.isfinite(pairs.actual)
    if not timed.all():
        pairs, times_ms = pairs.rows(np.flatnonzero(timed)), times_ms[timed]
    by_size: list[dict[str, SpreadOfMetric]] = [{}, {}]
    for name, (losses, counted) in _losses(task, pairs):
        for metrics, size_ms in zip(by_size, (window_ms, DAY_MS), strict=True):
            spread = spread_between(losses[counted], times_ms[counted] // size_ms)
            if spread is not None:
                metrics[name] = spread
    of_windows, of_days = by_size
    return ErrorSpread(window_ms, of_windows, of_days if window_ms < DAY_MS else {}) if of_windows else None


def _losses(task: Task, pairs: LabelledPairs) -> Iterator[tuple[str, Losses]]:
    """Yield what each metric is the mean of, and which rows it is about."""
    predicted, actual, scores = pairs.predicted, pairs.actual, pairs.scores
    if task.kind == "regression":
        error = np.abs(predicted - actual)
        yield "mae", (error, _EVERY)
        yield "mse", (error * error, _EVERY)
        return
    wrong = (predicted != actual).astype(np.float64)
    yield "accuracy", (wrong, _EVERY)
    if task.kind == "binary":
        yield "precision", (wrong, predicted == 1)
        yield "recall", (wrong, actual == 1)
        yield "specificity", (wrong, actual == 0)
        del wrong
        scored = np.isfinite(scores) & (actual <= 1)
        counted = _EVERY if scored.all() else scored
        of_label = np.where(actual == 1, scores, 1 - scores)
        np.clip(of_label, _LEAST_SCORE, 1, out=of_label)
        np.log(of_label, out=of_label)
        yield "log_loss", (np.negative(of_label, out=of_label), counted)
        of_label = np.where(actual == 1, scores, 1 - scores)
        np.subtract(1, of_label, out=of_label)
        yield "brier", (np.square(of_label, out=of_label), counted)


def spread_between(losses: Floats, windows: NDArray[np.int64]) -> SpreadOfMetric | None:
    """Return how much the mean of n losses varies between the windows that they are in; None where these are too few.

    The order of the losses does not show.
    """
    if not losses.size:
        return None
    losses, windows = _in_order(losses, windows)
    starts = np.flatnonzero(windows[1:] != windows[:-1]) + 1
    starts = np.concatenate([[0], starts])
    variance = float(losses.var())
    if starts.size < LEAST_WINDOWS or variance <= 0:
        return None
    sizes = np.diff(np.append(starts, losses.size)).astype(np.float64)
    means = np.add.reduceat(losses, starts) / sizes
    dispersion = float((sizes * (means - losses.mean()) ** 2).sum()) / variance / (starts.size - 1)
    return SpreadOfMetric(dispersion, int(starts.size), float((sizes * sizes).sum() / sizes.sum()))


def _in_order(losses: Floats, windows: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Return losses in the order of their windows, and within a window by their size."""
    if bool((windows[1:] < windows[:-1]).any()):
        order = np.argsort(windows, kind="stable")
        losses, windows = losses[order], windows[order]
    else:
        losses = losses.copy()
    ends = np.flatnonzero(windows[1:] != windows[:-1]) + 1
    if (ends.size + 1) * _LARGE > losses.size:
        return losses[np.lexsort((losses, windows))], windows
    for window in np.split(losses, ends):
        window.sort()
    return losses, windows
