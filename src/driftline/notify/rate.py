"""A limit of messages in any span of time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.config.notify_settings import RateLimit


class RateLimiter:
    """Says whether one more message may be sent; *State*: a time per message of the span.

    Examples
    --------
    >>> from driftline.config.durations import Duration
    >>> from driftline.config.notify_settings import RateLimit
    >>> limiter = RateLimiter(RateLimit(messages=1, every=Duration(60_000)))
    >>> limiter.note(0.0)
    >>> limiter.free_at(10.0), limiter.free_at(60.0)
    (60.0, 60.0)
    """

    def __init__(self, limit: RateLimit) -> None:
        self._every_s = limit.every / 1000
        self._n = limit.messages
        self._sent: deque[float] = deque(maxlen=limit.messages)

    def note(self, now_s: float) -> None:
        """Note that a message was sent."""
        self._sent.append(now_s)

    def free_at(self, now_s: float) -> float:
        """Return when the next message may be sent: ``now_s``, or later."""
        if len(self._sent) < self._n:
            return now_s
        return max(now_s, self._sent[0] + self._every_s)
