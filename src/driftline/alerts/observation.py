"""What the alerts go on from: a checked window, with or without findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from driftline.events.evidence import Event, WindowSpan


class Observation(NamedTuple):
    """A checked window, with or without findings."""

    event: Event
    """An event of the window; its alerts take over the fields that all events have."""
    time_ms: int
    """Event time of the check: the end of the window, or for performance the time of the revision."""
    first_ms: int | None = None
    """Event time of the first predictions of this version of the model, in steps of panes; None where it is not
    known."""
    lingering: frozenset[str] = frozenset()
    """Checks whose effect is real and below the gate, but not far enough below it to be over, as
    :func:`~driftline.alerts.policy.check_key` names them."""

    @property
    def window(self) -> WindowSpan:
        """The span of event time; ``size_ms`` distinguishes windows of different sizes."""
        return self.event.window
