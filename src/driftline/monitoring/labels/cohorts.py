"""What one model's cohorts of predictions show of when labels arrive: at each age at which windows are cut.

A cohort is all performance windows that start in one span of prediction time, a day by default, long enough that hours
of the day do not matter. At each age it is complete when the last window that it could have has been cut there; from
then on it is compared, and compared with.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from driftline.events.source import Kind, Offsets, merge_offsets
from driftline.monitoring.labels.revision_times import RevisionTimes
from driftline.monitoring.state.checkpoint import load
from driftline.performance.arrival_curve import AgedCohort
from driftline.sketches.arrival import N_AGES, ArrivalLayout
from driftline.sketches.packed import Sparse
from driftline.sketches.packed_merge import merge_sparse
from driftline.sketches.sparse import pack, unpack_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    found: bool = False
    """Whether labels came later than usual: then it is not what others are compared with."""


class Cohort(Struct, array_like=True):
    """The predictions of one span of time under one task."""

    cuts: dict[int, CohortRevision] = {}
    """By age in ms."""
    offsets: dict[Kind, Offsets] = {}
    flags: list[str] = []


class Aged(NamedTuple):
    """A cohort that has become complete at an age.

    Attributes
    ----------
    start_ms, end_ms : int
        Of prediction time.
    task : str
    age_ms : int
    at_ms : int
        The moment.
    cohort : Cohort
    """

    start_ms: int
    end_ms: int
    task: str
    age_ms: int
    at_ms: int
    cohort: Cohort

    @property
    def cut(self) -> CohortRevision:
        """What it shows."""
        return self.cohort.cuts[self.age_ms]


class Cohorts:
    """The cohorts of one model.

    Parameters
    ----------
    settings : ModelSettings

    Notes
    -----
    *State*: horizon / size cohorts that are not past the horizon and ``KEPT`` that are, each with two short sparse
    vectors an age. *Cost*: of a cut, O(strata).
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._times = RevisionTimes.of(settings)
        self.size_ms = settings.cohort_ms
        self._cohorts: dict[tuple[int, str], Cohort] = {}
        self._due: list[tuple[int, int, int, str]] = []
        self._dirty: set[tuple[int, str]] = set()

    def add(
        self,
        window: tuple[int, int],
        task: str,
        n_predictions: int,
        arrival: tuple[ArrivalLayout, NDArray[np.int64]],
        offsets: dict[Kind, Offsets],
        flags: Iterable[str],
    ) -> None:
        """Add what a window shows at a cut.

        Parameters
        ----------
        window : (int, int)
            Its start, and the age at which it was cut.
        task : str
        n_predictions : int
        arrival : (ArrivalLayout, ndarray of int64, shape (layout.n_cells,))
        offsets : dict of kind to Offsets
        flags : iterable of str
        """
        (window_ms, age_ms), (layout, vector) = window, arrival
        start_ms = window_ms - window_ms % self.size_ms
        key = (start_ms, task)
        cohort = self._cohorts.get(key)
        if cohort is None:
            cohort = self._cohorts[key] = Cohort()
        cut = cohort.cuts.get(age_ms)
        if cut is None:
            cut = cohort.cuts[age_ms] = CohortRevision()
            heapq.heappush(self._due, (self._complete_ms(start_ms, age_ms), start_ms, age_ms, task))
        first = layout.first_of(vector)
        cut.n_predictions += n_predictions
        cut.ages = _added(cut.ages, first.sum(axis=(1, 2)))
        cut.strata = _added(cut.strata, first.sum(axis=0).ravel())
        for kind, ranges in offsets.items():
            merge_offsets(cohort.offsets.setdefault(kind, {}), ranges)
        cohort.flags = sorted({*cohort.flags, *flags})
        self._dirty.add(key)

    def _complete_ms(self, start_ms: int, age_ms: int) -> int:
        """Return when the last window that starts in a cohort is cut at an age."""
        size_ms = self._times.size_ms
        last_ms = start_ms + self.size_ms - 1
        return last_ms - last_ms % size_ms + size_ms + age_ms

    def due_ms(self) -> int | None:
        """Return the moment at which a cohort next becomes complete at an age."""
        return self._due[0][0] if self._due else None

    def take(self) -> Aged:
        """Return the cohort that becomes complete next, after all cuts of its windows at that age."""
        at_ms, start_ms, age_ms, task = heapq.heappop(self._due)
        cohort = self._cohorts[start_ms, task]
        cohort.cuts[age_ms].complete = True
        self._dirty.add((start_ms, task))
        return Aged(start_ms, start_ms + self.size_ms, task, age_ms, at_ms, cohort)

    def found(self, aged: Aged) -> None:
        """Note that labels of a cohort came later than usual."""
        aged.cut.found = True
        self._dirty.add((aged.start_ms, aged.task))

    def settled(self) -> None:
        """Forget the oldest of the cohorts that are past the horizon, where there are too many."""
        horizon_ms = self._times.ages_ms[-1]
        past = [key for key, cohort in sorted(self._cohorts.items()) if _is_complete(cohort, horizon_ms)]
        for key in past[:-KEPT]:
            del self._cohorts[key]
            self._dirty.add(key)

    def earlier(self, aged: Aged) -> list[CohortRevision]:
        """Return what cohorts before one showed at its age, the oldest first."""
        return [
            cohort.cuts[aged.age_ms]
            for (start_ms, task), cohort in sorted(self._cohorts.items())
            if task == aged.task and start_ms < aged.start_ms and _is_complete(cohort, aged.age_ms)
        ]

    def mature(self, task: str, age_ms: int) -> list[tuple[CohortRevision, CohortRevision]]:
        """Return the cuts at an age and at the horizon of cohorts past it that have both, the oldest first."""
        horizon_ms = self._times.ages_ms[-1]
        return [
            (cohort.cuts[age_ms], cohort.cuts[horizon_ms])
            for (_, each), cohort in sorted(self._cohorts.items())
            if each == task and age_ms in cohort.cuts and _is_complete(cohort, horizon_ms)
        ]

    def aged(self, task: str) -> list[AgedCohort]:
        """Return the cohorts of a task, each at the greatest age at which it is complete, the oldest first."""
        result = []
        for (_, each), cohort in sorted(self._cohorts.items()):
            ages = [age_ms for age_ms, cut in cohort.cuts.items() if cut.complete]
            if each == task and ages:
                cut = cohort.cuts[max(ages)]
                result.append(AgedCohort(max(ages), cut.n_predictions, by_age(cut)))
        return result

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the cohorts that changed since the last call."""
        for key in sorted(self._dirty):
            cohort = self._cohorts.get(key)
            yield f"cohort/{key[0]}/{key[1]}", None if cohort is None else msgspec.msgpack.encode(cohort)
        self._dirty.clear()

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state."""
        for name, data in pieces.items():
            if not name.startswith("cohort/"):
                continue
            start, _, task = name.removeprefix("cohort/").partition("/")
            start_ms = int(start)
            cohort = self._cohorts[start_ms, task] = load(data, Cohort, name)
            self._due += [
                (self._complete_ms(start_ms, age_ms), start_ms, age_ms, task)
                for age_ms, cut in cohort.cuts.items()
                if not cut.complete
            ]
        heapq.heapify(self._due)


def by_age(cut: CohortRevision) -> NDArray[np.int64]:
    """Return the first labels of a cut by age, shape (N_AGES,)."""
    return _unpacked(cut.ages, N_AGES)


def by_stratum(cut: CohortRevision, layout: ArrivalLayout) -> NDArray[np.int64]:
    """Return the first labels of a cut by score and actual class, shape (n_scores, n_codes)."""
    return _unpacked(cut.strata, layout.n_strata).reshape(layout.n_scores, layout.n_codes)


def _unpacked(packed: Sparse | None, n: int) -> NDArray[np.int64]:
    vector = np.zeros(n, dtype=np.int64)
    if packed is not None:
        unpack_into(packed, vector)
    return vector


def _added(known: Sparse | None, counts: NDArray[np.int64]) -> Sparse:
    return pack(counts) if known is None else merge_sparse([known, pack(counts)])


def _is_complete(cohort: Cohort, age_ms: int) -> bool:
    cut = cohort.cuts.get(age_ms)
    return cut is not None and cut.complete
