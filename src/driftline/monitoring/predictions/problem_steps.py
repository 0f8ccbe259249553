"""The steps of problems: what was known of them when, for those to look up who are behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from driftline.alerts import ProblemStep, incident_at, step_of
from driftline.monitoring.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.alerts.onsets import Interval
    from driftline.events.alert import AlertEvent, Root
    from driftline.monitoring.state.table import Tables

MAX_STEPS: Final = 2_000
"""Steps of a model that are kept at most; where labels stall for longer, the oldest are forgotten."""


class ProblemSteps:
    """The steps of problems, from the oldest that somebody may still ask for.

    Parameters
    ----------
    keep_ms : int
        Time after its end for which a problem can explain something.
    name : str
        Of the table.

    Notes
    -----
    *State*: some 100 bytes for each step. A step is a change of what names a problem, of its severity or onset, or its
    end; findings that change nothing of that make none.
    """

    def __init__(self, keep_ms: int, name: str) -> None:
        self._keep_ms = keep_ms
        self._steps = Table(name, int, ProblemStep)
        self.tables: Tables = (self._steps,)

    def __len__(self) -> int:
        return len(self._steps)

    def note(self, alerts: Iterable[AlertEvent]) -> None:
        """Add what records of alerts make known, in their order."""
        for alert in alerts:
            step = step_of(alert)
            before = {each.alert_id: each for _, each in self._in_order()}.get(step.alert_id)
            if before is None or structs.replace(before, time_ms=step.time_ms) != step:
                self._steps.put(max(self._steps, default=-1) + 1, step)
        for number in sorted(self._steps)[: max(0, len(self._steps) - MAX_STEPS)]:
            self._steps.drop(number)

    def explaining(self, onset: Interval, at_ms: int, root: Root, *, later: bool) -> ProblemStep | None:
        """Return the problem that explains what began in an interval, as it was known at a moment.

        Problems that may be forgotten by then (:meth:`expire`) are left out, whether they are or not.
        """
        steps = (step for _, step in self._in_order())
        return incident_at(steps, onset, at_ms, at_ms - self._keep_ms, root, later=later)

    def expire(self, joins_ms: int) -> None:
        """Forget what no join from a time on asks for: problems that ended long before, steps that others replaced."""
        before_ms = joins_ms - self._keep_ms
        known = [(number, step) for number, step in self._in_order() if step.time_ms < before_ms]
        latest = {step.alert_id: number for number, step in known}
        for number, step in known:
            over = step.until_ms is not None and step.until_ms < before_ms
            if over or number != latest[step.alert_id]:
                self._steps.drop(number)

    def _in_order(self) -> list[tuple[int, ProblemStep]]:
        return sorted(self._steps.items())
