"""Event time, step by step: whatever falls due is done at its moment, in one order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.events.output_record import OutputRecord


class Due(NamedTuple):
    """Something that acts at moments of event time."""

    due_ms: Callable[[], int | None]
    """The next such moment; None where there is none."""
    advance: Callable[[int], list[OutputRecord]]
    """Does what is due at that moment, and returns what comes of it."""


def run_due(parts: Sequence[Due], until_ms: int) -> list[OutputRecord]:
    """Do all that falls due up to a moment, inclusive; return what comes of it, in the order of time.

    At one moment the first of the parts acts first; what it makes due is seen before the next moment.

    Examples
    --------
    >>> ticks, alarms, done = [10, 30], [10, 20], []
    >>> def timer(times):
    ...     return Due(lambda: times[0] if times else None, lambda at_ms: done.append(times.pop(0)) or [])
    >>> run_due([timer(ticks), timer(alarms)], 20), done, ticks
    ([], [10, 10, 20], [30])
    """
    outputs: list[OutputRecord] = []
    while True:
        moments = [(due_ms, place) for place, part in enumerate(parts) if (due_ms := part.due_ms()) is not None]
        at_ms, place = min(moments, default=(until_ms + 1, 0))
        if at_ms > until_ms:
            return outputs
        outputs += parts[place].advance(at_ms)
