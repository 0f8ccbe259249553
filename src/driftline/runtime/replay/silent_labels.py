"""When all labels were silent for so long that workers declared their partitions idle, by the timestamps of records.

Only then is an alert possible that labels stopped (``labels.stall_after``). A worker goes by its clock; a replay by the
greatest timestamp of the records that it has read, and by that of the next label of each partition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from driftline.events.source import Source


class SilentLabels:
    """Follows whether every partition of the labels is silent.

    Parameters
    ----------
    sources : iterable of Source
        The partitions of the labels topic; none where there is no such topic, which is then never silent.
    idle_timeout_ms : int

    Attributes
    ----------
    silent : bool
        Whether all are declared idle.
    """

    def __init__(self, sources: Iterable[Source], idle_timeout_ms: int) -> None:
        self.sources = tuple(sources)
        self._idle_timeout_ms = idle_timeout_ms
        self._last_ms: int | None = None
        self.silent = False

    def begins(self, clock_ms: int, next_ms: Callable[[Source], int | None]) -> bool:
        """Whether a silence begins now, given the clock and the timestamp of the next label of each partition."""
        if self.silent or not self.sources:
            return False
        if self._last_ms is None:
            self._last_ms = clock_ms  # before the first label, silence is counted from the first record on
        if clock_ms - self._last_ms < self._idle_timeout_ms:
            return False
        self.silent = all((at_ms := next_ms(source)) is None or at_ms > clock_ms for source in self.sources)
        return self.silent

    def ends(self, timestamp_ms: int) -> bool:
        """Note labels, the latest of which has this timestamp; return whether they end a silence."""
        self._last_ms = timestamp_ms if self._last_ms is None else max(self._last_ms, timestamp_ms)
        ended, self.silent = self.silent, False
        return ended
