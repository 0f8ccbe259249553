"""When one model's labels arrive: cohorts of its performance windows, held against earlier ones at each age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.alerts import ModelAlerts
from driftline.checks.contract.closed_window import ArrivalEvidence
from driftline.checks.labels.arrival_check import CohortAt, examine_arrival
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.alert_desk import AlertDesk
from driftline.monitoring.labels.cohorts import Cohorts, by_age, by_stratum
from driftline.monitoring.labels.label_times import LabelTimes
from driftline.monitoring.labels.performance_windows import arrival_of
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.state.table import Value
from driftline.performance.arrival_curve import maturity_curve
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.scores import PREDICTED

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import PerformanceRevision
    from driftline.monitoring.labels.performance_windows import DueRevision
    from driftline.monitoring.model_setup import ModelSetup, Outputs, WatermarkReach
    from driftline.monitoring.predictions.missing_values import MissingValues
    from driftline.monitoring.predictions.problem_history import ProblemHistory
    from driftline.monitoring.state.table import Tables
    from driftline.profiles.task import Task


class ArrivalMonitor:
    """Compares when the labels of one model's cohorts arrive with earlier cohorts; it advances with the joins.

    ``missing`` and ``problems`` are of the model's predictions: what explains labels that do not come.
    """

    def __init__(self, setup: ModelSetup, missing: MissingValues, problems: ProblemHistory) -> None:
        self._setup = setup
        self._missing = missing
        self._problems = problems
        self._cohorts = Cohorts(setup.budget.settings)
        self._alerts = Value("arrivals", ModelAlerts, ModelAlerts())
        self.desk = AlertDesk(setup.directions, setup.budget, lambda: self.alerts, self._alerts.set)
        self._times = LabelTimes(min(setup.budget.settings.labels.ages_ms))
        self.tables: Tables = (*self._cohorts.tables, self._alerts, *self._times.tables)

    @property
    def alerts(self) -> ModelAlerts:
        """Of cohorts alone."""
        return self._alerts.value

    def add(self, due: DueRevision, task: Task, shown: PerformanceRevision) -> ArrivalEvidence:
        """Add what a window shows at a revision; return it with what cohorts past the horizon showed at that age."""
        name, layout, vector = task_id(task), ArrivalLayout.of(task.performance_layout), arrival_of(due.window, task)
        self._cohorts.add(
            (due.start_ms, shown.age_ms),
            name,
            max(0, int(shown.vector[PREDICTED])),
            (layout, vector),
            shown.offsets,
            shown.flags,
        )
        mature = [] if shown.final else self._cohorts.mature(name, shown.age_ms)
        shape = (len(mature), layout.n_scores, layout.n_codes)
        by_now, in_the_end = np.zeros((2, *shape), dtype=np.int64)
        for row, (early, late) in enumerate(mature):
            by_now[row], in_the_end[row] = by_stratum(early, layout), by_stratum(late, layout)
        return ArrivalEvidence(layout, vector, by_now, in_the_end)

    def note_label(self, pane_ms: int) -> None:
        """Note a pane in which first labels came."""
        self._times.add(pane_ms)

    def due_ms(self) -> int | None:
        """Return the moment at which a cohort next becomes complete at an age."""
        return self._cohorts.due_ms()

    def advance(self, reach: WatermarkReach, _: int) -> Outputs:
        """Say what the cohort shows that becomes complete next."""
        complete = self._cohorts.take()
        budget = self._setup.budget
        profile = self._setup.profile_until(complete.end_ms)
        outputs: Outputs = []
        if profile is not None and complete.revision.n_predictions > 0:
            silent_ms = self._times.silent_since(complete.at_ms)
            final = complete.age_ms == budget.settings.labels.ages_ms[-1]
            earlier = self._cohorts.earlier(complete)
            starts = [*earlier, complete.start_ms]
            cohort = CohortAt(
                key=self._setup.key,
                segment=SEGMENT_ALL,
                start_ms=complete.start_ms,
                end_ms=complete.end_ms,
                age_ms=complete.age_ms,
                final=final,
                n_predictions=complete.revision.n_predictions,
                by_age=by_age(complete.revision),
                earlier=[(int(by_age(each).sum()), each.n_predictions, each.late) for each in earlier.values()],
                curve=maturity_curve(self._cohorts.aged(complete.task), int(budget.settings.labels.horizon)),
                offsets=complete.cohort.offsets,
                silent_ms=silent_ms if silent_ms is None or silent_ms + complete.age_ms <= complete.at_ms else None,
                flags=sorted(reach.flags(complete.at_ms).union(complete.cohort.flags)),
                missing=[self._missing.of(start_ms) for start_ms in starts],
            )
            verdict = examine_arrival(profile, cohort, budget)
            if verdict.event.status == "late":
                self._cohorts.mark_late(complete)
            explained = any(finding.without_value for finding in verdict.findings)
            outputs = self.desk.settle(verdict, self._problems if explained else None)
        self._cohorts.forget_oldest()
        self._missing.expire(self._cohorts.oldest_ms)
        return outputs
