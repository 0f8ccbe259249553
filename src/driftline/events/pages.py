"""Pages events: how many notifications a model made in a calendar month, and how many the budget promised at most."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from driftline.events.cloudevents import PAGES
from driftline.events.evidence import Count, Event, Time


class WatchedSpan(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The part of a month in which a model was watched."""

    from_: Time
    """Start of the first pane with an event."""
    to: Time
    """End of the last one."""


class PagesEvent(Event, frozen=True, kw_only=True):
    """The notifications of one version of a model in a calendar month, and the false ones that its budget allows.

    The window is the month in UTC, and ``n`` counts the model's events in it. A notification belongs to the month of
    its event time, ``updated_at`` of its alert.
    """

    TYPE: ClassVar[str] = PAGES

    revision: Annotated[int, Meta(ge=1)]
    """Counts the reports on this month, from 1; a higher one replaces the others."""
    awaits_labels: bool
    """Whether notifications about performance and labels are still to come. The first revision comes when the
    predictions have passed the end of the month, the next when labels have as well."""
    watched: WatchedSpan | None
    """From the first to the last event in the month; null without one."""
    budget_pages: Annotated[float, Meta(ge=0)]
    """``alerts.false_alarm_budget``: expected false notifications in ``horizon_ms``."""
    horizon_ms: Count
    """The budget's horizon."""
    promised: Annotated[float, Meta(ge=0)]
    """Expected false notifications that the budget allows in the watched span."""
    paged: Count
    """Notifications in the month."""
    paged_within_budget: Count
    """Those that the budget bounds: ``in_budget`` of the alert is true."""
    paged_outside_budget: Count
    """Those that only fixed thresholds caused."""
    severities: dict[str, Count]
    """Notifications by the severity that their alert had."""
    causes: dict[str, Count]
    """Notifications by the cause of their alert."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (self.window.start, self.revision)
