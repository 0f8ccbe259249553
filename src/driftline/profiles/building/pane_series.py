"""Sums over the panes of a reference, all at once: what :class:`DispersionSums` adds pane by pane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.profiles.season import HOUR_MS, week_and_slot
from driftline.sketches.dispersion_sums import LAG_WEIGHTS, ColumnSums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CHUNK: Final = 1 << 10
"""Panes worked on together: a matrix of 40 groups stays in the processor's cache."""
BLOCK: Final = 128
"""Panes multiplied at once. Of larger matrices OpenBLAS makes several threads do a share, which on a busy machine wait
for each other: 50 times as long was measured."""
EXACT: Final = float(2**53)
"""Up to here sums of whole numbers are exact in 64-bit floating point, in whatever order they are made."""


class PaneTimes(NamedTuple):
    """The panes that n rows, in order of time, fall into."""

    numbers: NDArray[np.int64]
    """Number since the epoch of each pane with rows, ascending, shape (P,)."""
    of_rows: NDArray[np.int32]
    """Which of them each row is in, ascending, shape (n,)."""
    slots: NDArray[np.int64]
    """Hour of the week in which each pane begins, shape (P,)."""
    pane_ms: int
    """Length of a pane."""

    @classmethod
    def of(cls, times_ms: NDArray[np.int64], pane_ms: int) -> PaneTimes:
        """Return the panes of times in ascending order."""
        of_times = times_ms // pane_ms
        is_first = np.concatenate([[True], of_times[1:] != of_times[:-1]])
        numbers, of_rows = of_times[is_first], np.cumsum(is_first, dtype=np.int32) - np.int32(1)
        return cls(numbers, of_rows, week_and_slot(numbers * pane_ms)[1], pane_ms)


class SeasonShares(NamedTuple):
    """What the hours of the week hold."""

    shares: NDArray[np.float64]
    """Shares of each hour, shape (168, G); those of all hours where it holds nothing."""
    overall: NDArray[np.float64]
    """Shares of all hours together, shape (G,)."""
    weeks: NDArray[np.int64]
    """Weeks in which each hour was seen, shape (168,)."""

    @classmethod
    def of(cls, season: NDArray[np.int64], weeks: NDArray[np.int64]) -> SeasonShares | None:
        """Return the shares, or None where an hour was seen in one week alone: nothing differs from it.

        ``season`` has the values by hour of the week and group, ``weeks`` the number of weeks in which each hour was
        seen.
        """
        sizes = season.sum(axis=1)
        seen = sizes > 0
        if not seen.any() or int(weeks[seen].min()) < 2:  # noqa: PLR2004  # two weeks are the least that can differ
            return None
        overall = season.sum(axis=0) / sizes.sum()
        shares = np.where(seen[:, None], season / np.maximum(sizes, 1)[:, None], overall)
        return cls(shares, overall, weeks)

    def taken_from(self, counts: NDArray[np.float64], slots: NDArray[np.int64], length_ms: int) -> NDArray[np.float64]:
        """Return counts of panes, shape (P, G), with the shares of all hours where they had those of their own.

        What remains of them is too small, as each hour's shares are those of its own few weeks. Of w weeks a stretch
        of ``length_ms`` is the w-th part of what it is compared with, or less where it is shorter than an hour: the
        variance of its remains lacks that part, and they are stretched by as much.
        """
        sizes = counts.sum(axis=1)[:, None]
        rest: NDArray[np.float64] = counts - sizes * self.shares[slots]
        part = min(1.0, length_ms / HOUR_MS) / np.maximum(self.weeks[slots], 2)
        seasonless: NDArray[np.float64] = sizes * self.overall + rest / np.sqrt(1.0 - part)[:, None]
        return seasonless


class _Sums:
    """The running sums of one column."""

    def __init__(self, n_groups: int, sizes: Sequence[int]) -> None:
        self.between_panes = np.zeros((n_groups, n_groups))
        self.lagged = np.zeros((n_groups, n_groups))
        self.events = np.zeros(n_groups)
        self.n_panes = 0
        self.blocks: list[dict[int, NDArray[np.float64]]] = [{} for _ in sizes]


def column_sums(
    panes: PaneTimes,
    groups: NDArray[np.integer],
    n_groups: int,
    sizes: Sequence[int],
    season: SeasonShares | None = None,
) -> list[ColumnSums] | None:
    """Return the sums of one column, for each length of a window.

    ``groups`` has the base group of each row's value, -1 where it has none; ``sizes`` the panes a window, for each
    verdict window. With a season the sums are those of panes from which it has been taken, rounded to whole numbers;
    without one exactly what :class:`DispersionSums` gives for the same panes. None where sums could pass what 64-bit
    numbers hold exactly.

    Notes
    -----
    *Cost*: two multiplications of matrices a chunk of panes; 0.1 s a column for 100,000 panes of 40 groups.
    """
    sums = _Sums(n_groups, sizes)
    n_lags = len(LAG_WEIGHTS) - 1
    before = np.empty((0, n_groups))
    bounds = np.searchsorted(panes.of_rows, np.arange(0, panes.numbers.size + CHUNK, CHUNK))
    for chunk in range(bounds.size - 1):
        first, last = chunk * CHUNK, min((chunk + 1) * CHUNK, panes.numbers.size)
        rows = slice(bounds[chunk], bounds[chunk + 1])
        present = groups[rows] >= 0
        keys = (panes.of_rows[rows][present] - np.int32(first)) * np.int32(n_groups) + groups[rows][present]
        counts = np.bincount(keys, minlength=(last - first) * n_groups).reshape(-1, n_groups).astype(np.float64)
        sums.n_panes += int((counts.sum(axis=1) > 0).sum())
        sums.events += counts.sum(axis=0)
        taken = counts if season is None else season.taken_from(counts, panes.slots[first:last], panes.pane_ms)
        series = np.concatenate([before, taken])
        _add_chunk(sums, series, panes.numbers[first - len(before) : last], len(before))
        for size, blocks in zip(sizes, sums.blocks, strict=True):
            window_counts = counts
            if season is not None:
                window_counts = season.taken_from(counts, panes.slots[first:last], size * panes.pane_ms)
            _add_blocks(blocks, panes.numbers[first:last] // size, window_counts)
        before = series[max(0, len(series) - n_lags) :]
    largest = max([np.abs(sums.lagged).max(initial=0.0) * 2, *_squares(sums.blocks)])
    if largest >= EXACT:
        return None
    span = int(panes.numbers[-1] - panes.numbers[0]) + 1
    return [_finished(sums, blocks, span) for blocks in sums.blocks]


def _add_chunk(sums: _Sums, series: NDArray[np.float64], numbers: NDArray[np.int64], n_before: int) -> None:
    """Add the panes after the first ``n_before``, which are there to be looked back to."""
    counts = series[n_before:]
    weighed = LAG_WEIGHTS[0] * counts
    padded = np.concatenate([series, np.zeros((1, series.shape[1]))])
    for lag, weight in enumerate(LAG_WEIGHTS[1:], start=1):
        wanted = numbers[n_before:] - lag
        at = np.searchsorted(numbers, wanted)
        earlier = padded.take(np.where(numbers[at] == wanted, at, len(series)), axis=0)
        earlier *= 2 * weight
        weighed += earlier
    sums.between_panes += _product(counts, counts)
    sums.lagged += _product(counts, weighed)


def _product(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``aᵀ b`` from products that are too small for more than one thread."""
    whole = len(a) - len(a) % BLOCK
    shape = (-1, BLOCK, a.shape[1])
    parts = np.matmul(a[:whole].reshape(shape).transpose(0, 2, 1), b[:whole].reshape(shape))
    product: NDArray[np.float64] = parts.sum(axis=0) + a[whole:].T @ b[whole:]
    return product


def _add_blocks(
    blocks: dict[int, NDArray[np.float64]], of_panes: NDArray[np.int64], counts: NDArray[np.float64]
) -> None:
    present, starts = np.unique(of_panes, return_index=True)
    for block, sums in zip(present.tolist(), np.add.reduceat(counts, starts, axis=0), strict=True):
        blocks[block] = blocks[block] + sums if block in blocks else sums


def _squares(blocks: list[dict[int, NDArray[np.float64]]]) -> list[float]:
    return [float((np.array(list(each.values())).sum(axis=1) ** 2).sum()) for each in blocks]


def _finished(sums: _Sums, blocks: dict[int, NDArray[np.float64]], span: int) -> ColumnSums:
    """Return the sums of one length of windows; the last block may go on, and is left out."""
    complete = [blocks[block] for block in sorted(blocks)[:-1]]
    windows = np.array(complete).reshape(len(complete), -1) if complete else np.zeros((0, sums.events.size))
    return ColumnSums(
        between_panes=_whole(sums.between_panes),
        lagged=_whole(sums.lagged + sums.lagged.T),
        between_windows=_whole(windows.T @ windows),
        events=_whole(sums.events),
        events_in_windows=_whole(windows.sum(axis=0)),
        n_panes=sums.n_panes,
        n_windows=int((np.rint(windows.sum(axis=1)) > 0).sum()),
        span=span,
    )


def _whole(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(numbers).astype(np.int64)
