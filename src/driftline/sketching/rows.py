"""Rows of predictions between decoding and counting."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xxhash

from driftline.events.model_key import ModelKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.events.features import Features
    from driftline.events.operation_fields import OperationRow
    from driftline.events.outcomes import Score
    from driftline.events.prediction import PredictionColumns
    from driftline.events.record_batch import RecordBatch
    from driftline.events.unusable import Unusable
    from driftline.sketching.intake import Intake
    from driftline.sketching.source_clock import Arrivals


class ModelEvents(NamedTuple):
    """Predictions of one model key from one batch, n of them, in the order of their offsets."""

    key: ModelKey
    events: PredictionColumns
    times_ms: NDArray[np.int64]
    offsets: NDArray[np.int64]
    arrivals: Arrivals

    def chosen(self, rows: NDArray[np.int64]) -> ModelEvents:
        """Return some of the events, given their numbers in ascending order."""
        if rows.size == self.offsets.size:
            return self
        events = self.events.chosen(rows.tolist())
        return ModelEvents(self.key, events, self.times_ms[rows], self.offsets[rows], self.arrivals.chosen(rows))


def by_model(intake: Intake[PredictionColumns], arrivals: Arrivals) -> list[ModelEvents]:
    """Return the predictions of each model key among n, n >= 1."""
    events = intake.events
    n, first = intake.offsets.size, ModelKey(events.models[0], events.versions[0])
    every = ModelEvents(first, events, intake.times_ms, intake.offsets, arrivals)
    if events.models.count(first.model) == n and events.versions.count(first.version) == n:
        return [every]
    groups: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(events.models, events.versions, strict=True)):
        groups.setdefault(key, []).append(row)
    return [every.chosen(np.array(rows, dtype=np.int64))._replace(key=ModelKey(*key)) for key, rows in groups.items()]


class AllRows(NamedTuple):
    """Predictions of any source partitions, n of them; every array has the shape (n,).

    They are the values that a profile counts: :class:`driftline.sketches.column_encoder.RowValues`.
    """

    partitions: NDArray[np.int64]
    ids: Sequence[str]
    offsets: NDArray[np.int64]
    pane_ms: NDArray[np.int64]
    late: NDArray[np.bool_]
    features: Sequence[Features]
    predictions: Sequence[Any]
    scores: Sequence[Score | Unusable | None]
    schemas: NDArray[np.object_] | None = None
    """Names of the schemas that they were read with, None for plain JSON; None where all are that."""
    operations: Sequence[OperationRow | None] | None = None
    """How predictions were made; None where no row says anything of it."""
    origins: NDArray[np.int64] | None = None
    """Where they come from beside the partition: numbers of the d values that are asked for, shape (d, n)."""

    def hashes(self) -> NDArray[np.uint64]:
        """Return the hash of each prediction id, by which rows are sampled, shape (n,)."""
        digests = (xxhash.xxh3_64_intdigest(prediction_id.encode()) for prediction_id in self.ids)
        return np.fromiter(digests, dtype=np.uint64, count=len(self.ids))

    def chosen(self, rows: NDArray[np.int64]) -> AllRows:
        """Return some of the rows."""
        picked = rows.tolist()
        return AllRows(
            self.partitions[rows],
            [self.ids[row] for row in picked],
            self.offsets[rows],
            self.pane_ms[rows],
            self.late[rows],
            [self.features[row] for row in picked],
            [self.predictions[row] for row in picked],
            [self.scores[row] for row in picked],
            None if self.schemas is None else self.schemas[rows],
            None if self.operations is None else [self.operations[row] for row in picked],
            None if self.origins is None else self.origins[:, rows],
        )


def concatenate(parts: list[AllRows]) -> AllRows:
    """Return the rows of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    return AllRows(
        np.concatenate([part.partitions for part in parts]),
        [*chain.from_iterable(part.ids for part in parts)],
        np.concatenate([part.offsets for part in parts]),
        np.concatenate([part.pane_ms for part in parts]),
        np.concatenate([part.late for part in parts]),
        [*chain.from_iterable(part.features for part in parts)],
        [*chain.from_iterable(part.predictions for part in parts)],
        [*chain.from_iterable(part.scores for part in parts)],
        _schemas(parts),
        _operations(parts),
        _origins(parts),
    )


def _origins(parts: Sequence[AllRows]) -> NDArray[np.int64] | None:
    found = [part.origins for part in parts if part.origins is not None]
    return np.concatenate(found, axis=1) if found else None


def _operations(parts: Sequence[AllRows]) -> list[OperationRow | None] | None:
    if all(part.operations is None for part in parts):
        return None
    return [*chain.from_iterable(part.operations or (None,) * len(part.ids) for part in parts)]


def schemas_of(batch: RecordBatch, offsets: NDArray[np.int64]) -> NDArray[np.object_] | None:
    """Return the names of the schemas of the records at n offsets of a batch, shape (n,); None where it has none."""
    if batch.schemas is None:
        return None
    return np.array(batch.schemas, dtype=object)[np.searchsorted(batch.offsets, offsets)]


def _schemas(parts: Sequence[AllRows]) -> NDArray[np.object_] | None:
    if all(part.schemas is None for part in parts):
        return None
    return np.concatenate(
        [np.full(len(part.ids), None, dtype=object) if part.schemas is None else part.schemas for part in parts]
    )


def of_slots(rows: AllRows, slots: NDArray[np.int64], chosen: list[int]) -> tuple[AllRows, NDArray[np.int64]]:
    """Return the rows of some slots, and their slots counted from 0."""
    picked = np.flatnonzero(np.isin(slots, chosen))
    return rows.chosen(picked), np.searchsorted(np.array(chosen), slots[picked])
