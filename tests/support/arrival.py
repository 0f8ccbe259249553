"""Labelled traffic of one model with chosen delays, as flush records that the join would have made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from driftline.config.durations import Duration
from driftline.events.model_key import ModelKey
from driftline.events.source import Source, Watermark
from driftline.panes.counting.contributions import Address
from driftline.panes.flush_record import VERSION, FlushRecord, encode
from driftline.sketches.joined import LabelledPairs
from driftline.sketching.joins.counting.join_counter import JoinCounter
from driftline.sketching.joins.profile_table import ProfileTable
from tests.support.monitoring import PANE_MS, START_MS, small_settings, training_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile

KEY = ModelKey("m", "1")
PREDICTIONS, LABELS = Source("predictions", 0), Source("labels", 0)
COHORT_MS = 300_000
AGES_MS = (60_000, 300_000, 1_200_000)
"""Ages of the revisions; the last is the horizon."""


def arrival_settings() -> Settings:
    """Return settings under which five minutes are a cohort."""
    base = small_settings()
    labels = msgspec.structs.replace(
        base.defaults.labels,
        horizon=Duration(AGES_MS[-1]),
        revisions=tuple(Duration(age) for age in AGES_MS[:-1]),
        cohort=Duration(COHORT_MS),
        stall_after=Duration(600_000),
    )
    return msgspec.structs.replace(base, defaults=base.defaults.replace(labels=labels))


@dataclass
class Labelled:
    """Predictions and their labels, n of each; a delay below zero stands for no label at all."""

    time_ms: NDArray[np.int64]
    predicted: NDArray[np.float64]
    scores: NDArray[np.float64]
    actual: NDArray[np.float64]
    delay_ms: NDArray[np.int64]
    segments: NDArray[np.uint32] | None = None
    """Bits of the segments of each; none for None."""

    @classmethod
    def evenly(cls, n: int, every_ms: int, rng: np.random.Generator) -> Labelled:
        """Return predictions at even distances; scores are calibrated, labels exponential with a mean of a minute."""
        scores = np.round(rng.beta(0.7, 1.4, n), 3)
        return cls(
            START_MS + np.arange(n) * every_ms,
            (scores >= 0.5).astype(np.float64),
            scores,
            (rng.random(n) < scores).astype(np.float64),
            rng.exponential(60_000, n).astype(np.int64),
        )


def flushes(
    settings: Settings, traffic: Labelled, every_ms: int, *, more_ms: int = 2_000_000, under: Profile | None = None
) -> Iterator[bytes]:
    """Yield flush records, one for each stretch of event time; by default under a profile without labels."""
    table = ProfileTable(settings)
    profile = table.intern(training_profile(KEY, 0) if under is None else under)
    counter = JoinCounter(PANE_MS, table)
    labelled = np.flatnonzero(traffic.delay_ms >= 0)
    due_ms = traffic.time_ms[labelled] + traffic.delay_ms[labelled]
    bits = np.zeros(traffic.time_ms.size, dtype=np.uint32) if traffic.segments is None else traffic.segments
    end_ms = int(traffic.time_ms.max()) + more_ms
    for start_ms in range(START_MS, end_ms, every_ms):
        new = np.flatnonzero((traffic.time_ms >= start_ms) & (traffic.time_ms < start_ms + every_ms))
        at = Address(
            np.full(new.size, profile), traffic.time_ms[new], traffic.time_ms[new], PREDICTIONS, new, bits[new]
        )
        counter.predicted(at, traffic.predicted[new], traffic.scores[new])
        come = np.flatnonzero((due_ms >= start_ms) & (due_ms < start_ms + every_ms))
        rows = labelled[come]
        at = Address(np.full(rows.size, profile), due_ms[come], traffic.time_ms[rows], LABELS, rows, bits[rows])
        ones = np.ones(rows.size, dtype=np.int64)
        pairs = LabelledPairs(traffic.predicted[rows], traffic.actual[rows], traffic.scores[rows], ones)
        counter.joined(at, pairs, ones.astype(np.bool_))
        marks = [Watermark(source, 1, min(start_ms + every_ms, end_ms), idle=False) for source in (PREDICTIONS, LABELS)]
        yield encode(FlushRecord(VERSION, [], counter.take(), marks))
