"""Collects what joins add to performance windows during one flush, and packs it into join deltas."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.events.pane import LABEL_STREAM, NO_CELLS, SEGMENT_ALL, JoinDelta, Kind, Offsets, WindowDelta
from driftline.pipeline.joining.routing import spans
from driftline.sketches.arrival import ArrivalLayout, add_arrivals, add_predictions
from driftline.sketches.joined import Contributions, Joined, contributions, errors_of
from driftline.sketches.scores import DUPLICATES, ERROR_LIMIT, ERROR_SCALE, PREDICTED, SQUARE_SCALE
from driftline.sketches.sparse import pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.events.pane import Source
    from driftline.pipeline.joining.profile_table import ProfileTable


class Address(NamedTuple):
    """Where n contributions belong, and what they stem from.

    Attributes
    ----------
    profile : ndarray of int64, shape (n,)
        Index in the profile table.
    effective_ms : ndarray of int64, shape (n,)
        Decides the join pane.
    time_ms : ndarray of int64, shape (n,)
        Of the prediction; decides the performance window.
    source : Source
    offset : ndarray of int64, shape (n,)
    segments : ndarray of uint32, shape (n,), or None
        Bits of the slices that the prediction belongs to; none for None.
    """

    profile: NDArray[np.int64]
    effective_ms: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    source: Source
    offset: NDArray[np.int64]
    segments: NDArray[np.uint32] | None = None

    def rows(self, chosen: NDArray[np.int64]) -> Address:
        """Return some of the rows."""
        return Address(
            self.profile[chosen],
            self.effective_ms[chosen],
            self.time_ms[chosen],
            self.source,
            self.offset[chosen],
            None if self.segments is None else self.segments[chosen],
        )


class _OpenJoin:
    """What a flush adds to one join pane under one profile."""

    __slots__ = ("arrivals", "errors", "offsets", "windows")

    def __init__(self) -> None:
        self.windows: dict[int, NDArray[np.int64]] = {}
        self.arrivals: dict[int, NDArray[np.int64]] = {}
        self.errors: list[int] = [0, 0, 0]
        self.offsets: dict[Kind, Offsets] = {}


class _OpenSlice:
    """What a flush adds to one join pane of one slice of the traffic under one profile."""

    __slots__ = ("offsets", "windows")

    def __init__(self) -> None:
        self.windows: dict[int, NDArray[np.int64]] = {}
        self.offsets: dict[Kind, Offsets] = {}


class _OpenLabels:
    """What a flush adds to one pane of the label stream as a whole."""

    __slots__ = ("n_joined", "n_orphans", "n_predictions", "offsets")

    def __init__(self) -> None:
        self.n_predictions = self.n_joined = self.n_orphans = 0
        self.offsets: dict[Kind, Offsets] = {}


class JoinCounter:
    """Adds contributions up by join pane, profile and performance window.

    Parameters
    ----------
    pane_ms : int
    table : ProfileTable
    """

    def __init__(self, pane_ms: int, table: ProfileTable) -> None:
        self._pane_ms = pane_ms
        self._table = table
        self._open: dict[tuple[int, int], _OpenJoin] = {}
        self._slices: dict[tuple[int, int, int], _OpenSlice] = {}
        self._labels: dict[int, _OpenLabels] = {}

    def predicted(
        self, at: Address, predicted: NDArray[np.float64] | None = None, scores: NDArray[np.float64] | None = None
    ) -> None:
        """Count predictions that may get a label; by class and score as well, of shape (n,), where they are given."""
        for profile, pane, window, rows in self._groups(at):
            self._labels_at(pane).n_predictions += rows.size
            open_join = self._head(at, (profile, pane, window), rows, PREDICTED)
            if predicted is not None and scores is not None:
                layout, vector = self._arrival(open_join, profile, window)
                add_predictions(layout, predicted[rows], scores[rows], vector)

    def duplicated(self, at: Address) -> None:
        """Count predictions whose id had been seen."""
        for profile, pane, window, rows in self._groups(at):
            self._head(at, (profile, pane, window), rows, DUPLICATES)

    def joined(self, at: Address, pairs: Joined, first: NDArray[np.bool_]) -> None:
        """Count predictions with their labels; ``first`` marks those that had none before."""
        of_profile: dict[int, Contributions] = {}
        place = np.empty(at.offset.size, dtype=np.int64)
        for profile in np.unique(at.profile).tolist():
            mine = np.flatnonzero(at.profile == profile)
            place[mine] = np.arange(mine.size)
            layout = self._table.profiles[profile].task.performance_layout
            of_profile[profile] = contributions(layout, pairs.rows(mine))
        for profile, pane, window, rows in self._groups(at):
            layout = self._table.profiles[profile].task.performance_layout
            open_join = self._at(pane, profile)
            part = pairs.rows(rows)
            of_profile[profile].add(place[rows], self._window(open_join, profile, window))
            for slice_, mine in self._slices_of(at, profile, pane, rows):
                of_profile[profile].add(place[mine], self._window(slice_, profile, window))
            _add_errors(open_join, errors_of(layout, part)[first[rows] & (part.signs > 0)])
            arrival, vector = self._arrival(open_join, profile, window)
            add_arrivals(arrival, part, at.effective_ms[rows] - at.time_ms[rows], first[rows], vector)
            _note(open_join.offsets, at.source, at.offset[rows])
            n_joined = int((part.signs > 0).sum())
            if n_joined:
                labels = self._labels_at(pane)
                labels.n_joined += n_joined
                _note(labels.offsets, at.source, at.offset[rows])

    def orphaned(self, times_ms: NDArray[np.int64], offsets: NDArray[np.int64], source: Source) -> None:
        """Count labels whose prediction never came, in the panes of the moments at which they were given up.

        Parameters
        ----------
        times_ms : ndarray of int64, shape (n,)
            Moments of event time; none before the watermark of predictions that the last flush told.
        offsets : ndarray of int64, shape (n,)
            Of the labels.
        source : Source
        """
        panes = times_ms - times_ms % self._pane_ms
        for pane in np.unique(panes).tolist():
            rows = np.flatnonzero(panes == pane)
            labels = self._labels_at(pane)
            labels.n_orphans += rows.size
            _note(labels.offsets, source, offsets[rows])

    def take(self) -> list[JoinDelta]:
        """Return the deltas of everything added since the last call."""
        deltas = []
        for (pane_ms, index), join in sorted(self._open.items()):
            profile = self._table.profiles[index]
            arrivals = {window_ms: pack(vector) for window_ms, vector in join.arrivals.items()}
            windows = [
                WindowDelta(window_ms, pack(vector), arrivals.get(window_ms, NO_CELLS))
                for window_ms, vector in sorted(join.windows.items())
            ]
            count, total, squares = join.errors
            deltas.append(
                JoinDelta(
                    profile.key,
                    SEGMENT_ALL,
                    pane_ms,
                    profile.profile_id,
                    join.offsets,
                    windows,
                    (count, total, squares),
                )
            )
        for (pane_ms, index, bit), slice_ in sorted(self._slices.items()):
            profile, name = self._table.profiles[index], self._table.segments[index][bit]
            windows = [WindowDelta(window_ms, pack(vector)) for window_ms, vector in sorted(slice_.windows.items())]
            deltas.append(JoinDelta(profile.key, name, pane_ms, profile.profile_id, slice_.offsets, windows, (0, 0, 0)))
        for pane_ms, labels in sorted(self._labels.items()):
            counts = (labels.n_predictions, labels.n_joined, labels.n_orphans)
            deltas.append(
                JoinDelta(LABEL_STREAM, SEGMENT_ALL, pane_ms, "", labels.offsets, [], (0, 0, 0), labels=counts)
            )
        self.clear()
        return deltas

    def clear(self) -> None:
        """Forget everything added since the last flush."""
        self._open.clear()
        self._slices.clear()
        self._labels.clear()

    def _head(self, at: Address, place: tuple[int, int, int], rows: NDArray[np.int64], cell: int) -> _OpenJoin:
        """Count predictions of one profile, join pane and window."""
        profile, pane, window = place
        open_join = self._at(pane, profile)
        self._window(open_join, profile, window)[cell] += rows.size
        _note(open_join.offsets, at.source, at.offset[rows])
        for slice_, mine in self._slices_of(at, profile, pane, rows):
            self._window(slice_, profile, window)[cell] += mine.size
        return open_join

    def _labels_at(self, pane_ms: int) -> _OpenLabels:
        labels = self._labels.get(pane_ms)
        if labels is None:
            labels = self._labels[pane_ms] = _OpenLabels()
        return labels

    def _groups(self, at: Address) -> list[tuple[int, int, int, NDArray[np.int64]]]:
        """Return (profile, join pane, window, rows) of each group of contributions."""
        if at.offset.size == 0:
            return []
        pane = at.effective_ms - at.effective_ms % self._pane_ms
        window = at.time_ms - at.time_ms % self._table.window_ms[at.profile]
        order = np.lexsort((window, pane, at.profile))
        keys = np.stack([at.profile[order], pane[order], window[order]])
        cuts = np.flatnonzero((keys[:, 1:] != keys[:, :-1]).any(axis=0)) + 1
        groups = []
        for rows in np.split(order, cuts):
            head = rows[0]
            groups.append((int(at.profile[head]), int(pane[head]), int(window[head]), rows))
        return groups

    def _at(self, pane_ms: int, profile: int) -> _OpenJoin:
        found = self._open.get((pane_ms, profile))
        if found is None:
            found = self._open[pane_ms, profile] = _OpenJoin()
        return found

    def _slices_of(
        self, at: Address, profile: int, pane: int, rows: NDArray[np.int64]
    ) -> Iterator[tuple[_OpenSlice, NDArray[np.int64]]]:
        """Yield each slice that some of the rows belong to, and those rows; their offsets are noted."""
        if at.segments is None or not at.segments[rows].any():
            return
        for bit in range(len(self._table.segments[profile])):
            mine = rows[(at.segments[rows] >> np.uint32(bit)) & np.uint32(1) > 0]
            if mine.size:
                slice_ = self._slices.setdefault((pane, profile, bit), _OpenSlice())
                _note(slice_.offsets, at.source, at.offset[mine])
                yield slice_, mine

    def _window(self, open_join: _OpenJoin | _OpenSlice, profile: int, window_ms: int) -> NDArray[np.int64]:
        vector = open_join.windows.get(window_ms)
        if vector is None:
            n_cells = self._table.profiles[profile].task.performance_layout.n_cells
            vector = open_join.windows[window_ms] = np.zeros(n_cells, dtype=np.int64)
        return vector

    def _arrival(self, open_join: _OpenJoin, profile: int, window_ms: int) -> tuple[ArrivalLayout, NDArray[np.int64]]:
        layout = ArrivalLayout.of(self._table.profiles[profile].task.performance_layout)
        vector = open_join.arrivals.get(window_ms)
        if vector is None:
            vector = open_join.arrivals[window_ms] = np.zeros(layout.n_cells, dtype=np.int64)
        return layout, vector


def _add_errors(open_join: _OpenJoin, errors: NDArray[np.float64]) -> None:
    clipped = np.minimum(errors, ERROR_LIMIT)
    open_join.errors[0] += errors.size
    open_join.errors[1] += int(np.rint(clipped * ERROR_SCALE).astype(np.int64).sum())
    open_join.errors[2] += int(np.rint(clipped * clipped * SQUARE_SCALE).astype(np.int64).sum())


def _note(noted: dict[Kind, Offsets], source: Source, offsets: NDArray[np.int64]) -> None:
    ranges = noted.setdefault(source.kind, {})
    for partition, low, high in spans(source.partition, offsets):
        known = ranges.get(partition, (low, high))
        ranges[partition] = (min(low, known[0]), max(high, known[1]))
