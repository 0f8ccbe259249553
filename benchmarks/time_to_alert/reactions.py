"""How long each alert took, and which part of that was spent where."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.time_to_alert.listener import Alert, Flush
    from benchmarks.time_to_alert.sender import Onset

PARTS: Final = (
    "until the pane that shows the change has ended",
    "wait for late events (`time.lateness`)",
    "until the next flush (`sketch.flush_interval`)",
    "the flush's transaction",
    "evaluation by the detect worker",
    "on the alerts topic, until a consumer has it",
)


class Reaction(NamedTuple):
    """One alert."""

    onset: Onset
    alert: Alert
    parts_s: tuple[float, ...]
    """As :data:`PARTS` names them; they add up."""
    panes: int
    """Panes that ended after the onset, up to the one that shows the change: 1 is the pane in which it began."""

    @property
    def seconds(self) -> float:
        """From the first shifted event until a consumer of the alerts topic has the alert."""
        return self.alert.seen_s - self.onset.sent_s


class Outcome(NamedTuple):
    """All that came of the changes."""

    reactions: list[Reaction]
    missing: list[Onset]
    """Changes that no alert names."""
    early: list[Alert]
    """Alerts before their model's change."""


def outcome(
    onsets: Sequence[Onset],
    alerts: Sequence[Alert],
    closing: Callable[[int], Flush],
    pane_ms: int,
    lateness_ms: int,
) -> Outcome:
    """Return for each change the first alert that names its feature.

    Parameters
    ----------
    onsets : sequence of Onset
    alerts : sequence of Alert
        In the order in which they came.
    closing : callable
        Returns the flush that closed the panes up to some time, in milliseconds.
    pane_ms, lateness_ms : int
    """
    reactions, missing = [], []
    for onset in onsets:
        of_change = (
            alert
            for alert in alerts
            if alert.model == onset.life.model and alert.seen_s > onset.sent_s and onset.life.feature in alert.columns
        )
        first = next(of_change, None)
        if first is None:
            missing.append(onset)
        else:
            reactions.append(_reaction(onset, first, closing(first.end_ms), pane_ms, lateness_ms))
    begins = {onset.life.model: onset.sent_s for onset in onsets}
    early = [alert for alert in alerts if alert.seen_s <= begins.get(alert.model, math.inf)]
    return Outcome(reactions, missing, early)


def _reaction(onset: Onset, alert: Alert, flush: Flush, pane_ms: int, lateness_ms: int) -> Reaction:
    ended_s = alert.end_ms / 1000
    moments = (
        onset.sent_s,
        ended_s,
        ended_s + lateness_ms / 1000,
        flush.written_s,
        flush.seen_s,
        alert.written_s,
        alert.seen_s,
    )
    parts = tuple(after - before for before, after in pairwise(moments))
    return Reaction(onset, alert, parts, alert.end_ms // pane_ms - onset.event_ms // pane_ms)


def quantile(values: Sequence[float], part: float) -> float:
    """Return the least value that at least this part of all does not exceed.

    Examples
    --------
    >>> quantile(range(1, 121), 0.99)
    119
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
