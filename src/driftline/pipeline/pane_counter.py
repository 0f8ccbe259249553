"""Counts the prediction rows of one flush: rows wait by model key until there are enough to count them together."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import xxhash

from driftline.events.pane import SEGMENT_ALL, Offsets, PaneDelta, SampleRow
from driftline.events.prediction import Score, one_score
from driftline.pipeline.feature_decoder import FeatureDecoder
from driftline.pipeline.open_panes import smallest
from driftline.sketches.columns import CategoricalColumn, Column
from driftline.sketches.counting import count
from driftline.sketches.encoding import CategoryCodes, Encoded, encode_categorical, encode_numeric, numbers_of
from driftline.sketches.layout import LATE, UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec
    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.book import ProfileBook
    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch

COUNT_ROWS: Final = 20_000
"""Rows of one model that are counted together; bounds what waits."""
SAMPLE_BYTES: Final = 256 * 1024
"""Features of sample rows in one delta; an event with longer ones is counted and not sampled."""
_NO_NUMBERS: Final = frozenset((str, bool))


class Rows(NamedTuple):
    """Predictions of one model key from one source partition, n of them.

    Attributes
    ----------
    partition : int
    ids : list of str
    offsets, pane_ms : ndarray of int64, shape (n,)
    late : ndarray of bool, shape (n,)
    features : list of JSON objects
    predictions, scores : list
    """

    partition: int
    ids: Sequence[str]
    offsets: NDArray[np.int64]
    pane_ms: NDArray[np.int64]
    late: NDArray[np.bool_]
    features: Sequence[bytes | msgspec.Raw]
    predictions: Sequence[Any]
    scores: Sequence[Score | None]


@dataclass(slots=True)
class _OpenPane:
    """What a flush adds to one pane of one model under one profile."""

    sketch: PaneSketch | None
    n_events: int = 0
    offsets: Offsets = field(default_factory=dict)
    sample: list[SampleRow] = field(default_factory=list)


class PaneCounter:
    """Collects rows and turns them into pane deltas.

    Parameters
    ----------
    key : ModelKey
    settings : ModelSettings
    book : ProfileBook
    known : frozenset of str
        Names in a features object that are no features.
    """

    def __init__(self, key: ModelKey, settings: ModelSettings, book: ProfileBook, known: frozenset[str]) -> None:
        self._key = key
        self._settings = settings
        self._book = book
        ignored = {name for name, column in settings.columns.items() if column.kind == "ignore"}
        self._known = known | ignored
        self._encoders: dict[str, ColumnEncoder] = {}
        self._waiting: list[Rows] = []
        self._open: dict[tuple[int, str], _OpenPane] = {}
        self.n_waiting = 0

    @property
    def n_cells(self) -> int:
        """Cells of the sketches that wait for the flush."""
        return sum(pane.sketch.counts.size for pane in self._open.values() if pane.sketch is not None)

    def add(self, rows: Rows) -> None:
        """Take rows in; count when enough are waiting."""
        self._waiting.append(rows)
        self.n_waiting += len(rows.ids)
        if self.n_waiting >= COUNT_ROWS:
            self._count()

    def take(self) -> list[PaneDelta]:
        """Return the deltas of everything added since the last call."""
        self._count()
        deltas = []
        for (pane_ms, profile_id), pane in sorted(self._open.items()):
            sketch = None if pane.sketch is None else pane.sketch.pack()
            offsets = dict(sorted(pane.offsets.items()))
            first, *others = _samples(pane.sample)
            deltas.append(PaneDelta(self._key, SEGMENT_ALL, pane_ms, profile_id, pane.n_events, offsets, sketch, first))
            deltas += [PaneDelta(self._key, SEGMENT_ALL, pane_ms, profile_id, 0, {}, None, sample) for sample in others]
        self._open.clear()
        return deltas

    def clear(self) -> None:
        """Forget everything added since the last flush."""
        self._waiting.clear()
        self._open.clear()
        self.n_waiting = 0

    def _count(self) -> None:
        if not self._waiting:
            return
        rows = _concatenate(self._waiting)
        self._waiting, self.n_waiting = [], 0
        panes, slots = np.unique(rows.pane_ms, return_inverse=True)
        profiles = [self._book.at(self._key, int(pane)) for pane in panes.tolist()]
        by_profile: dict[str, list[int]] = {}
        for slot, profile in enumerate(profiles):
            by_profile.setdefault("" if profile is None else profile.profile_id, []).append(slot)
        for profile_id, chosen in by_profile.items():
            profile = profiles[chosen[0]]
            part, part_slots = (rows, slots) if len(by_profile) == 1 else _of_slots(rows, slots, chosen)
            if profile is None:
                self._sample(part, panes[chosen], part_slots)
            else:
                self._sketch(profile, part, panes[chosen], part_slots)
            self._note_offsets(profile_id, part, panes[chosen], part_slots)

    def _sketch(self, profile: Profile, rows: _AllRows, panes: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
        encoder = self._encoders.get(profile.profile_id)
        if encoder is None:
            encoder = self._encoders[profile.profile_id] = ColumnEncoder(
                profile.columns, profile.task.positive, self._known
            )
        on_time = np.flatnonzero(~rows.late)
        kept, kept_slots = (rows, slots) if on_time.size == slots.size else (rows.chosen(on_time), slots[on_time])
        columns, unexpected = encoder(kept)
        sketches = count(profile.layout, columns, kept_slots, panes.size)
        n_late = np.bincount(slots[rows.late], minlength=panes.size)
        n_unexpected = np.bincount(kept_slots[unexpected], minlength=panes.size)
        for slot, sketch in enumerate(sketches):
            sketch.counts[LATE] += n_late[slot]
            sketch.counts[UNEXPECTED] += n_unexpected[slot]
            pane = self._pane(int(panes[slot]), profile.profile_id)
            if pane.sketch is None:
                pane.sketch = sketch
            else:
                pane.sketch.merge(sketch)

    def _sample(self, rows: _AllRows, panes: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
        """Keep the rows with the smallest hashes of each pane, for a bootstrap."""
        bootstrap = self._settings.bootstrap
        hashes = [xxhash.xxh3_64_intdigest(prediction_id.encode()) for prediction_id in rows.ids]
        for slot, pane_ms in enumerate(panes.tolist()):
            pane = self._pane(pane_ms, "")
            if not bootstrap.enabled:
                continue
            mine = np.flatnonzero((slots == slot) & ~rows.late).tolist()
            short = [row for row in mine if len(rows.features[row]) <= SAMPLE_BYTES]
            fresh = [_sample_row(rows, hashes[row], row) for row in short]
            pane.sample = smallest(pane.sample + fresh, bootstrap.sample)

    def _note_offsets(
        self, profile_id: str, rows: _AllRows, panes: NDArray[np.int64], slots: NDArray[np.int64]
    ) -> None:
        on_time = ~rows.late
        counts = np.bincount(slots[on_time], minlength=panes.size)
        for slot, n in enumerate(counts.tolist()):
            self._pane(int(panes[slot]), profile_id).n_events += n
        for partition in np.unique(rows.partitions[on_time]).tolist():
            mine = on_time & (rows.partitions == partition)
            low = np.full(panes.size, np.iinfo(np.int64).max)
            high = np.full(panes.size, -1)
            np.minimum.at(low, slots[mine], rows.offsets[mine])
            np.maximum.at(high, slots[mine], rows.offsets[mine])
            for slot in np.flatnonzero(high >= 0).tolist():
                offsets = self._pane(int(panes[slot]), profile_id).offsets
                known = offsets.get(partition, (int(low[slot]), int(high[slot])))
                offsets[partition] = (min(known[0], int(low[slot])), max(known[1], int(high[slot])))

    def _pane(self, pane_ms: int, profile_id: str) -> _OpenPane:
        pane = self._open.get((pane_ms, profile_id))
        if pane is None:
            pane = self._open[pane_ms, profile_id] = _OpenPane(None)
        return pane


class ColumnEncoder:
    """Encodes rows into the columns of one profile.

    Parameters
    ----------
    columns : tuple of Column
        Features first, then the prediction and the score where the profile has them.
    positive : str or None
        Class whose probability is the score, where a record has a map of them.
    known : frozenset of str
        Names in a features object that are no features.
    """

    def __init__(self, columns: tuple[Column, ...], positive: str | None, known: frozenset[str]) -> None:
        self._columns = columns
        self._positive = positive
        features = [column for column in columns if column.role == "feature"]
        self._decode = FeatureDecoder(features, known)
        self._codes = {
            i: CategoryCodes(column) for i, column in enumerate(columns) if isinstance(column, CategoricalColumn)
        }

    def __call__(self, rows: _AllRows) -> tuple[list[Encoded], NDArray[np.bool_]]:
        """Return the encoded columns, and which events had a feature that the profile does not know."""
        features = self._decode(rows.features)
        encoded = []
        for i, column in enumerate(self._columns):
            values: Sequence[Any]
            exceptions: Sequence[tuple[int, int]]
            if column.role == "feature":
                values, exceptions = features.values[i], features.exceptions[i]
            else:
                values, exceptions = (
                    (rows.predictions if column.role == "prediction" else rows.plain_scores(self._positive)),
                    (),
                )
            if isinstance(column, CategoricalColumn):
                encoded.append(encode_categorical(column, self._codes[i], values, exceptions))
                continue
            if column.role == "prediction" and not _NO_NUMBERS.isdisjoint(map(type, values)):
                numbers, exceptions = numbers_of(values)
            else:
                numbers = np.asarray(values, dtype=np.float64)
            encoded.append(encode_numeric(column, numbers, exceptions))
        return encoded, features.unexpected


class _AllRows(NamedTuple):
    """Rows of one model key from all partitions, n of them; attributes as in :class:`Rows`."""

    partitions: NDArray[np.int64]
    ids: list[str]
    offsets: NDArray[np.int64]
    pane_ms: NDArray[np.int64]
    late: NDArray[np.bool_]
    features: list[bytes | msgspec.Raw]
    predictions: list[Any]
    scores: list[Score | None]

    def plain_scores(self, positive: str | None) -> Sequence[float | None]:
        """Return one probability a row."""
        return plain_scores(self.scores, positive)

    def chosen(self, rows: NDArray[np.int64]) -> _AllRows:
        """Return some of the rows."""
        picked = rows.tolist()
        return _AllRows(
            self.partitions[rows],
            [self.ids[row] for row in picked],
            self.offsets[rows],
            self.pane_ms[rows],
            self.late[rows],
            [self.features[row] for row in picked],
            [self.predictions[row] for row in picked],
            [self.scores[row] for row in picked],
        )


def plain_scores(scores: Sequence[Score | None], positive: str | None) -> Sequence[float | None]:
    """Return one probability for each score."""
    if dict in set(map(type, scores)):
        return [one_score(score, positive) for score in scores]
    return scores  # type: ignore[return-value]  # no map is among them


def _concatenate(parts: list[Rows]) -> _AllRows:
    return _AllRows(
        np.concatenate([np.full(len(part.ids), part.partition, dtype=np.int64) for part in parts]),
        [*chain.from_iterable(part.ids for part in parts)],
        np.concatenate([part.offsets for part in parts]),
        np.concatenate([part.pane_ms for part in parts]),
        np.concatenate([part.late for part in parts]),
        [*chain.from_iterable(part.features for part in parts)],
        [*chain.from_iterable(part.predictions for part in parts)],
        [*chain.from_iterable(part.scores for part in parts)],
    )


def _of_slots(rows: _AllRows, slots: NDArray[np.int64], chosen: list[int]) -> tuple[_AllRows, NDArray[np.int64]]:
    """Return the rows of some slots, and their slots counted from 0."""
    picked = np.flatnonzero(np.isin(slots, chosen))
    return rows.chosen(picked), np.searchsorted(np.array(chosen), slots[picked])


def _samples(rows: list[SampleRow]) -> list[list[SampleRow]]:
    """Return rows in parts that fit a record each; one empty part where there are none."""
    parts: list[list[SampleRow]] = [[]]
    size = 0
    for row in rows:
        n_bytes = len(row.features) + len(str(row.prediction).encode())
        if size and size + n_bytes > SAMPLE_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(row)
        size += n_bytes
    return parts


def _sample_row(rows: _AllRows, digest: int, row: int) -> SampleRow:
    prediction = rows.predictions[row]
    plain = int(prediction) if isinstance(prediction, bool) else prediction
    score = rows.scores[row]
    two_classes = isinstance(score, dict) and len(score) == 2  # noqa: PLR2004  # binary
    positive = max(score) if isinstance(score, dict) and two_classes else None
    return SampleRow(digest, bytes(rows.features[row]), plain, one_score(score, positive))
