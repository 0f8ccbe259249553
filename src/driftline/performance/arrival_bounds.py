"""Worst-case bounds of a window's metrics over all values of its missing labels, without any assumption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

POSITIVE: Final = 1
Bounds = tuple[float, float]


def worst_case_bounds(
    confusion: NDArray[np.int64], n_predictions: int, by_class: NDArray[np.int64] | None, *, binary: bool
) -> dict[str, Bounds]:
    """Return the least and the greatest value that each metric can have over all predictions of a window.

    Parameters
    ----------
    confusion : ndarray of int64, shape (n_codes, n_codes), or with a row more
        Labelled predictions by predicted and actual class; in the last row more those of unknown classes that were
        wrong as another unknown class occurred.
    n_predictions : int
        All predictions, with a label or without.
    by_class : ndarray of int64, shape (n_codes,), or None
        All predictions by predicted class, which narrows the bounds of precision and recall; None where unknown.
    binary : bool
        Whether class 1 is the positive one; else there are bounds of accuracy alone.

    Returns
    -------
    dict of str to (float, float)
        ``accuracy`` and, for binary tasks, ``precision``, ``recall``, ``f1`` and ``positive_rate``; without those that
        may be undefined. Empty without predictions.

    Notes
    -----
    The bounds are sharp: some values of the missing labels attain each end. They hold for labels that are still to
    arrive and for labels that never will.

    *Source*: Manski (1989), doi:10.2307/145818, equation 3 for shares; the ratios by their monotonicity in each unknown
    count. Deviations: none.

    Examples
    --------
    >>> bounds = worst_case_bounds(np.array([[60, 10], [5, 15]]), 100, np.array([77, 23]), binary=True)
    >>> {name: tuple(round(end, 3) for end in ends) for name, ends in bounds.items()}["accuracy"]
    (0.75, 0.85)
    """
    labelled = np.maximum(confusion, 0)
    n = max(n_predictions, int(labelled.sum()))
    if n == 0:
        return {}
    right, missing = int(np.trace(labelled)), n - int(labelled.sum())
    bounds = {"accuracy": (right / n, (right + missing) / n)}
    if not binary:
        return bounds
    hit, n_predicted = int(labelled[POSITIVE, POSITIVE]), int(labelled[POSITIVE].sum())
    n_actual = int(labelled[:, POSITIVE].sum())
    bounds["positive_rate"] = (n_actual / n, (n_actual + missing) / n)
    yes, no = _missing(labelled, missing, by_class)
    # yes: at most so many without a label were predicted positive, no: predicted negative; together `missing`
    ends = {
        "precision": ((hit, n_predicted + yes), (hit + yes, n_predicted + yes)),
        "recall": ((hit, n_actual + no), (hit + yes, n_actual + yes)),
        "f1": ((2 * hit, n_predicted + n_actual + missing), (2 * (hit + yes), n_predicted + n_actual + 2 * yes)),
    }
    for name, ((low, of_low), (high, of_high)) in ends.items():
        if of_low > 0 and of_high > 0:
            bounds[name] = (low / of_low, high / of_high)
    return bounds


def _missing(labelled: NDArray[np.int64], missing: int, by_class: NDArray[np.int64] | None) -> tuple[int, int]:
    """Return the largest numbers of unlabelled predictions that can be positive, and negative."""
    if by_class is None:
        return missing, missing
    yes = min(missing, max(0, int(by_class[POSITIVE]) - int(labelled[POSITIVE].sum())))
    return yes, missing - yes
