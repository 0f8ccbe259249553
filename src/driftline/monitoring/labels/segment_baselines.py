"""What a segment's errors are held against: its first windows, which grow until they have enough labels.

A profile does not hold performance by segment. So the first windows are the baseline as soon as they have 100 labels,
are so many that they show how much errors vary, and hold a whole day, as errors may have a time of day. A baseline of
100 labels finds only great falls, as its own error is covered: it is taken anew with each doubling of its labels, up to
1,600. Windows do not count while an alert tells of a fall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.checks.labels.error_bets import LEAST_BASELINE, METRIC
from driftline.monitoring.labels.performance_windows import unpacked
from driftline.monitoring.state.table import Value
from driftline.performance.losses import wrong_decisions
from driftline.profiles.error_spread import DAY_MS, LEAST_WINDOWS, SpreadOfMetric
from driftline.sketches.packed import NO_CELLS, Sparse
from driftline.sketches.sparse import merge_sparse, pack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.monitoring.state.table import Tables
    from driftline.profiles.task import Task

ENOUGH: Final = 1_600
"""Labels from which on a baseline grows no more."""


class WindowSums(Struct, array_like=True):
    """Sums over windows with n labels, k of them of wrong predictions, each."""

    cells: Sparse = NO_CELLS
    """Performance cells of all of them."""
    n_windows: int = 0
    n: int = 0
    wrong: int = 0
    wrong_squares: float = 0.0
    """Sum of k² / n."""
    squares: float = 0.0
    """Sum of n²."""
    first_ms: int = 0
    last_ms: int = 0
    """Start of the first, and end of the last of them."""

    def plus(self, cells: Sparse, n: int, wrong: int, span_ms: tuple[int, int]) -> WindowSums:
        """Return the sums with one window more, n > 0, given its start and end."""
        start_ms, end_ms = span_ms
        return WindowSums(
            merge_sparse([self.cells, cells]) if self.n_windows else cells,
            self.n_windows + 1,
            self.n + n,
            self.wrong + wrong,
            self.wrong_squares + wrong * wrong / n,
            self.squares + float(n * n),
            min(self.first_ms, start_ms) if self.n_windows else start_ms,
            max(self.last_ms, end_ms),
        )

    @property
    def spread(self) -> SpreadOfMetric | None:
        """How much the share of wrong predictions varies between the windows, as
        :func:`driftline.profiles.error_spread.error_spread` has it; None where that cannot be told.
        """
        if self.n_windows < LEAST_WINDOWS or not 0 < self.wrong < self.n:
            return None
        share = self.wrong / self.n
        between = max(0.0, self.wrong_squares - self.wrong * share)
        dispersion = between / (share * (1 - share)) / (self.n_windows - 1)
        return SpreadOfMetric(dispersion, self.n_windows, self.squares / self.n)


class SegmentBaseline(Struct, array_like=True):
    """The first windows of a segment under one profile."""

    seen: WindowSums
    taken: WindowSums | None = None
    """What is the baseline; None as long as nothing is."""


class SegmentBaselines:
    """The baselines of one segment, of the latest few profiles.

    Parameters
    ----------
    independent : bool
        Whether errors are configured to be independent: then only the number of labels matters.

    Notes
    -----
    *State*: two sparse performance vectors and ten numbers a profile.
    """

    KEPT: Final = 4

    def __init__(self, *, independent: bool) -> None:
        self._least_windows, self._least_ms = (1, 0) if independent else (LEAST_WINDOWS, DAY_MS)
        self._known: tuple[tuple[str, int], PerformanceBaseline] | None = None
        # One value, as the order in which profiles came is part of it.
        self._by_profile = Value("segment-baselines", dict[str, SegmentBaseline], {})
        self.tables: Tables = (self._by_profile,)

    def of(self, profile_id: str, task: Task) -> PerformanceBaseline | None:
        """Return a profile's baseline; None while there are too few labels or windows."""
        baseline = self._by_profile.value.get(profile_id)
        if baseline is None or baseline.taken is None:
            return None
        place = (profile_id, baseline.taken.n_windows)
        if self._known is None or self._known[0] != place:
            vector = unpacked(baseline.taken.cells, task.performance_layout.n_cells)
            self._known = place, PerformanceBaseline(vector=vector, origin="first windows")
        return self._known[1]

    def spread(self, profile_id: str) -> SpreadOfMetric | None:
        """Return how much errors vary between the windows of a profile's baseline; None where that cannot be told."""
        baseline = self._by_profile.value.get(profile_id)
        return None if baseline is None or baseline.taken is None else baseline.taken.spread

    def add(self, profile_id: str, task: Task, vector: NDArray[np.int64], span_ms: tuple[int, int]) -> None:
        """Add a window, given its start and end; the profile that came first is forgotten where there are too many."""
        by_profile = self._by_profile.value
        baseline = by_profile.get(profile_id) or SegmentBaseline(WindowSums())
        wrong, n = wrong_decisions(task.performance_layout, vector, METRIC)
        taken = baseline.taken
        if not 0 <= wrong <= n > 0 or (taken is not None and taken.n >= ENOUGH):
            return
        seen = baseline.seen.plus(pack(vector), n, wrong, span_ms)
        if (seen.n >= 2 * taken.n) if taken is not None else not any(self._lacking(seen)):
            taken = seen
        by_profile[profile_id] = SegmentBaseline(seen, taken)
        while len(by_profile) > self.KEPT:
            del by_profile[next(iter(by_profile))]
        self._by_profile.changed()

    def lacking(self, profile_id: str) -> tuple[int, int, int]:
        """Return how many labels, windows and milliseconds a profile's first baseline still lacks."""
        baseline = self._by_profile.value.get(profile_id)
        return self._lacking(WindowSums() if baseline is None else baseline.seen)

    def _lacking(self, seen: WindowSums) -> tuple[int, int, int]:
        needed = (LEAST_BASELINE, self._least_windows, self._least_ms)
        given = (seen.n, seen.n_windows, seen.last_ms - seen.first_ms)
        labels, windows, ms = (max(0, least - n) for least, n in zip(needed, given, strict=True))
        return labels, windows, ms
