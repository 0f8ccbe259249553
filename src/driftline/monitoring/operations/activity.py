"""When a model made predictions, to the pane: the gaps in a window, and how long it was down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.operations.case import Activity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Runs = list[tuple[int, int]]
"""Stretches of event time in which every pane has predictions, ascending: start, and end excluded."""


def add_pane(runs: Runs, start_ms: int, end_ms: int) -> None:
    """Add a pane, none of which comes before the last run.

    Examples
    --------
    >>> runs = [(0, 10)]
    >>> add_pane(runs, 10, 20)
    >>> add_pane(runs, 40, 50)
    >>> runs
    [(0, 20), (40, 50)]
    """
    if runs and runs[-1][1] == start_ms:
        runs[-1] = (runs[-1][0], end_ms)
    else:
        runs.append((start_ms, end_ms))


def activity_of(
    runs: Sequence[tuple[int, int]], span_ms: tuple[int, int], last_end_ms: int | None, silence_ms: int | None
) -> Activity:
    """Return what the runs of a window say, given the end of the last one before it.

    Examples
    --------
    >>> activity_of([(100, 130), (190, 200)], (100, 200), 80, 40)
    Activity(longest_gap_ms=60, down_ms=20)
    """
    gaps = [*_gaps(runs, span_ms[1], last_end_ms)]
    longest = max((end - start for start, end in gaps), default=None)
    if silence_ms is None:
        return Activity(longest, None)
    down = sum(max(0, end - max(start + silence_ms, span_ms[0])) for start, end in gaps)
    return Activity(longest, down)


def _gaps(runs: Sequence[tuple[int, int]], end_ms: int, last_end_ms: int | None) -> Iterator[tuple[int, int]]:
    before = last_end_ms
    for start, end in runs:
        if before is not None and start > before:
            yield before, start
        before = end
    if before is not None and end_ms > before:
        yield before, end_ms
