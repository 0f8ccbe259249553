"""When one model's labels arrive: cohorts of its performance windows, held against earlier ones at each age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from driftline.alerts import ModelAlerts
from driftline.checks.contract.closed_window import ArrivalEvidence
from driftline.checks.labels.arrival_check import CohortAt, examine_arrival
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.alerting import settle
from driftline.monitoring.labels.cohorts import Cohorts, by_age, by_stratum
from driftline.monitoring.labels.performance_windows import arrival_of
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.state.checkpoint import load
from driftline.performance.arrival_curve import maturity_curve
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.scores import PREDICTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.checks.contract.closed_window import PerformanceRevision
    from driftline.monitoring.labels.performance_windows import Revision
    from driftline.monitoring.model_setup import ModelSetup, Outputs, WatermarkReach
    from driftline.profiles.task import Task

STATE: str = "arrivals"
"""Name of the small part of the state."""


class ArrivalMonitor:
    """The sequence of one model's cohorts; a part of the sequence of its joins.

    Parameters
    ----------
    setup : ModelSetup

    Attributes
    ----------
    alerts : ModelAlerts
        Of cohorts alone.
    """

    def __init__(self, setup: ModelSetup) -> None:
        self._setup = setup
        self._book = Cohorts(setup.context.settings)
        self._dirty = False
        self.alerts = ModelAlerts()

    def add(self, cut: Revision, task: Task, shown: PerformanceRevision) -> ArrivalEvidence:
        """Add what a window shows at a cut; return it with what cohorts past the horizon showed at that age."""
        name, layout, vector = task_id(task), ArrivalLayout.of(task.performance_layout), arrival_of(cut.window, task)
        self._book.add(
            (cut.start_ms, shown.age_ms),
            name,
            max(0, int(shown.vector[PREDICTED])),
            (layout, vector),
            shown.offsets,
            shown.flags,
        )
        mature = [] if shown.final else self._book.mature(name, shown.age_ms)
        shape = (len(mature), layout.n_scores, layout.n_codes)
        by_now, in_the_end = np.zeros((2, *shape), dtype=np.int64)
        for row, (early, late) in enumerate(mature):
            by_now[row], in_the_end[row] = by_stratum(early, layout), by_stratum(late, layout)
        return ArrivalEvidence(layout, vector, by_now, in_the_end)

    def due_ms(self) -> int | None:
        """Return the moment at which a cohort next becomes complete at an age."""
        return self._book.due_ms()

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Say what the cohort shows that becomes complete next."""
        aged = self._book.take()
        context = self._setup.context
        profile = self._setup.book.at(self._setup.key, aged.end_ms - self._setup.pane_ms)
        outputs: Outputs = []
        if profile is not None and aged.cut.n_predictions > 0:
            final = aged.age_ms == context.settings.labels.ages_ms[-1]
            cohort = CohortAt(
                key=self._setup.key,
                segment=SEGMENT_ALL,
                start_ms=aged.start_ms,
                end_ms=aged.end_ms,
                age_ms=aged.age_ms,
                final=final,
                n_predictions=aged.cut.n_predictions,
                by_age=by_age(aged.cut),
                earlier=[(int(by_age(cut).sum()), cut.n_predictions, cut.found) for cut in self._book.earlier(aged)],
                curve=maturity_curve(self._book.aged(aged.task), int(context.settings.labels.horizon)),
                offsets=aged.cohort.offsets,
                flags=sorted(reach.flags(aged.at_ms).union(aged.cohort.flags)),
            )
            verdict = examine_arrival(profile, cohort, context)
            if verdict.event.status == "late":
                self._book.found(aged)
            self.alerts, outputs = settle(verdict, self.alerts, context)
            self._dirty = True
        self._book.settled()
        return outputs

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call."""
        yield from self._book.changes()
        if self._dirty:
            yield STATE, msgspec.msgpack.encode(self.alerts)
            self._dirty = False

    def load(self, pieces: dict[str, bytes], at: str) -> None:
        """Go on from a state."""
        self._book.load(pieces)
        if STATE in pieces:
            self.alerts = load(pieces[STATE], ModelAlerts, at)
