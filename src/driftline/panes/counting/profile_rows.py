"""What one flush adds under one profile, added up by join pane and performance window, of all traffic and of slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec.structs import replace

from driftline.events.source import SEGMENT_ALL, Kind, Offsets
from driftline.panes.counting.feature_rows import feature_rows
from driftline.panes.counting.group_sums import Cells, Groups, by_pane, counted, note, packed, run_sums
from driftline.panes.flush_record import JoinDelta, WindowDelta, first_names
from driftline.profiles.class_names import NO_SPELLINGS
from driftline.sketches import loss_strata
from driftline.sketches.arrival import ArrivalLayout, arrival_cells, prediction_cells
from driftline.sketches.feature_errors import N_CELLS
from driftline.sketches.joined import CHUNK, contributions, errors_of
from driftline.sketches.scores import ERROR_LIMIT, ERROR_SCALE, LABELLED, SQUARE_SCALE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from driftline.panes.counting.contributions import CountedPredictions, OfProfile, Pairs, UnknownLabels
    from driftline.profiles.profile import Profile
    from driftline.sketches.joined import Contributions, LabelledPairs
    from driftline.sketches.packed import Sparse

    Ints = NDArray[np.int64]

Errors = tuple[int, int, int]
"""Count, sum and sum of squares, as a :class:`driftline.panes.flush_record.JoinDelta` has them."""


class _Slice:
    """Rows of one slice of the traffic by join pane and window, and the cells that they add to.

    ``rows`` are, at least one, those of the slice among the n rows of the profile.
    """

    def __init__(self, rows: Ints, pane_ms: Ints, window_ms: Ints) -> None:
        self.groups = Groups.by(pane_ms[rows], window_ms[rows])
        self.of_row = np.full(pane_ms.size, -1)
        self.of_row[rows] = self.groups.of_row
        self.n_groups = self.groups.keys[0].size
        self.cells: list[Cells] = []
        self._panes, self._pane_of_group = np.unique(self.groups.keys[0], return_inverse=True)
        self._errors = np.zeros((self._panes.size, 3), dtype=np.int64)
        self._error_groups = np.zeros((self._panes.size, 0), dtype=np.int64)

    def add(self, start: int, stop: int, adds: Contributions) -> None:
        """Add pairs that are the profile's rows from ``start`` to ``stop``."""
        group = self.of_row[start:stop]
        members = np.flatnonzero(group >= 0)
        group = group[members]
        self.cells += [Cells(group, np.full(members.size, LABELLED), adds.signs[members])]
        self.cells += [run_sums(group, adds.first, adds.run[:, members])]
        columns = zip(adds.cells, adds.values, strict=True)
        self.cells += [Cells(group, cell[members], value[members]) for cell, value in columns]

    def add_errors(self, rows: Ints, words: Ints) -> None:
        """Add errors of first labels, shape (n, 3), given which of the profile's rows they are of."""
        group = self.of_row[rows]
        members = group >= 0
        np.add.at(self._errors, self._pane_of_group[group[members]], words[members])

    def add_groups(self, rows: Ints, groups: Ints, n_groups: int) -> None:
        """Count first labels by group of their error, shape (n,), given which of the profile's rows they are of."""
        if not self._error_groups.size:
            self._error_groups = np.zeros((self._panes.size, n_groups), dtype=np.int64)
        np.add.at(self._error_groups, (self._pane_of_group[self.of_row[rows]], groups), 1)

    def error_groups(self) -> dict[int, list[int]]:
        """Return first labels by group of their error, by pane; empty lists where there are no groups."""
        counts: list[list[int]] = self._error_groups.tolist()
        return {pane: each if any(each) else [] for pane, each in zip(self._panes.tolist(), counts, strict=True)}

    def errors(self) -> dict[int, Errors]:
        """Return count, sum and sum of squares of the errors by pane."""
        return {pane: (n, e, s) for pane, (n, e, s) in zip(self._panes.tolist(), self._errors.tolist(), strict=True)}

    def count(self, start: int, stop: int, cell: int) -> None:
        """Count predictions that are the profile's rows from ``start`` to ``stop``."""
        group = self.of_row[start:stop]
        self.cells.append(counted(group[group >= 0], cell, self.n_groups))


class CountingPlace(NamedTuple):
    """What decides where the joins of predictions under one profile count."""

    profile: Profile
    pane_ms: int
    window_ms: int
    """Length of a pane, and of a performance window."""
    segments: tuple[str, ...]
    """Names of the slices of the traffic, in the order of their bits."""
    classes: Mapping[str, str] = NO_SPELLINGS
    """Class by the text of a value, as it is configured."""


class ProfileRows:
    """Rows under one profile, at least one; ``place`` is where they count."""

    def __init__(self, place: CountingPlace, own: OfProfile) -> None:
        pane_ms, pairs, predictions = place.pane_ms, own.pairs, own.predictions
        self._profile = place.profile
        self._layout = self._profile.task.performance_layout
        self._arrival = ArrivalLayout.of(self._layout)
        self._addresses = [*(part.at for part in pairs), *(part.at for part in predictions)]
        times, windows = self._column("effective_ms"), self._column("time_ms")
        self._pane = times - times % pane_ms
        window = windows - windows % place.window_ms
        self._all = _Slice(np.arange(times.size), self._pane, window)
        self._by_loss = self._profile.task.kind == "regression" and not self._layout.weighted
        self._arrivals: list[Cells] = []
        self._by_feature: list[Cells] = []
        self._slices = {
            name: _Slice(rows, self._pane, window)
            for bit, name in enumerate(place.segments)
            if (rows := self._of_slice(bit)).size
        }
        self._sum(pairs, predictions)
        self._unknown = _names(own.unknown, pane_ms, place.window_ms)

    def _column(self, name: str) -> Ints:
        columns: list[Ints] = [getattr(at, name) for at in self._addresses]
        return np.concatenate(columns)

    def _of_slice(self, bit: int) -> Ints:
        """Return the rows of a slice."""
        none = np.uint32(0)
        bits = [np.full(at.offset.size, none) if at.segments is None else at.segments for at in self._addresses]
        return np.flatnonzero(np.concatenate(bits) >> np.uint32(bit) & np.uint32(1))

    def _sum(self, pairs: list[Pairs], predictions: list[CountedPredictions]) -> None:
        every = (self._all, *self._slices.values())
        start = 0
        for part in pairs:
            for first_row in range(0, part.at.offset.size, CHUNK):
                stop = start + min(CHUNK, part.at.offset.size - first_row)
                rows = slice(first_row, first_row + stop - start)
                adds = contributions(self._layout, part.pairs.rows(rows))
                for each in every:
                    each.add(start, stop, adds)
                self._add_arrivals(part, rows, start, stop)
                self._add_by_feature(part, rows, self._all.of_row[start:stop])
                start = stop
        for batch in predictions:
            stop = start + batch.at.offset.size
            for each in every:
                each.count(start, stop, batch.cell)
            if batch.predicted is not None and batch.scores is not None:
                cells = prediction_cells(self._arrival, batch.predicted, batch.scores)
                self._arrivals.append(Cells(self._all.of_row[start:stop], cells, np.ones_like(cells)))
                if self._by_loss:
                    self._arrivals.append(self._by_stratum(self._all.of_row[start:stop], batch.predicted))
            start = stop

    def _add_arrivals(self, part: Pairs, rows: slice, start: int, stop: int) -> None:
        """Add ages of first labels, labels that count, and the errors that detectors are fed with."""
        pairs, group = part.pairs.rows(rows), self._all.of_row[start:stop]
        ages = part.at.effective_ms[rows] - part.at.time_ms[rows]
        cells, first, counting = arrival_cells(self._arrival, pairs, ages, part.first[rows])
        self._arrivals += [Cells(group[first], cells, np.ones_like(cells)), Cells(group, counting, pairs.signs)]
        if self._by_loss:
            self._arrivals.append(self._losses(group, pairs))
        known = first[pairs.actual[first] < self._layout.n_classes] if self._layout.n_classes else first
        errors = np.minimum(errors_of(self._layout, pairs)[known], ERROR_LIMIT)
        words = (np.ones_like(errors), np.rint(errors * ERROR_SCALE), np.rint(errors * errors * SQUARE_SCALE))
        for each in (self._all, *self._slices.values()):
            each.add_errors(start + known, np.stack(words, axis=1).astype(np.int64))
        sizes = self._profile.error_groups
        if sizes is not None:
            self._all.add_groups(start + known, sizes.places(errors), len(sizes.counts))

    def _add_by_feature(self, part: Pairs, rows: slice, group: Ints) -> None:
        if part.groups is not None:
            adds = feature_rows(self._profile, part.pairs.rows(rows), part.groups[rows], group, self._all.n_groups)
            self._by_feature += [] if adds is None else [adds]

    def _by_stratum(self, group: Ints, predicted: NDArray[np.float64]) -> Cells:
        """Return the number of predictions of each group by stratum."""
        counts = np.bincount(group * loss_strata.N_STRATA + self._strata(predicted))
        keys = np.flatnonzero(counts)
        groups, strata = np.divmod(keys, loss_strata.N_STRATA)
        return Cells(groups, self._arrival.losses + loss_strata.prediction_cells(strata), counts[keys])

    def _losses(self, group: Ints, pairs: LabelledPairs) -> Cells:
        """Return what labels add to the losses of each group by stratum."""
        slots, values = loss_strata.label_slots(self._strata(pairs.predicted), pairs.predicted - pairs.actual)
        sums = run_sums(group * loss_strata.N_SLOTS + slots, 0, values * pairs.signs)
        groups, slots = np.divmod(sums.group, loss_strata.N_SLOTS)
        return Cells(groups, self._arrival.losses + loss_strata.SLOT_CELLS[slots, sums.cell], sums.value)

    def _strata(self, predicted: NDArray[np.float64]) -> Ints:
        """Return the stratum of each of n predictions."""
        return np.searchsorted(self._profile.stratum_cuts, predicted, side="right")

    def deltas(self) -> list[JoinDelta]:
        """Return what the flush adds to each pane of all traffic."""
        arrivals = packed(self._arrivals, self._all.n_groups, self._arrival.n_cells)
        errors, groups, id_ = self._all.errors(), self._all.error_groups(), self._profile.profile_id
        return [
            JoinDelta(self._profile.key, SEGMENT_ALL, pane, id_, offsets, windows, errors[pane], groups=groups[pane])
            for pane, offsets, windows in self._panes_of(self._all, arrivals)
        ]

    def slices(self) -> list[JoinDelta]:
        """Return what it adds to each pane of each slice, in the order of their bits."""
        return [
            JoinDelta(self._profile.key, name, pane, self._profile.profile_id, offsets, windows, errors[pane])
            for name, each in self._slices.items()
            for errors in (each.errors(),)
            for pane, offsets, windows in self._panes_of(each, None)
        ]

    def _panes_of(
        self, each: _Slice, arrivals: list[Sparse] | None
    ) -> Iterator[tuple[int, dict[Kind, Offsets], list[WindowDelta]]]:
        cells = packed(each.cells, each.n_groups, self._layout.n_cells)
        starts = each.groups.keys[1].tolist()
        columns = (starts, cells) if arrivals is None else (starts, cells, arrivals)
        windows = [WindowDelta(*column) for column in zip(*columns, strict=True)]
        if self._unknown and arrivals is not None:
            names = map(self._unknown.get, zip(each.groups.keys[0].tolist(), starts, strict=True))
            windows = [
                window if known is None else replace(window, unknown=first_names(known))
                for window, known in zip(windows, names, strict=True)
            ]
        if self._by_feature and arrivals is not None:
            by_feature = packed(self._by_feature, each.n_groups, N_CELLS)
            pairs = zip(windows, by_feature, strict=True)
            windows = [replace(window, by_feature=cells) for window, cells in pairs]
        noted: dict[int, dict[Kind, Offsets]] = {}
        start = 0
        for at in self._addresses:
            stop = start + at.offset.size
            members = np.flatnonzero(each.of_row[start:stop] >= 0)
            for pane, _, origin, low, high in by_pane(
                self._pane[start:stop][members], at.source.partition, at.offset[members]
            ):
                note(noted.setdefault(pane, {}), at.source.kind, origin, low, high)
            start = stop
        every, first = np.unique(each.groups.keys[0], return_index=True)
        bounds = [*first.tolist(), len(windows)]
        for place, pane in enumerate(every.tolist()):
            yield pane, noted[pane], windows[bounds[place] : bounds[place + 1]]


def _names(unknown: list[UnknownLabels], pane_ms: int, window_ms: int) -> dict[tuple[int, int], set[str]]:
    """Return how labels of unknown classes are called, by join pane and window."""
    names: dict[tuple[int, int], set[str]] = {}
    for labels in unknown:
        effective, time = labels.at.effective_ms, labels.at.time_ms
        rows = (effective - effective % pane_ms, time - time % window_ms, labels.which)
        for pane, window, which in np.unique(np.stack(rows, axis=1), axis=0).tolist():
            names.setdefault((pane, window), set()).add(labels.names[which])
    return names
