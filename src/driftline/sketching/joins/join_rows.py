"""Predictions and labels as the join remembers them, made from events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.events.outcomes import plain_scores, untold_score
from driftline.profiles.raw_values import raw_values, with_scores
from driftline.sketches.scores import WEIGHT_UNIT
from driftline.sketching.joins.feature_codes import FeatureCodes
from driftline.sketching.joins.join_entry import LABEL, JoinRows, predictions
from driftline.sketching.joins.label_values import pack_values
from driftline.sketching.joins.waiting.digests import digests_of, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.label import LabelColumns
    from driftline.profiles.class_names import ClassNames
    from driftline.profiles.profiles import Profiles
    from driftline.profiles.task import Task
    from driftline.sketching.intake import Intake
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.rows import ModelEvents

_NO_ROWS: Final = JoinRows(digests_of([]), predictions(0))


class JoinRowBuilder:
    """Makes the rows that are joined; where only a sample of ids is, those of the sample.

    Profiles are looked up at each pane. What a prediction without one says is kept as it came.
    """

    def __init__(self, settings: Settings, profiles: Profiles, table: ProfileTable) -> None:
        self._settings = settings
        self._pane_ms = int(settings.time.pane)
        self._sample_ratio = settings.join.sample_ratio
        self._profiles = profiles
        self._table = table
        self._codes: dict[int, FeatureCodes | None] = {}

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
        of_pane = np.array(
            [self._table.unprofiled(events.key) if each is None else self._table.intern(each) for each in profiles]
        )
        of_row = of_pane[pane_of_row]
        for index in np.unique(of_row).tolist():
            part = events.chosen(np.flatnonzero(of_row == index))
            profile, names = self._table.profiles[index], self._table.class_names[index]
            if profile is None:
                values = _raw_values(part, names, self._settings.model(events.key.model).positive_class)
            else:
                values = _coded_values(part, profile.task, names)
            groups = self._groups(index, part)
            yield _prediction_rows(values, index, part, self._table.segment_bits[index](part.events.segments), groups)

    def _groups(self, index: int, part: ModelEvents) -> NDArray[np.uint64] | None:
        """Return the groups of the events' features under an entry of the profile table; None where none are kept."""
        if index not in self._codes:
            self._codes[index] = FeatureCodes.of(self._table.profiles[index], self._settings.model(part.key.model))
        codes = self._codes[index]
        return None if codes is None else codes(part.events.features, part.times_ms - part.times_ms % self._pane_ms)


class _Values(NamedTuple):
    """What n predictions say, each of shape (n,)."""

    predicted: NDArray[np.float64]
    scores: NDArray[np.float64]
    usable: NDArray[np.bool_]
    """Which of them a label can be compared with."""


def _coded_values(part: ModelEvents, task: Task, names: ClassNames) -> _Values:
    """Return predictions as a task knows them."""
    events = part.events
    scores = np.array(plain_scores(events.scores, task.positive, names.of_score), dtype=np.float64)
    predicted = with_scores(task, task.encode(events.predictions, names), scores)
    return _Values(predicted, scores, ~np.isnan(predicted))


def _raw_values(part: ModelEvents, names: ClassNames, positive: str | None) -> _Values:
    """Return predictions as they came; of a map of two scores that of the positive class, which is the later one.

    ``names`` are the classes as they are configured.
    """
    events, positive = part.events, None if positive is None else names.name(positive)
    plain = [
        untold_score(names.of_score(score) if isinstance(score, dict) else score, positive) for score in events.scores
    ]
    scores, predicted = np.array(plain, dtype=np.float64), raw_values(events.predictions)
    return _Values(predicted, scores, ~np.isnan(predicted) | ~np.isnan(scores))


def _prediction_rows(
    values: _Values,
    profile: int,
    part: ModelEvents,
    segments: NDArray[np.uint32],
    groups: NDArray[np.uint64] | None,
) -> JoinRows:
    """Return the predictions that a label can be compared with, of n events under one entry of the profile table.

    ``profile`` is its index; ``segments`` are the bits of the slices that each event belongs to, ``groups`` the groups
    of its features.
    """
    records = predictions(len(part.events.prediction_ids))
    records["time_ms"], records["offset"], records["profile"] = part.times_ms, part.offsets, profile
    records["effective_ms"] = records["joined_ms"] = part.arrivals.effective_ms
    records["predicted"], records["score"], records["segments"] = values.predicted, values.scores, segments
    if groups is not None:
        records["groups"] = groups
    rows = JoinRows(digests_of(part.events.prediction_ids), records)
    return rows if values.usable.all() else rows.chosen(values.usable)


def _in_order(parts: list[JoinRows]) -> JoinRows:
    """Return predictions of several models and profiles in the order of their offsets, in which ids are told apart."""
    if len(parts) == 1:
        return parts[0]
    every = JoinRows.together(parts)
    return every.chosen(np.argsort(every.records["offset"], kind="stable"))
