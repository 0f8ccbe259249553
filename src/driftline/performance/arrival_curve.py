"""The maturity curve: the share of predictions with a label by age, from the cohorts that have reached that age."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.sketches.arrival import AGE_EDGES_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class AgedCohort(NamedTuple):
    """Predictions of one span of time, with the ages at which their first labels arrived.

    Attributes
    ----------
    age_ms : int
        Least age of all of them: labels of a greater age may still arrive.
    n_predictions : int
    by_age : ndarray of int64, shape (N_AGES,)
        First labels by age.
    """

    age_ms: int
    n_predictions: int
    by_age: NDArray[np.int64]


class CurvePoint(NamedTuple):
    """One point of the curve.

    Attributes
    ----------
    age_ms : int
    n_labelled, n_predictions, n_cohorts : int
        Totals over the cohorts of at least this age.
    """

    age_ms: int
    n_labelled: int
    n_predictions: int
    n_cohorts: int


def maturity_curve(cohorts: Sequence[AgedCohort], horizon_ms: int) -> list[CurvePoint]:
    """Return the share of predictions that had a label within each age, up to the horizon.

    Parameters
    ----------
    cohorts : sequence of AgedCohort
    horizon_ms : int
        Age after which labels are ignored.

    Returns
    -------
    list of CurvePoint
        In ascending order of age, up to the age that some cohort has reached.

    Notes
    -----
    Right-censoring: a point uses only cohorts past its age, so labels that are still to come are not estimated, and a
    point of a great age describes the state that long ago. Young cohorts are not assumed to resemble old ones (Kaplan
    and Meier's estimator assumes that labels arrive alike in both). So the curve may fall from one age to the next
    where labels have lately become faster; it is not made monotone.

    *Cost*: O(cohorts x ages).

    Examples
    --------
    >>> import numpy as np
    >>> by_age = np.zeros(17, dtype=np.int64)
    >>> by_age[[0, 4]] = 5, 3
    >>> curve = maturity_curve([AgedCohort(3_600_000, 10, by_age), AgedCohort(5_000, 10, by_age)], 3_600_000)
    >>> [(point.age_ms, point.n_labelled, point.n_predictions) for point in curve][::2]
    [(1000, 10, 20), (60000, 5, 10), (3600000, 8, 10)]
    """
    points = []
    within: list[tuple[AgedCohort, list[int]]] = [(cohort, cohort.by_age.cumsum().tolist()) for cohort in cohorts]
    for index, age_ms in enumerate(AGE_EDGES_MS):
        within = [each for each in within if each[0].age_ms >= age_ms]
        n_predictions = sum(cohort.n_predictions for cohort, _ in within)
        if age_ms > horizon_ms or n_predictions <= 0:
            break
        n_labelled = sum(labelled[index] for _, labelled in within)
        points.append(CurvePoint(age_ms, n_labelled, n_predictions, len(within)))
    return points
