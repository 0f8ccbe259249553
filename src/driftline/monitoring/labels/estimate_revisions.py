"""Estimates beside their labels: how far each was off, and the calibrator as later labels would have it.

It belongs to the sequence of joins.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from driftline.checks.labels.estimate_check import Truth, examine_estimate, window_estimates
from driftline.events.estimate import TrackRecord
from driftline.events.output_record import event_record
from driftline.monitoring.labels.performance_windows import coverage_of
from driftline.monitoring.state.table import Value
from driftline.performance import metrics_of
from driftline.performance.estimation import refitted_estimates
from driftline.performance.metric_estimate import BAND
from driftline.profiles.estimator import BinaryEstimator
from driftline.sketches.packed import NO_CELLS, Sparse
from driftline.sketches.scores import LABELLED
from driftline.sketches.sparse import merge_sparse, pack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceRevision
    from driftline.checks.labels.estimate_check import EstimateRevision
    from driftline.monitoring.model_setup import ModelSetup, Outputs
    from driftline.monitoring.predictions.estimate_windows import EstimateWindows
    from driftline.performance.metric_estimate import Estimates, MetricEstimate
    from driftline.profiles.profile import Profile


class ErrorSums(Struct, array_like=True):
    """Sums over the windows in which one metric's estimate has been held against labels."""

    n_windows: int = 0
    error: float = 0.0
    absolute: float = 0.0
    n_within: int = 0

    def add(self, estimate: MetricEstimate, realised: float, coverage: float) -> None:
        """Add a window; labels of a part of it are a sample of all, whose chance is so much larger."""
        error = realised - estimate.value
        reach = BAND * math.hypot(estimate.sampling_error / math.sqrt(coverage), estimate.model_error)
        self.n_windows += 1
        self.error += error
        self.absolute += abs(error)
        self.n_within += abs(error) <= reach

    def shown(self) -> TrackRecord:
        """Return them as events have them."""
        n = self.n_windows
        return TrackRecord(
            n_windows=n, mean_error=self.error / n, mean_absolute_error=self.absolute / n, within=self.n_within / n
        )


class EstimatorRecord(Struct, array_like=True):
    """What labels have said of one estimator."""

    errors: dict[str, ErrorSums]
    """By metric."""
    histograms: Sparse = NO_CELLS
    """Of a binary task: labelled predictions by label and score bin, of the windows that have matured; what they weigh,
    where labels have weights."""


class EstimateRevisions:
    """Track records by estimator, of the latest few.

    Notes
    -----
    *State*: four numbers a metric, and for binary tasks one histogram by score bin and label, an estimator.
    """

    KEPT: Final = 4

    def __init__(self, setup: ModelSetup, windows: EstimateWindows) -> None:
        self._budget = setup.budget
        self._windows = windows
        # One value, as the order in which estimators came is part of it.
        self._records = Value("estimates", dict[str, EstimatorRecord], {})
        self.tables = (self._records,)

    def compare(self, profile: Profile, revision: PerformanceRevision) -> Outputs:
        """Return the estimate of a performance window beside the labels of one of its revisions."""
        estimate = self._windows.revision(revision.start_ms, profile)
        outputs: Outputs = []
        if estimate is not None:
            record = self._record(profile.estimator_id or "")
            refitted = self._refitted(profile, estimate, record)
            if revision.vector[LABELLED] > 0 or refitted is not None:
                outputs = self._compared(profile, revision, estimate, record, refitted)
        if revision.final:
            self._windows.drop(revision.start_ms)
        return outputs

    def _compared(
        self,
        profile: Profile,
        revision: PerformanceRevision,
        estimate: EstimateRevision,
        record: EstimatorRecord,
        refitted: Estimates | None,
    ) -> Outputs:
        coverage, realised = coverage_of(revision.vector), metrics_of(profile.task, revision.vector)
        enough = coverage >= self._budget.settings.labels.test_coverage or (revision.final and coverage > 0)
        matured = enough and self._windows.mature(revision.start_ms)
        if matured:
            self._records.changed()
            self._learn(profile, revision.vector, record, window_estimates(profile, estimate.cells), realised)
        about = structs.replace(
            estimate,
            offsets=revision.offsets,
            revision=revision.revision + 1,
            age_ms=revision.age_ms,
            final=revision.final,
            flags=tuple(sorted({*estimate.flags, *revision.flags})),
        )
        shown = {name: errors.shown() for name, errors in sorted(record.errors.items())}
        truth = Truth(metrics=realised, coverage=min(1.0, coverage), matured=matured, record=shown, refitted=refitted)
        event = examine_estimate(profile, about, self._budget, truth).event
        return [event_record(event, self._budget.source)]

    def _learn(
        self,
        profile: Profile,
        vector: NDArray[np.int64],
        record: EstimatorRecord,
        estimates: Estimates,
        realised: dict[str, float | None],
    ) -> None:
        coverage = min(1.0, coverage_of(vector))
        for name, estimate in estimates.items():
            value = realised.get(name)
            if estimate is not None and value is not None and coverage > 0:
                record.errors.setdefault(name, ErrorSums()).add(estimate, value, coverage)
        if isinstance(profile.estimator, BinaryEstimator):
            histograms = profile.task.performance_layout.score_histograms_of(vector).clip(min=0)
            record.histograms = merge_sparse([record.histograms, pack(histograms.ravel())])

    def _refitted(self, profile: Profile, estimate: EstimateRevision, record: EstimatorRecord) -> Estimates | None:
        if not isinstance(profile.estimator, BinaryEstimator):
            return None
        unit = profile.task.performance_layout.unit
        return refitted_estimates(profile.estimator, estimate.cells, record.histograms, unit)

    def _record(self, estimator: str) -> EstimatorRecord:
        """Return the record of an estimator; the one that came first is forgotten where there are too many."""
        records = self._records.value
        if estimator not in records:
            records[estimator] = EstimatorRecord({})
            while len(records) > self.KEPT:
                del records[next(iter(records))]
            self._records.changed()
        return records[estimator]
