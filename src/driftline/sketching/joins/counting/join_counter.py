"""Collects what joins add to performance windows during one flush, and packs it into join deltas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.events.source import LABEL_STREAM, SEGMENT_ALL, Kind, Offsets
from driftline.panes.counting.contributions import Address, CountedPredictions, Pairs, UnknownLabels, of_profile
from driftline.panes.counting.group_sums import by_pane, note
from driftline.panes.counting.loose_joins import loose_deltas
from driftline.panes.counting.profile_rows import CountingPlace, ProfileRows
from driftline.panes.flush_record import JoinDelta
from driftline.sketches.scores import DUPLICATES, PREDICTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.events.source import Source
    from driftline.sketches.joined import LabelledPairs
    from driftline.sketching.joins.profile_table import ProfileTable

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


class _Labels:
    """What a flush adds to one pane of the label stream as a whole."""

    __slots__ = ("n_joined", "n_orphans", "n_predictions", "offsets")

    def __init__(self) -> None:
        self.n_predictions = self.n_joined = self.n_orphans = 0
        self.offsets: dict[Kind, Offsets] = {}


class JoinCounter:
    """Adds contributions up by join pane, profile and performance window.

    Notes
    -----
    *State*: the contributions of a flush, about 100 bytes each. *Cost*: a few passes over them when they are taken; a
    few look-ups a window that they touch.
    """

    def __init__(self, pane_ms: int, table: ProfileTable) -> None:
        self._pane_ms = pane_ms
        self._table = table
        self._pairs: list[Pairs] = []
        self._predictions: list[CountedPredictions] = []
        self._unknown: list[UnknownLabels] = []
        self._labels: dict[int, _Labels] = {}

    def predicted(self, at: Address, predicted: Floats | None = None, scores: Floats | None = None) -> None:
        """Count predictions that may get a label; by class and score as well, of shape (n,), where they are given."""
        self._predictions.append(CountedPredictions(at, PREDICTED, predicted, scores))
        panes, counts = np.unique(self._pane(at.effective_ms), return_counts=True)
        for pane, n in zip(panes.tolist(), counts.tolist(), strict=True):
            self._labels.setdefault(pane, _Labels()).n_predictions += n

    def duplicated(self, at: Address) -> None:
        """Count predictions whose id had been seen."""
        self._predictions.append(CountedPredictions(at, DUPLICATES))

    def joined(
        self, at: Address, pairs: LabelledPairs, first: NDArray[np.bool_], groups: NDArray[np.uint64] | None = None
    ) -> None:
        """Count predictions with their labels; ``first`` marks those that had none before, ``groups`` are those of
        their features.
        """
        self._pairs.append(Pairs(at, pairs, first, groups))
        rows = np.flatnonzero(pairs.signs > 0)
        for labels, n in self._note(at.effective_ms[rows], at.offset[rows], at.source):
            labels.n_joined += n

    def unknown(self, labels: UnknownLabels) -> None:
        """Note how labels are called, which are among those that joined, whose class their task does not know."""
        self._unknown.append(labels)

    def orphaned(self, times_ms: NDArray[np.int64], offsets: NDArray[np.int64], source: Source) -> None:
        """Count labels whose prediction never came, in the panes of the moments at which they were given up.

        None of these is before the watermark of predictions that the last flush reported.
        """
        for labels, n in self._note(times_ms, offsets, source):
            labels.n_orphans += n

    def take(self) -> list[JoinDelta]:
        """Return the deltas of everything added since the last call."""
        every = [*(part.at.profile for part in self._pairs), *(part.at.profile for part in self._predictions)]
        deltas: list[JoinDelta] = []
        slices: list[JoinDelta] = []
        for index in np.unique(np.concatenate(every)).tolist() if every else []:
            own = of_profile(self._pairs, self._predictions, self._unknown, index)
            profile = self._table.profiles[index]
            if profile is not None:
                place = CountingPlace(
                    profile, self._pane_ms, int(self._table.window_ms[index]), self._table.segments[index]
                )
                rows = ProfileRows(place, own)
                deltas += rows.deltas()
                slices += rows.slices()
            elif self._table.learns[index]:
                deltas += loose_deltas(self._table.keys[index], self._pane_ms, own)
        deltas.sort(key=lambda delta: delta.pane_ms)
        slices.sort(key=lambda delta: delta.pane_ms)
        deltas += slices
        for pane_ms, labels in sorted(self._labels.items()):
            counts = (labels.n_predictions, labels.n_joined, labels.n_orphans)
            deltas.append(
                JoinDelta(LABEL_STREAM, SEGMENT_ALL, pane_ms, "", labels.offsets, [], (0, 0, 0), labels=counts)
            )
        self.clear()
        return deltas

    def clear(self) -> None:
        """Forget everything added since the last flush."""
        self._pairs.clear()
        self._predictions.clear()
        self._unknown.clear()
        self._labels.clear()

    def _pane(self, times_ms: Ints) -> Ints:
        return times_ms - times_ms % self._pane_ms

    def _note(self, times_ms: Ints, offsets: Ints, source: Source) -> Iterator[tuple[_Labels, int]]:
        """Yield what rows add to in the label stream, and how many they are; their offsets are noted."""
        for pane, n, origin, low, high in by_pane(self._pane(times_ms), source.partition, offsets):
            labels = self._labels.setdefault(pane, _Labels())
            note(labels.offsets, source.kind, origin, low, high)
            yield labels, n


class Uncounted:
    """Takes what a join adds that was counted before: a :class:`JoinCounter` that forgets."""

    def predicted(self, at: Address, predicted: Floats, scores: Floats) -> None:
        """Forget predictions."""

    def duplicated(self, at: Address) -> None:
        """Forget predictions whose id had been seen."""

    def joined(self, at: Address, pairs: LabelledPairs, first: NDArray[np.bool_], groups: NDArray[np.uint64]) -> None:
        """Forget predictions with their labels."""

    def unknown(self, labels: UnknownLabels) -> None:
        """Forget how labels are called."""

    def orphaned(self, times_ms: Ints, offsets: Ints, source: Source) -> None:
        """Forget labels whose prediction never came."""
