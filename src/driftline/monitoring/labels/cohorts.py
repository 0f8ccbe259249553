"""What one model's cohorts of predictions show of when labels arrive: at each age at which windows are revised.

A cohort is all performance windows that start in one span of prediction time, a day by default, long enough that hours
of the day do not matter. At each age it is complete when the last window that it could have has come to it; from
then on it is compared, and compared with.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from driftline.events.source import Kind, Offsets, merge_offsets
from driftline.monitoring.labels.performance_windows import unpacked
from driftline.monitoring.labels.revision_times import RevisionTimes
from driftline.monitoring.state.table import Table
from driftline.performance.arrival_curve import AgedCohort
from driftline.sketches.arrival import N_AGES, ArrivalLayout
from driftline.sketches.packed import Sparse
from driftline.sketches.sparse import merge_sparse, pack

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings

KEPT: Final = 60
"""Cohorts past the horizon that are kept: two months of days, eight of each day of the week."""


class CohortRevision(Struct, array_like=True):
    """What a cohort shows at one age."""

    n_predictions: int = 0
    ages: Sparse | None = None
    """First labels by age."""
    strata: Sparse | None = None
    """First labels by score and actual class."""
    complete: bool = False
    """Whether all of its windows are in it."""
    late: bool = False
    """Whether labels came later than usual: then it is not what others are compared with."""


class Cohort(Struct, array_like=True):
    """The predictions of one span of time under one task."""

    revisions: dict[int, CohortRevision] = {}
    """By age in ms."""
    offsets: dict[Kind, Offsets] = {}
    flags: list[str] = []


class CompleteCohort(NamedTuple):
    """A cohort that has become complete at an age."""

    start_ms: int
    end_ms: int
    """Of prediction time."""
    task: str
    age_ms: int
    at_ms: int
    """Event time at which it became complete."""
    cohort: Cohort

    @property
    def revision(self) -> CohortRevision:
        """What it shows."""
        return self.cohort.revisions[self.age_ms]


class Cohorts:
    """The cohorts of one model.

    Notes
    -----
    *State*: horizon / size cohorts that are not past the horizon and ``KEPT`` that are, each with two short sparse
    vectors an age. *Cost*: of a revision, O(strata).
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._times = RevisionTimes.of(settings)
        self.size_ms = settings.cohort_ms
        self._cohorts = Table("cohort", tuple[int, str], Cohort, self._restored)
        self._due: list[tuple[int, int, int, str]] = []
        self.tables = (self._cohorts,)

    def add(
        self,
        window: tuple[int, int],
        task: str,
        n_predictions: int,
        arrival: tuple[ArrivalLayout, NDArray[np.int64]],
        offsets: dict[Kind, Offsets],
        flags: Iterable[str],
    ) -> None:
        """Add what a window shows at a revision.

        Parameters
        ----------
        window : (int, int)
            Its start, and its age at the revision.
        arrival : (ArrivalLayout, ndarray of int64, shape (layout.n_cells,))
        """
        (window_ms, age_ms), (layout, vector) = window, arrival
        start_ms = window_ms - window_ms % self.size_ms
        key = (start_ms, task)
        cohort = self._cohorts.get(key) or Cohort()
        self._cohorts.put(key, cohort)
        revision = cohort.revisions.get(age_ms)
        if revision is None:
            revision = cohort.revisions[age_ms] = CohortRevision()
            heapq.heappush(self._due, (self._complete_ms(start_ms, age_ms), start_ms, age_ms, task))
        first = layout.first_of(vector)
        revision.n_predictions += n_predictions
        revision.ages = _added(revision.ages, first.sum(axis=(1, 2)))
        revision.strata = _added(revision.strata, first.sum(axis=0).ravel())
        for kind, ranges in offsets.items():
            merge_offsets(cohort.offsets.setdefault(kind, {}), ranges)
        cohort.flags = sorted({*cohort.flags, *flags})

    def _complete_ms(self, start_ms: int, age_ms: int) -> int:
        """Return when the last window that starts in a cohort has an age."""
        size_ms = self._times.size_ms
        last_ms = start_ms + self.size_ms - 1
        return last_ms - last_ms % size_ms + size_ms + age_ms

    def due_ms(self) -> int | None:
        """Return the moment at which a cohort next becomes complete at an age."""
        return self._due[0][0] if self._due else None

    def take(self) -> CompleteCohort:
        """Return the cohort that becomes complete next, after all revisions of its windows at that age."""
        at_ms, start_ms, age_ms, task = heapq.heappop(self._due)
        cohort = self._cohorts[start_ms, task]
        cohort.revisions[age_ms].complete = True
        self._cohorts.changed((start_ms, task))
        return CompleteCohort(start_ms, start_ms + self.size_ms, task, age_ms, at_ms, cohort)

    def mark_late(self, complete: CompleteCohort) -> None:
        """Note that labels of a cohort came later than usual."""
        complete.revision.late = True
        self._cohorts.changed((complete.start_ms, complete.task))

    def forget_oldest(self) -> None:
        """Forget the oldest of the cohorts that are past the horizon, where there are too many."""
        horizon_ms = self._times.ages_ms[-1]
        past = [key for key, cohort in sorted(self._cohorts.items()) if _is_complete(cohort, horizon_ms)]
        for key in past[:-KEPT]:
            self._cohorts.drop(key)

    @property
    def oldest_ms(self) -> int:
        """Start of the oldest cohort that is kept, which is never none once one has been complete."""
        return min(start_ms for start_ms, _ in self._cohorts)

    def earlier(self, complete: CompleteCohort) -> dict[int, CohortRevision]:
        """Return what cohorts before one showed at its age, by their start, the oldest first."""
        return {
            start_ms: cohort.revisions[complete.age_ms]
            for (start_ms, task), cohort in sorted(self._cohorts.items())
            if task == complete.task and start_ms < complete.start_ms and _is_complete(cohort, complete.age_ms)
        }

    def mature(self, task: str, age_ms: int) -> list[tuple[CohortRevision, CohortRevision]]:
        """Return the revisions at an age and at the horizon of cohorts past it that have both, the oldest first."""
        horizon_ms = self._times.ages_ms[-1]
        return [
            (cohort.revisions[age_ms], cohort.revisions[horizon_ms])
            for (_, each), cohort in sorted(self._cohorts.items())
            if each == task and age_ms in cohort.revisions and _is_complete(cohort, horizon_ms)
        ]

    def aged(self, task: str) -> list[AgedCohort]:
        """Return the cohorts of a task, each at the greatest age at which it is complete, the oldest first."""
        result = []
        for (_, each), cohort in sorted(self._cohorts.items()):
            ages = [age_ms for age_ms, revision in cohort.revisions.items() if revision.complete]
            if each == task and ages:
                revision = cohort.revisions[max(ages)]
                result.append(AgedCohort(max(ages), revision.n_predictions, by_age(revision)))
        return result

    def _restored(self) -> None:
        """Take up the cohorts that are not complete at each of their ages."""
        for (start_ms, task), cohort in self._cohorts.items():
            for age_ms, revision in cohort.revisions.items():
                if not revision.complete:
                    self._due.append((self._complete_ms(start_ms, age_ms), start_ms, age_ms, task))
        heapq.heapify(self._due)


def by_age(revision: CohortRevision) -> NDArray[np.int64]:
    """Return the first labels of a revision by age, shape (N_AGES,)."""
    return unpacked(revision.ages, N_AGES)


def by_stratum(revision: CohortRevision, layout: ArrivalLayout) -> NDArray[np.int64]:
    """Return the first labels of a revision by score and actual class, shape (n_scores, n_codes)."""
    return unpacked(revision.strata, layout.n_strata).reshape(layout.n_scores, layout.n_codes)


def _added(before: Sparse | None, counts: NDArray[np.int64]) -> Sparse:
    return pack(counts) if before is None else merge_sparse([before, pack(counts)])


def _is_complete(cohort: Cohort, age_ms: int) -> bool:
    revision = cohort.revisions.get(age_ms)
    return revision is not None and revision.complete
