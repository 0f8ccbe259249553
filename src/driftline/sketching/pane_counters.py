"""The counters of all models and versions that a sketch worker has events of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.events.model_key import ModelKey
from driftline.sketching.operation_counts import OperationCounter
from driftline.sketching.pane_counter import COUNT_ROWS, PaneCounter
from driftline.sketching.rows import AllRows, concatenate, schemas_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.prediction import PredictionColumns
    from driftline.events.record_batch import RecordBatch
    from driftline.panes.flush_record import PaneDelta
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.intake import Intake
    from driftline.sketching.origin_reader import OriginReader
    from driftline.sketching.source_clock import Arrivals

KEPT_FLUSHES: Final = 60
"""Flushes without an event after which what is kept ready for a model key is dropped: keys may come without end."""


class PaneCounters:
    """Counts the predictions since the last flush, of each model and version apart.

    Parameters
    ----------
    settings : Settings
    profiles : Profiles
        Looked up at each pane.
    not_features : frozenset of str
        Fields that are no features, where the record itself is the features object.
    origins : OriginReader
        What knows by which origins events are told apart.
    """

    def __init__(
        self, settings: Settings, profiles: Profiles, not_features: frozenset[str], origins: OriginReader
    ) -> None:
        self._settings = settings
        self._profiles = profiles
        self._not_features = not_features
        self._origins = origins
        self._counters: dict[ModelKey, PaneCounter] = {}
        self._held: list[AllRows] = []
        self._held_keys: list[tuple[str, str]] = []

    def __len__(self) -> int:
        """Models and versions that something is kept ready for."""
        return len(self._counters)

    @property
    def n_cells(self) -> int:
        """Cells of the sketches that wait for the flush."""
        return sum(counter.n_cells for counter in self._counters.values())

    def add(
        self,
        batch: RecordBatch,
        intake: Intake[PredictionColumns],
        arrivals: Arrivals,
        codes: NDArray[np.int64] | None,
    ) -> None:
        """Count the events of a batch; ``codes`` are the origins of all its records, where they are read."""
        events = intake.events
        self._held.append(
            AllRows(
                np.full(intake.offsets.size, batch.source.partition, dtype=np.int64),
                events.prediction_ids,
                intake.offsets,
                arrivals.pane_ms,
                arrivals.late,
                events.features,
                events.predictions,
                events.scores,
                schemas_of(batch, intake.offsets),
                None if events.operations.count(None) == len(events.operations) else events.operations,
                None if codes is None else codes[:, np.searchsorted(batch.offsets, intake.offsets)],
            )
        )
        self._held_keys += zip(events.models, events.versions, strict=True)
        if len(self._held_keys) >= COUNT_ROWS:
            self._distribute()

    def _distribute(self) -> None:
        """Give the rows that were taken in to the counters of their models."""
        if not self._held:
            return
        rows, keys = concatenate(self._held), self._held_keys
        self._held, self._held_keys = [], []
        if keys.count(keys[0]) == len(keys):
            self._counter(ModelKey(*keys[0])).add(rows)
            return
        numbers: dict[tuple[str, str], int] = {}
        of_row = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
        order = np.argsort(of_row, kind="stable")
        ends = np.cumsum(np.bincount(of_row)).tolist()
        for key, start, end in zip(numbers, [0, *ends], ends, strict=False):
            self._counter(ModelKey(*key)).add(rows.chosen(order[start:end]))

    def _counter(self, key: ModelKey) -> PaneCounter:
        counter = self._counters.get(key)
        if counter is None:
            settings, operations = self._settings.model(key.model), OperationCounter.of(self._settings)
            counter = self._counters[key] = PaneCounter(
                key, settings, self._profiles, self._not_features, operations, self._origins
            )
        return counter

    def take(self) -> Iterator[tuple[ModelKey, list[PaneDelta]]]:
        """Yield what each model and version adds to its panes, in their order."""
        self._distribute()
        for key, counter in sorted(self._counters.items()):
            deltas = counter.take()
            counter.n_idle_flushes = 0 if deltas else counter.n_idle_flushes + 1
            yield key, deltas

    def drop_quiet(self) -> None:
        """Drop what is kept ready for models and versions that no events have come of for some time."""
        quiet = [key for key, counter in self._counters.items() if counter.n_idle_flushes > KEPT_FLUSHES]
        for key in quiet:
            del self._counters[key]

    def clear(self) -> None:
        """Forget what was counted since the last flush."""
        self._held, self._held_keys = [], []
        for counter in self._counters.values():
            counter.clear()
