"""Predictions and labels of one topic: records of both kinds, or of both at once, in the order of one clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.sketching.intake import Intake

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.events.label import LabelColumns
    from driftline.events.prediction import PredictionColumns
    from driftline.sketching.source_clock import Arrivals


class Together(NamedTuple):
    """What a batch holds of both kinds: p predictions and l labels."""

    intake: Intake[None]
    """Times and offsets of all p + l events in the order of their offsets, a prediction before a label of the same
    record; each refused record once, and the records that are of neither kind."""
    places: NDArray[np.int64]
    """Where each event is in it, the predictions first, shape (p + l,)."""
    n_predictions: int

    def divided(self, arrivals: Arrivals) -> tuple[Arrivals, Arrivals]:
        """Return the arrivals of the predictions and of the labels, given those of all events in their order."""
        n = self.n_predictions
        return arrivals.chosen(self.places[:n]), arrivals.chosen(self.places[n:])


def together(predictions: Intake[PredictionColumns], labels: Intake[LabelColumns]) -> Together:
    """Return what a batch holds, given what was taken in of it as predictions and as labels."""
    told = {letter.offset for letter in predictions.refused}
    refused = predictions.refused + [letter for letter in labels.refused if letter.offset not in told]
    refused.sort(key=lambda letter: letter.offset)
    offsets = np.concatenate([predictions.offsets, labels.offsets])
    order = np.argsort(offsets, kind="stable")
    times_ms = np.concatenate([predictions.times_ms, labels.times_ms])[order]
    skipped = sorted({*predictions.skipped} & {*labels.skipped})
    intake = Intake(None, times_ms, offsets[order], refused, skipped)
    return Together(intake, np.argsort(order), predictions.offsets.size)
