"""All that detection does for one model of a partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.labels.join_monitor import JoinMonitor
from driftline.monitoring.labels.loose_joins import LooseJoins
from driftline.monitoring.labels.segment_incidents import SegmentIncidents
from driftline.monitoring.labels.segment_monitor import SegmentMonitor
from driftline.monitoring.monitor_status import ModelStatus
from driftline.monitoring.predictions.prediction_monitor import PredictionMonitor
from driftline.monitoring.state.scope import StateScope
from driftline.panes.segments import segment_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.monitoring.alert_desk import AlertDesk
    from driftline.monitoring.labels.earlier_revisions import LatestRevisions
    from driftline.monitoring.model_setup import ModelSetup, Outputs, WatermarkReach
    from driftline.monitoring.state.checkpoint import StatePlace
    from driftline.panes.flush_record import JoinDelta


class ModelMonitor:
    """Monitors one model: its predictions, its joins, and the joins of the slices that occurred.

    ``at`` says where its state is, for messages.
    """

    __slots__ = ("_setup", "joins", "loose", "predictions", "scope", "segments")

    def __init__(self, setup: ModelSetup, at: str) -> None:
        self._setup = setup
        self.scope = StateScope(f"{at}, model {setup.key}")
        self.predictions = PredictionMonitor(setup, self.scope)
        self.joins = JoinMonitor(setup, self.predictions)
        self.segments: dict[str, SegmentMonitor] = {}
        self.loose = LooseJoins(setup)
        self.scope.add((*self.predictions.tables, *self.joins.tables, *self.loose.tables))

    def _segment(self, name: str) -> SegmentMonitor | None:
        """Return the sequence of a slice; None where it is not configured."""
        if name not in self.segments and name in segment_names(self._setup.budget.settings.segments):
            segment = self.segments[name] = SegmentMonitor(self._setup, name)
            self.scope.add(segment.tables, f"segment/{name}/")
        return self.segments.get(name)

    def add_joins(self, delta: JoinDelta) -> None:
        """Add a join delta, whose pane is open, to its slice; rows without a profile wait for :meth:`settle`."""
        if delta.loose:
            self.loose.add(delta)
            return
        if delta.segment == SEGMENT_ALL:
            self.joins.add(delta)
        elif (segment := self._segment(delta.segment)) is not None:
            segment.open.add(delta)

    def settle(self, predictions_ms: int) -> None:
        """Count the joins that waited for their profile, given how far the predictions have been closed."""
        for delta in self.loose.settle(predictions_ms):
            self.add_joins(delta)

    def advance_joins(self, reach: WatermarkReach, champion: tuple[str, LatestRevisions] | None) -> Outputs:
        """Close all that joins add to up to the watermark; see :meth:`JoinMonitor.advance`.

        The slices go first, as all traffic is explained by them. They are told and watched after it, as what all of it
        shows explains what they show.
        """
        for segment in self.segments.values():
            segment.advance(reach)
        revisions = {name: segment.revisions for name, segment in self.segments.items()}
        outputs = self.joins.advance(reach, champion, revisions)
        problems = self.predictions.problems
        incidents = SegmentIncidents(problems, self.joins.told)
        for _, segment in sorted(self.segments.items()):
            outputs += segment.watch(reach, incidents, problems.first_ms)
        self.joins.expire(reach.until_ms)
        return outputs

    def restore(self, values: Mapping[StatePlace, bytes]) -> None:
        """Go on from a checkpoint; see :meth:`StateScope.load`."""
        for name in segment_names(self._setup.budget.settings.segments):
            self._segment(name)
        self.scope.load(values)

    @property
    def desks(self) -> tuple[AlertDesk, ...]:
        """All its alerts."""
        of_segments = (segment.desk for _, segment in sorted(self.segments.items()))
        return (self.predictions.desk, self.predictions.operations.desk, *self.joins.desks, *of_segments)

    def status(self) -> ModelStatus:
        """Return what telemetry shows of the model."""
        predictions, joins = self.predictions, self.joins
        return ModelStatus(
            profile_id=predictions.state.profile_id,
            bootstrap_error=predictions.bootstrap_error,
            n_unprofiled=predictions.state.n_unprofiled,
            n_expired=joins.n_expired,
            calibrating_ms=predictions.calibrating,
            windows=tuple(predictions.figures.values()),
            estimate=predictions.estimates.figures,
            performance=tuple(joins.figures.values()),
            last_prediction_ms=predictions.last_ms,
            last_label_ms=joins.last_label_ms,
            open_alerts=(
                *(state.alert for state in predictions.state.alerts.open.values()),
                *joins.open_alerts,
                *(alert for segment in self.segments.values() for alert in segment.open_alerts),
                *(state.alert for state in predictions.operations.alerts.open.values()),
            ),
            learning=predictions.learning(),
            operations=predictions.operations.status,
            retraining=joins.loop_back.retraining,
            proposals=joins.loop_back.missing,
        )
