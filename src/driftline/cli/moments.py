"""Times on the command line: RFC 3339 as everywhere, and durations from now."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Final

from driftline.config.durations import Duration
from driftline.errors import ParameterError
from driftline.events.cloudevents import rfc3339
from driftline.events.times import epoch_ms
from driftline.profiles.effective import parse_effective_from

NOW: Final = "now"
_FROM_NOW: Final = re.compile(r"(?:now)?\s*([+-]?)\s*(\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|w))")
_EXPECTED: Final = (
    "RFC 3339 with an offset, such as `2026-03-01T12:00:00Z`, `now`, or a duration from now such as `4h` or `-7d`"
)


def now_ms() -> int:
    """Return the wall clock's time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def moment_ms(text: str, at: str, now_ms: int) -> int:
    """Return a time in milliseconds since the epoch.

    Parameters
    ----------
    text : str
        RFC 3339 with an offset, ``now``, ``beginning``, or a duration from now: ``4h`` and ``+4h`` lie ahead, ``-7d``
        and ``now-7d`` have passed.
    at : str
        The option, for messages.
    now_ms : int
        The wall clock.

    Raises
    ------
    ParameterError
        When the text is no time.

    Examples
    --------
    >>> [moment_ms(text, "--at", 7_200_000) for text in ("now", "1h", "now-1h", "1970-01-01T00:00:01Z")]
    [7200000, 10800000, 3600000, 1000]
    """
    if text.strip() == NOW:
        return now_ms
    relative = _FROM_NOW.fullmatch(text.strip())
    if relative is not None:
        duration = Duration.parse(relative[2], at)
        return now_ms - duration if relative[1] == "-" else now_ms + duration
    try:
        return parse_effective_from(text, at)
    except ParameterError as error:
        raise ParameterError(_EXPECTED, text, at) from error


def as_moment(time_ms: int) -> datetime:
    """Return a time as control commands have it.

    Examples
    --------
    >>> as_moment(1_500).isoformat()
    '1970-01-01T00:00:01.500000+00:00'
    """
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def shown(time: datetime | float) -> str:
    """Return a time of a control command as people read it: RFC 3339 in UTC, to the millisecond.

    Examples
    --------
    >>> shown(as_moment(1_500))
    '1970-01-01T00:00:01.500Z'
    """
    return rfc3339(epoch_ms(time))
