"""Where on Kafka a change began."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from driftline.events.evidence import Count, Share, Time


class Origin(Struct, frozen=True, kw_only=True):
    """A value of a partition, header, field or schema whose records have a change, where no others have it."""

    dimension: str
    """What is compared: ``partition``, ``schema``, ``header <name>`` or ``field <pointer>``."""
    value: Annotated[str, Meta(max_length=1_000)]
    """The value as text, cut after 100 characters, what cannot be printed as an escape; ``(none)`` for records without
    it. A partition is named as in ``offsets``."""
    share_of_events: Share
    """Fraction of the window's events with this value."""
    share_of_change: Annotated[float, Meta(ge=0)]
    """Fraction of the change that is due to them; the fractions of all values add up to 1, and some may be below 0. At
    least 0.9 for all listed values of a dimension together."""
    since: Time | None
    """Start of the interval of event time in which their change began; null if that is no longer known."""
    first_offsets: dict[str, Count]
    """By partition, the first of their offsets that has the change."""
    exact: bool
    """Whether these are the first records that have an unusual value themselves. Otherwise, they are the first of the
    interval that begins at ``since``."""
