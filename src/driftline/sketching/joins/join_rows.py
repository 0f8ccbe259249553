"""Predictions and labels as the join remembers them, made from events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.scores import WEIGHT_UNIT
from driftline.sketching.joins.join_entry import LABEL, JoinRows, predictions
from driftline.sketching.joins.label_values import pack_values
from driftline.sketching.joins.waiting.digests import digests_of, sampled
from driftline.sketching.rows import plain_scores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.label import LabelColumns
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.intake import Intake
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.rows import ModelEvents

EVEN_ODDS: Final = 0.5
"""Where a binary event has a score but no prediction, the positive class is predicted from this probability on."""
_NO_ROWS: Final = JoinRows(digests_of([]), predictions(0))


class JoinRowBuilder:
    """Makes the rows that are joined; where only a sample of ids is, those of the sample.

    Profiles are looked up at each pane: a prediction without a profile is not joined.
    """

    def __init__(self, settings: Settings, profiles: Profiles, table: ProfileTable) -> None:
        self._pane_ms = int(settings.time.pane)
        self._sample_ratio = settings.join.sample_ratio
        self._profiles = profiles
        self._table = table

    def predictions(self, batch: Sequence[ModelEvents]) -> JoinRows:
        """Return the predictions of a batch that labels can be compared with, in the order of their offsets."""
        parts = [rows for events in batch for rows in self._by_profile(events)]
        return self._sampled(_in_order(parts)) if parts else _NO_ROWS

    def labels(self, batch: Intake[LabelColumns], effective_ms: NDArray[np.int64]) -> JoinRows:
        """Return the labels of a batch, given their effective times."""
        events = batch.events
        records = np.empty(len(events.prediction_ids), dtype=LABEL)
        records["time_ms"], records["offset"], records["effective_ms"] = batch.times_ms, batch.offsets, effective_ms
        records["kind"], records["value"] = pack_values(events.labels)
        weights = np.array([1.0 if weight is None else weight for weight in events.weights], dtype=np.float64)
        records["weight"] = np.rint(weights * WEIGHT_UNIT)
        return self._sampled(JoinRows(digests_of(events.prediction_ids), records))

    def _sampled(self, rows: JoinRows) -> JoinRows:
        return rows if self._sample_ratio >= 1 else rows.chosen(sampled(rows.digests, self._sample_ratio))

    def _by_profile(self, events: ModelEvents) -> Iterator[JoinRows]:
        pane_ms = events.times_ms - events.times_ms % self._pane_ms
        panes, pane_of_row = np.unique(pane_ms, return_inverse=True)
        profiles = [self._profiles.at(events.key, pane) for pane in panes.tolist()]
        of_pane = np.array([-1 if profile is None else self._table.intern(profile) for profile in profiles])
        of_row = of_pane[pane_of_row]
        for index in np.unique(of_row[of_row >= 0]).tolist():
            part = events.chosen(np.flatnonzero(of_row == index))
            segments = self._table.segment_bits[index](part.events.segments)
            yield _prediction_rows(self._table, index, part, segments)


def _prediction_rows(table: ProfileTable, profile: int, part: ModelEvents, segments: NDArray[np.uint32]) -> JoinRows:
    """Return the predictions that a label can be compared with, of n events under one profile.

    ``profile`` is its index in the profile table; ``segments`` are the bits of the slices that each event belongs to.
    """
    events, task, names = part.events, table.profiles[profile].task, table.class_names[profile]
    scores = np.array(plain_scores(events.scores, task.positive, names), dtype=np.float64)
    predicted = task.encode(events.predictions, names)
    if task.kind == "binary":
        by_score = np.where(np.isnan(scores), np.nan, scores >= EVEN_ODDS)
        predicted = np.where(np.isnan(predicted), by_score, predicted)
    records = predictions(len(events.prediction_ids))
    records["time_ms"], records["offset"], records["profile"] = part.times_ms, part.offsets, profile
    records["effective_ms"] = records["joined_ms"] = part.arrivals.effective_ms
    records["predicted"], records["score"], records["segments"] = predicted, scores, segments
    usable = ~np.isnan(predicted)
    rows = JoinRows(digests_of(events.prediction_ids), records)
    return rows if usable.all() else rows.chosen(usable)


def _in_order(parts: list[JoinRows]) -> JoinRows:
    """Return predictions of several models and profiles in the order of their offsets, in which ids are told apart."""
    if len(parts) == 1:
        return parts[0]
    every = JoinRows.together(parts)
    return every.chosen(np.argsort(every.records["offset"], kind="stable"))
