"""From which event time on a profile holds.

A profile must be on the references topic before any event is appended that it holds for; then every worker switches
at the same pane. An event may be dated up to ``max_future`` past its own append, hence the rule: at least that, and a
minute for workers to read it, after the moment of publication.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from driftline.errors import ParameterError, ProfileError
from driftline.events.cloudevents import rfc3339

BEGINNING_MS: Final = 0
"""Effective from the beginning: the epoch of 1970, before any event that anybody monitors."""
READ_MS: Final = 60_000
"""Workers stay within a minute of the references topic."""
BEGINNING: Final = "beginning"


def parse_effective_from(text: str, at: str = "--effective-from") -> int:
    """Return the event time of ``beginning`` or of RFC 3339 with an offset, in milliseconds since the epoch.

    Raises
    ------
    ParameterError
        When the text is neither.

    Examples
    --------
    >>> parse_effective_from("2026-03-01T12:00:00Z"), parse_effective_from("beginning")
    (1772366400000, 0)
    """
    if text == BEGINNING:
        return BEGINNING_MS
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ParameterError("RFC 3339 with an offset, such as `2026-03-01T12:00:00Z`, or `beginning`", text, at)
    return max(BEGINNING_MS, round(moment.timestamp() * 1000))


def shown(time_ms: int) -> str:
    """Return an effective time as people read it.

    Examples
    --------
    >>> shown(0), shown(1772366400000)
    ('the beginning', '2026-03-01T12:00:00.000Z')
    """
    return "the beginning" if time_ms <= BEGINNING_MS else rfc3339(time_ms)


def effective_from(
    wanted_ms: int | None,
    now_ms: int,
    max_future_ms: int,
    *,
    before_start: bool = False,
    at: str = "--effective-from",
) -> int:
    """Return the first event time that a profile published now may hold for.

    Parameters
    ----------
    wanted_ms : int or None
        What was asked for; without it the earliest that is allowed.
    now_ms : int
        The moment of publication.
    max_future_ms : int
        How far an event may be dated past its record's own time.
    before_start : bool
        No worker has read an event of this model yet, so none can have been compared with anything else.
    at : str
        The option that asks for it, for the message.

    Raises
    ------
    ProfileError
        When it is too early; says why and what to do.
    """
    if before_start:
        return BEGINNING_MS if wanted_ms is None else wanted_ms
    least = now_ms + max_future_ms + READ_MS
    if wanted_ms is None:
        return least
    if wanted_ms < least:
        message = (
            f"Expected the profile to hold from {rfc3339(least)} or later, got {shown(wanted_ms)} "
            f"- at `{at}`. Events before that may have been read already, and workers would switch to it "
            f"at different panes: it must lie at least `time.max_future` ({max_future_ms // 1000} s) and a minute "
            "ahead. Leave the option out to take the earliest; or give --before-start if no worker has read events "
            "of this model yet, as before its first start or before a replay"
        )
        raise ProfileError(message)
    return wanted_ms
