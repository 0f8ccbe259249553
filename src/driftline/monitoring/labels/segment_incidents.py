"""What explains a fall of a segment's performance: a problem of the predictions, or the same fall of all traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.alerts import Incidents, ProblemStep
    from driftline.alerts.onsets import Interval
    from driftline.events.alert import Root


class SegmentIncidents:
    """Where problems are looked up for a segment.

    Parameters
    ----------
    predictions : Incidents
        Problems of the predictions, which explain what began with them or later.
    performance : Incidents
        Problems of the performance of all traffic, which explain what began with them.
    """

    def __init__(self, predictions: Incidents, performance: Incidents) -> None:
        self._predictions = predictions
        self._performance = performance

    def explaining(self, onset: Interval, at_ms: int, root: Root, *, later: bool) -> ProblemStep | None:
        """Return the problem that explains what began in an interval; see :func:`driftline.alerts.incident_at`.

        A fall of all traffic explains one of a segment only if both began together: one that comes later, in one
        segment, is news.
        """
        of_all = self._performance.explaining(onset, at_ms, root, later=False)
        return of_all or self._predictions.explaining(onset, at_ms, root, later=later)
