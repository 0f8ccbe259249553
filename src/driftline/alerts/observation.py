"""What the alerts go on from: a checked window, with or without findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from driftline.events.evidence import Event, EventRole, WindowSpan
    from driftline.events.finding import Family


class Lingering(NamedTuple):
    """What a window showed of a change that is no finding, and no sign that it is over either: half of the effect that
    matters, or more.
    """

    check: str
    family: Family
    role: EventRole | None
    column: str | None


class Observation(NamedTuple):
    """A checked window, with or without findings."""

    event: Event
    """An event of the window; its alerts take over the fields that all events have."""
    time_ms: int
    """Event time of the check: the end of the window, or for performance the time of the revision."""
    first_ms: int | None = None
    """Event time of the first predictions of this version of the model, in steps of panes; None where it is not
    known."""
    lingering: tuple[Lingering, ...] = ()
    """Effects of the window that are near enough to what matters for an open alert to stay open."""

    @property
    def window(self) -> WindowSpan:
        """The span of event time; ``size_ms`` distinguishes windows of different sizes."""
        return self.event.window
