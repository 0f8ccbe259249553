"""Predictions of a batch, divided by the model that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.events.model_key import ModelKey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.events.prediction import PredictionColumns
    from driftline.sketching.intake import ColumnIntake
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


def by_model(intake: ColumnIntake[PredictionColumns], arrivals: Arrivals) -> list[ModelEvents]:
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
