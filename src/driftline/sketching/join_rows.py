"""Predictions and labels as the join remembers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.scores import WEIGHT_UNIT
from driftline.sketching.joins.join_batch import JoinRows
from driftline.sketching.joins.join_entry import LABEL, predictions
from driftline.sketching.joins.label_values import pack_values
from driftline.sketching.joins.waiting.digests import digests_of
from driftline.sketching.rows import plain_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.events.label import LabelColumns
    from driftline.events.prediction import PredictionColumns
    from driftline.profiles.task import Task

EVEN_ODDS: Final = 0.5
"""Where a binary event has a score but no prediction, the positive class is predicted from this probability on."""


def prediction_rows(
    task: Task,
    profile: int,
    events: PredictionColumns,
    times_ms: NDArray[np.int64],
    offsets: NDArray[np.int64],
    effective_ms: NDArray[np.int64],
    segments: NDArray[np.uint32],
) -> JoinRows:
    """Return the predictions that a label can be compared with, of n events under one profile.

    Parameters
    ----------
    task : Task
        Of the profile.
    profile : int
        Its index in the profile table.
    events : PredictionColumns
    times_ms, offsets, effective_ms : ndarray of int64, shape (n,)
    segments : ndarray of uint32, shape (n,)
        Bits of the slices that each belongs to.
    """
    scores = np.array(plain_scores(events.scores, task.positive), dtype=np.float64)
    predicted = task.encode(events.predictions)
    if task.kind == "binary":
        by_score = np.where(np.isnan(scores), np.nan, scores >= EVEN_ODDS)
        predicted = np.where(np.isnan(predicted), by_score, predicted)
    records = predictions(len(events.prediction_ids))
    records["time_ms"], records["offset"], records["profile"] = times_ms, offsets, profile
    records["effective_ms"] = records["joined_ms"] = effective_ms
    records["predicted"], records["score"], records["segments"] = predicted, scores, segments
    usable = ~np.isnan(predicted)
    rows = JoinRows(digests_of(events.prediction_ids), records)
    return rows if usable.all() else rows.chosen(usable)


def label_rows(
    events: LabelColumns, times_ms: NDArray[np.int64], offsets: NDArray[np.int64], effective_ms: NDArray[np.int64]
) -> JoinRows:
    """Return n labels.

    Parameters
    ----------
    events : LabelColumns
    times_ms, offsets, effective_ms : ndarray of int64, shape (n,)
    """
    records = np.empty(len(events.prediction_ids), dtype=LABEL)
    records["time_ms"], records["offset"], records["effective_ms"] = times_ms, offsets, effective_ms
    records["kind"], records["value"] = pack_values(events.labels)
    given = np.array([1.0 if weight is None else weight for weight in events.weights], dtype=np.float64)
    records["weight"] = np.rint(given * WEIGHT_UNIT)
    return JoinRows(digests_of(events.prediction_ids), records)


def in_order(parts: list[JoinRows]) -> JoinRows:
    """Return predictions of several models and profiles in the order of their offsets, in which ids are told apart."""
    if len(parts) == 1:
        return parts[0]
    every = JoinRows.together(parts)
    return every.chosen(np.argsort(every.records["offset"]))
