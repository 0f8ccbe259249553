"""What predictions showed as of a moment: by it the alerts about joins find the incident that they belong to.

Joins never run ahead of predictions, but how far they are behind differs from run to run. So what is looked up is not
the present state of a problem, but its state at the event time of the join, which every run has seen by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from driftline.alerts.onsets import Interval
from driftline.alerts.roots import RANKS
from driftline.events.alert import AlertEvent, Root
from driftline.events.cloudevents import epoch_ms
from driftline.events.evidence import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable


class Incidents(Protocol):
    """Where problems of the predictions are looked up."""

    def explaining(self, onset: Interval, at_ms: int, root: Root, *, later: bool) -> ProblemStep | None:
        """Return the problem that explains what began in an interval; see :func:`incident_at`."""


class ProblemStep(Struct, frozen=True, array_like=True):
    """What was known of a problem from a moment on."""

    time_ms: int
    alert_id: str
    root: Root
    severity: Severity
    from_ms: int
    to_ms: int
    """Onset."""
    until_ms: int | None
    """End of the window that resolved it; None while it is open."""

    @property
    def onset(self) -> Interval:
        """Interval in which it began."""
        return Interval(self.from_ms, self.to_ms)

    def explains(self, onset: Interval, *, later: bool) -> bool:
        """Whether what began in an interval belongs to the problem: it began together, or ``later``, in its life."""
        if self.onset.meets(onset):
            return True
        return later and self.from_ms <= onset.to_ms and (self.until_ms is None or onset.from_ms <= self.until_ms)


def step_of(alert: AlertEvent) -> ProblemStep:
    """Return what a record of an alert makes known."""
    return ProblemStep(
        time_ms=epoch_ms(alert.updated_at),
        alert_id=alert.alert_id,
        root=alert.root,
        severity=alert.severity,
        from_ms=epoch_ms(alert.onset.from_),
        to_ms=epoch_ms(alert.onset.to),
        until_ms=None if alert.resolved_at is None else epoch_ms(alert.resolved_at),
    )


def incident_at(
    steps: Iterable[ProblemStep], onset: Interval, at_ms: int, since_ms: int, root: Root, *, later: bool
) -> ProblemStep | None:
    """Return the problem that explains what began in an interval, as it was known at a moment; None where none does.

    Parameters
    ----------
    steps : iterable of ProblemStep
        In the order in which they became known.
    since_ms : int
        Problems that ended before this time explain nothing any more.
    root : Root
        Of what is explained. Problems that explain less than it does not explain it.
    later : bool
        Whether what began after the problem, while it was open, can follow from it.

    Notes
    -----
    What began together comes first, of these what explains more; then the problem that began last.
    """
    known = {step.alert_id: step for step in steps if step.time_ms <= at_ms}
    recent = (step for step in known.values() if step.until_ms is None or step.until_ms >= since_ms)
    more = (step for step in recent if RANKS[step.root] <= RANKS[root])
    candidates = [step for step in more if step.explains(onset, later=later and step.root != "volume")]

    def order(step: ProblemStep) -> tuple[bool, int, int, str]:
        together = step.onset.meets(onset)
        return (not together, RANKS[step.root] if together else 0, -step.from_ms, step.alert_id)

    return min(candidates, key=order, default=None)
