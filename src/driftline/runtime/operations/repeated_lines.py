"""Limits repeated log lines of other libraries: a client without a broker logs the same line for ever."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

INTERVAL_S: Final = 10.0
"""Often enough to see that an outage lasts, seldom enough to find the line that matters."""

_FORGET_S: Final = 600.0
_NUMBER: Final = re.compile(r"\d+")
_LIBRDKAFKA: Final = "%s [%s] %s"
"""The one template of librdkafka's lines; what differs by kind is its first argument, such as ``FAIL``."""


class RepeatedLines(logging.Filter):
    """Lets a line of the given loggers pass where none of its kind has passed for a while.

    A kind is a logger with a message's template, numbers apart. The line that passes next carries ``left_out``, the
    number of those of its kind that did not pass before it. Belongs on a handler: filters of a logger do not see what
    comes from the loggers below it.

    Parameters
    ----------
    loggers : collection of str
        Names of loggers; those below them count too. Lines of others always pass.
    clock : callable, optional
        Returns seconds that never go back.

    Notes
    -----
    State: a time and a count for each kind of which a line passed within the last ten minutes.

    Examples
    --------
    >>> lines = RepeatedLines({"aiokafka"}, clock=lambda: 0.0)
    >>> line = logging.makeLogRecord({"name": "aiokafka.conn", "msg": "no broker at %s"})
    >>> lines.filter(line), lines.filter(line)
    (True, False)
    """

    def __init__(self, loggers: Collection[str], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._loggers = tuple(loggers)
        self._below = tuple(f"{name}." for name in loggers)
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line passes."""
        if record.name not in self._loggers and not record.name.startswith(self._below):
            return True
        kind = _kind(record)
        with self._lock:
            now = self._clock()
            passed_s, n_left_out = self._kinds.get(kind, (now - INTERVAL_S, 0))
            if now - passed_s < INTERVAL_S:
                self._kinds[kind] = passed_s, n_left_out + 1
                return False
            self._kinds[kind] = now, 0
            self._forget(now)
        if n_left_out:
            record.left_out = n_left_out
        return True

    def _forget(self, now: float) -> None:
        """Drop old kinds, so that templates with names in them do not add up."""
        for kind in [kind for kind, (passed_s, _) in self._kinds.items() if now - passed_s >= _FORGET_S]:
            del self._kinds[kind]


def _kind(record: logging.LogRecord) -> tuple[str, ...]:
    template = str(record.msg)
    if template == _LIBRDKAFKA and isinstance(record.args, tuple) and record.args:
        return record.name, template, str(record.args[0])
    return record.name, _NUMBER.sub("", template)
