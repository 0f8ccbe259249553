"""Labels that are fetched ahead of their predictions wait, in memory and within bounds, and nothing waits for ever."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.profiles.profiles import Profiles
from driftline.runtime.sketch import labels_in_step
from driftline.runtime.sketch.labels_in_step import LEAD_MS, LabelsInStep
from driftline.runtime.sketch.source_progress import SourceProgress
from driftline.sketching.sketcher import Sketcher
from tests.support.join_run import BASE, PROFILE, SETTINGS, START_MS
from tests.support.pending import MemoryStores

if TYPE_CHECKING:
    from driftline.config.settings import Settings

P, L = Source("predictions", 0), Source("labels", 0)
STEP_MS = 100
"""Between two records."""


class Reading:
    """A worker's part in it: what is fetched is read when it is due."""

    def __init__(self, settings: Settings = BASE) -> None:
        self.sketcher = Sketcher(settings, Profiles([PROFILE]), 1, MemoryStores)
        self.progress = SourceProgress(60.0)
        for source in (P, L):
            self.sketcher.assign(source, None)
            self.progress.start(source, 0, 0.0)
        self.in_step = LabelsInStep(self.sketcher, self.progress)
        self.fetched = {P: 0, L: 0}
        self.read_labels: list[int] = []

    def fetch(self, source: Source, n: int) -> None:
        """Fetch the next records, the k-th at k times ``STEP_MS``."""
        start = self.fetched[source]
        self.fetched[source] = start + n
        kind = {"model": "risk", "prediction": "1"} if source == P else {"label": "1"}
        values: list[bytes | None] = [
            json.dumps({"prediction_id": f"p{k}", "ts": START_MS + STEP_MS * k, **kind}).encode()
            for k in range(start, start + n)
        ]
        batch = RecordBatch(source, source.kind, values, [*range(start, start + n)], [-1] * n)
        if not self.in_step.hold(source, [batch]):
            self._read(batch)
        self.read_due()

    def read_due(self) -> None:
        for part in self.in_step.due():
            self.read_labels += part.offsets
            self._read(part)

    def end(self, source: Source) -> None:
        """Let a partition be fetched to its end."""
        if not self.in_step.at_end(source, self.fetched[source]):
            self.progress.at_end(source, self.fetched[source])
        self.read_due()

    def _read(self, batch: RecordBatch) -> None:
        self.sketcher.add(batch)
        self.progress.read(batch.source, batch.offsets[-1] + 1, 0.0)

    def lead_ms(self) -> int:
        """Return how far labels are ahead."""
        labels_ms, predictions_ms = self.sketcher.watermark_ms(L), self.sketcher.watermark_ms(P)
        assert labels_ms is not None
        assert predictions_ms is not None
        return labels_ms - predictions_ms


def test_labels_are_read_a_few_seconds_ahead_of_their_predictions_and_all_of_them_in_order() -> None:
    reading = Reading()
    for _ in range(10):
        reading.fetch(L, 2_000)
        reading.fetch(P, 500)
        assert reading.lead_ms() + 100 * STEP_MS >= LEAD_MS
        assert reading.lead_ms() < LEAD_MS + 150 * STEP_MS
    while reading.fetched[P] < reading.fetched[L]:
        reading.fetch(P, 500)
    assert reading.read_labels == [*range(reading.fetched[L])]


def test_labels_ahead_wait_no_longer_when_there_is_no_prediction_to_wait_for() -> None:
    reading = Reading()
    reading.fetch(P, 10)
    reading.fetch(L, 1_000)
    assert len(reading.read_labels) < 1_000
    reading.end(P)
    assert reading.read_labels == [*range(1_000)]
    reading.fetch(L, 1_000)
    assert reading.read_labels == [*range(2_000)], "the next prediction is what they would wait for"


def test_labels_of_a_partition_without_any_prediction_are_read() -> None:
    reading = Reading()
    reading.fetch(L, 1_000)
    assert len(reading.read_labels) < 1_000, "the first prediction may be on its way"
    reading.end(P)
    assert reading.read_labels == [*range(1_000)]


def test_a_partition_is_not_at_its_end_while_some_of_it_is_held() -> None:
    reading = Reading()
    reading.fetch(P, 10)
    reading.fetch(L, 1_000)
    reading.end(L)
    assert reading.progress.has_more(L)
    reading.end(P)
    assert not reading.progress.has_more(L)


def test_a_partition_of_which_much_is_held_is_not_fetched_until_half_of_it_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(labels_in_step, "MOST_HELD", 1_000)
    reading = Reading()
    reading.fetch(P, 10)
    reading.fetch(L, 800)
    assert not reading.in_step.fills_or_empties()
    reading.fetch(L, 800)
    assert reading.in_step.fills_or_empties()
    assert reading.in_step.full == {L}
    reading.fetch(P, 500)
    assert (reading.in_step.fills_or_empties(), reading.in_step.full) == (False, frozenset([L]))
    reading.fetch(P, 1_000)
    assert (reading.in_step.fills_or_empties(), reading.in_step.full) == (True, frozenset())


def test_what_is_read_again_is_forgotten_and_what_is_before_a_gap_is_not() -> None:
    reading = Reading()
    reading.fetch(P, 10)
    reading.fetch(L, 1_000)
    n_read = len(reading.read_labels)
    held = [offset for part in reading.in_step.rest(L) for offset in part.offsets]
    assert held == [*range(n_read, 1_000)]
    reading.fetch(L, 1_000)
    reading.in_step.clear()
    reading.end(P)
    assert len(reading.read_labels) == n_read


@pytest.mark.parametrize("settings", [SETTINGS["routed"], SETTINGS["none"]])
def test_labels_that_meet_no_prediction_of_their_own_partition_are_not_held(settings: Settings) -> None:
    reading = Reading(settings)
    batch = RecordBatch(L, "labels", [b"{}"], [0], [-1])
    assert not reading.in_step.hold(L, [batch])


def test_a_stream_of_labels_whose_time_stands_still_is_read_on() -> None:
    reading = Reading()
    reading.fetch(P, 1_000)
    values: list[bytes | None] = [json.dumps({"prediction_id": "p", "ts": START_MS, "label": "1"}).encode()] * 3_000
    reading.in_step.hold(L, [RecordBatch(L, "labels", values, [*range(3_000)], [-1] * 3_000)])
    reading.read_due()
    assert reading.read_labels == [*range(3_000)]
