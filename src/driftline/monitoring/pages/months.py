"""Calendar months of event time, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def month_of(time_ms: int) -> int:
    """Return the start of the month that a moment is in.

    Examples
    --------
    >>> from driftline.events.cloudevents import epoch_ms, rfc3339
    >>> rfc3339(month_of(epoch_ms("2026-03-31T23:59:59.999Z")))
    '2026-03-01T00:00:00.000Z'
    """
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return _ms(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def end_of(month_ms: int) -> int:
    """Return the end of a month, which is the start of the next.

    Examples
    --------
    >>> from driftline.events.cloudevents import epoch_ms, rfc3339
    >>> rfc3339(end_of(epoch_ms("2026-12-01T00:00:00.000Z")))
    '2027-01-01T00:00:00.000Z'
    """
    start = _EPOCH + timedelta(milliseconds=month_ms)
    return _ms(start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1))


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
