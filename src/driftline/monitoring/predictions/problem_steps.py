"""The steps of problems: what was known of them when, for those to look up who are behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from driftline.alerts import ProblemStep, incident_at, step_of
from driftline.monitoring.state.steps import Steps

if TYPE_CHECKING:
    from driftline.alerts.onsets import Interval
    from driftline.events.alert import Root


class ProblemSteps(Steps[ProblemStep]):
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
        super().__init__(name, ProblemStep, step_of, _same)
        self._keep_ms = keep_ms

    def explaining(self, onset: Interval, at_ms: int, root: Root, *, later: bool) -> ProblemStep | None:
        """Return the problem that explains what began in an interval, as it was known at a moment.

        Problems that may be forgotten by then (:meth:`expire`) are left out, whether they are or not.
        """
        steps = (step for _, step in self._in_order())
        return incident_at(steps, onset, at_ms, at_ms - self._keep_ms, root, later=later)

    def expire(self, joins_ms: int) -> None:
        """Forget what no join from a time on asks for: problems that ended long before, steps that others replaced."""
        before_ms = joins_ms - self._keep_ms
        self._forget(before_ms, lambda step: step.until_ms is not None and step.until_ms < before_ms)


def _same(before: ProblemStep, step: ProblemStep) -> bool:
    return structs.replace(before, time_ms=step.time_ms) == step
