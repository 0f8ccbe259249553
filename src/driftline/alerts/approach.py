"""Since when changes that are no findings yet have been half of what matters: for the onset of what grows slowly.

A change that grows for days crosses what matters in some window, and did not begin there. Its onset is from the first
of the windows in a row in which it was half of that, up to the window that found it. A change that is far larger when
it is found came at once: its onset is that window.

Only of distributions, whose effect in unchanged data is far below that; that of performance varies by as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.escalation import ESCALATION_FACTOR, multiple_of
from driftline.alerts.onsets import Interval
from driftline.alerts.policy import check_key
from driftline.alerts.unused_findings import key_of
from driftline.events.cloudevents import epoch_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.alerts.observation import Observation
    from driftline.events.finding import FindingEvent

GROWING: Final = "distribution."
"""Begin of the names of checks."""


def approaching(
    before: Mapping[str, int], observation: Observation, findings: Iterable[FindingEvent]
) -> dict[str, int]:
    """Return since when each check of a column has been half of what matters, after one more window.

    Keys are those of :func:`~driftline.alerts.unused_findings.key_of`; values start times in ms. Only windows of the
    same size say that it is over.
    """
    size_ms, start_ms = observation.window.size_ms, epoch_ms(observation.window.start)
    others = {key: since_ms for key, since_ms in before.items() if not key.startswith(f"{size_ms}/")}
    found = (check_key(finding.check, finding.role, finding.column) for finding in findings)
    here = (f"{size_ms}/{check}" for check in {*observation.lingering, *found} if check.startswith(GROWING))
    return others | {key: before.get(key, start_ms) for key in here}


def reached_back(onset: Interval, findings: Sequence[FindingEvent], since: Mapping[str, int], size_ms: int) -> Interval:
    """Return the onset of findings that open something, from the first window in which they were half as large."""
    if any(multiple_of(finding) >= ESCALATION_FACTOR for finding in findings):
        return onset
    starts = [since.get(key_of(finding, size_ms), onset.from_ms) for finding in findings]
    return Interval(min(onset.from_ms, *starts), onset.to_ms) if starts else onset
