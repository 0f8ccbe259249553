"""The rules of the join, one at a time; tests/property/test_joining.py holds them all against a plain reference."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from msgspec.structs import replace

from driftline.config.durations import Duration
from driftline.config.model import LabelSettings, ModelSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.scores import DUPLICATES, LABELLED, PREDICTED, WEIGHT_UNIT
from driftline.sketches.sparse import unpack_into
from driftline.sketching.joins.counting.join_counter import JoinCounter
from driftline.sketching.joins.join_entry import LABEL, JoinRows, predictions
from driftline.sketching.joins.joiner import Joiner
from driftline.sketching.joins.label_values import pack_values
from driftline.sketching.joins.pending_labels import MAX_WAITING
from driftline.sketching.joins.profile_table import ProfileTable
from driftline.sketching.joins.waiting import pending
from driftline.sketching.joins.waiting.digests import digests_of
from driftline.sketching.joins.waiting.pending import EXPIRY_BUCKETS
from tests.support.pending import MemoryStore, MemoryStores

HORIZON_MS, WAIT_MS = 100, 30
MODEL = ModelSettings(labels=LabelSettings(horizon=Duration(HORIZON_MS), wait=Duration(WAIT_MS)))
TABLE = ReferenceTable(2, {}, prediction=["0", "1"])
PROFILE = build_profile(ModelKey("m", ""), TABLE, MODEL, -(10**9), "training")


@pytest.fixture(autouse=True)
def short_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "SHORTEST_BUCKET_MS", 1)


class Join:
    """A joiner with its counter."""

    def __init__(self, repeated: Literal["last", "first"] = "last") -> None:
        labels = replace(MODEL.labels, repeated=repeated)
        self.table = ProfileTable(Settings(defaults=MODEL.replace(labels=labels)))
        self.table.intern(PROFILE)
        self.counter = JoinCounter(10, self.table)
        self.joiner = Joiner(0, self.table, self.counter, MemoryStores())
        self._n_predictions = 0

    def predict(self, *rows: tuple[str, int], effective: int | None = None, profile: int = 0) -> None:
        records = predictions(len(rows))
        records["time_ms"] = [time for _, time in rows]
        records["effective_ms"] = records["joined_ms"] = [time if effective is None else effective for _, time in rows]
        records["profile"] = profile
        records["offset"] = self._n_predictions + np.arange(len(rows))
        self._n_predictions += len(rows)
        records["predicted"], records["score"] = 1.0, np.nan
        self.joiner.add_predictions(JoinRows(digests_of([key for key, _ in rows]), records))

    def label(self, key: str, time: int, says: str | None, effective: int | None = None) -> None:
        self.labels([key], [says], time, time if effective is None else effective)

    def labels(self, ids: list[str], says: list[str | None], time: int, effective: int) -> None:
        records = np.zeros(len(ids), dtype=LABEL)
        records["time_ms"], records["effective_ms"], records["offset"] = time, effective, np.arange(len(ids))
        records["kind"], records["value"] = pack_values(says)
        records["weight"] = WEIGHT_UNIT
        self.joiner.add_labels(JoinRows(digests_of(ids), records))

    def commit(self, predictions_ms: int | None = None, labels_ms: int | None = None) -> None:
        self.joiner.count_orphans(predictions_ms)
        self.joiner.commit(None, predictions_ms, labels_ms)

    def heads(self) -> tuple[int, int, int]:
        """Return predictions, duplicates and labelled since the last call."""
        total = np.zeros(PROFILE.task.performance_layout.n_cells, dtype=np.int64)
        for delta in self.counter.take():
            for window in delta.windows:
                unpack_into(window.cells, total)
        return int(total[PREDICTED]), int(total[DUPLICATES]), int(total[LABELLED])


@pytest.mark.parametrize(("late_by", "counts"), [(0, 1), (HORIZON_MS, 1), (HORIZON_MS + 1, 0)])
def test_a_label_counts_up_to_the_horizon(late_by: int, counts: int) -> None:
    join = Join()
    join.predict(("a", 0))
    join.label("a", late_by, "1")
    assert join.heads() == (1, 0, counts)


@pytest.mark.parametrize(("late_by", "counts"), [(0, 1), (WAIT_MS, 1), (WAIT_MS + 1, 0)])
def test_a_label_waits_for_its_prediction(late_by: int, counts: int) -> None:
    join = Join()
    join.label("a", 0, "1")
    assert join.heads() == (0, 0, 0)
    join.predict(("a", late_by))
    assert join.heads() == (1, 0, counts)


def test_a_label_for_an_id_never_seen_is_an_orphan() -> None:
    join = Join()
    join.label("nobody", 0, "1")
    join.commit(WAIT_MS - 1)
    assert len(join.joiner.labels.waiting) == 1
    join.commit(WAIT_MS + WAIT_MS // EXPIRY_BUCKETS)
    assert len(join.joiner.labels.waiting) == 0
    totals = join.joiner.take_totals()
    assert (totals.waiting, totals.orphaned) == (1, 1)


def test_what_no_later_event_can_meet_expires_and_is_counted() -> None:
    join = Join()
    join.predict(("a", 0), ("b", 0))
    join.label("a", 0, "1")
    join.label("nobody", 0, "1")
    join.commit(WAIT_MS + WAIT_MS // EXPIRY_BUCKETS, 0)
    assert join.joiner.take_expired() == 2, "both labels; no label has come as far as the horizon"
    join.commit(2 * HORIZON_MS, 2 * HORIZON_MS)
    assert (join.joiner.take_expired(), join.joiner.take_totals().expired) == (2, 2)
    assert join.joiner.take_expired() == 0


def test_a_label_that_came_too_late_to_wait_is_an_orphan_at_once() -> None:
    join = Join()
    join.commit(1_000)
    join.label("nobody", 0, "1", effective=900)
    join.commit(1_000)
    assert (len(join.joiner.labels.waiting), join.joiner.take_totals().orphaned) == (0, 1)


def test_corrections_and_retractions() -> None:
    join = Join()
    join.predict(("a", 0))
    assert join.heads() == (1, 0, 0)
    for says, change in (("1", 1), ("1", 0), ("0", 0), (None, -1), (None, 0), ("1", 1)):
        join.label("a", 1, says)
        assert join.heads() == (0, 0, change), says
    join.commit()
    totals = join.joiner.take_totals()
    assert (totals.joined, totals.corrected, totals.retracted, totals.repeated) == (1, 2, 1, 2)


def test_where_the_first_label_counts_others_count_only_after_it_was_taken_back() -> None:
    join = Join(repeated="first")
    join.predict(("a", 0), ("b", 0))
    join.labels(["a", "a", "b", "a", "a", "b"], ["1", "0", "0", None, "0", "1"], 1, 1)
    join.commit()
    totals = join.joiner.take_totals()
    assert (totals.joined, totals.corrected, totals.retracted, totals.repeated) == (2, 1, 1, 2)
    held = join.joiner.predictions.get(digests_of(["a", "b"]))
    assert held.records["actual"].tolist() == [0.0, 0.0]


def test_duplicates_are_those_within_the_horizon() -> None:
    join = Join()
    join.predict(("a", 0), ("a", HORIZON_MS), ("a", HORIZON_MS + 1))
    assert join.heads() == (2, 1, 0)
    held = join.joiner.predictions.get(digests_of(["a"]))
    assert held.records["time_ms"].tolist() == [0, HORIZON_MS + 1]


def test_every_model_that_predicts_for_an_id_gets_its_labels() -> None:
    join = Join()
    other = join.table.intern(build_profile(ModelKey("n", ""), TABLE, MODEL, -(10**9), "training"))
    join.predict(("a", 0))
    join.predict(("a", 5), profile=other)
    join.label("a", 7, "1")
    assert join.heads() == (2, 0, 2)


def test_an_older_prediction_of_an_id_goes_without_the_newer_one() -> None:
    join = Join()
    join.predict(("a", 50))
    join.predict(("a", 5), effective=151)  # a late one: it expires before the one that came before it
    join.commit(151, 120)
    join.label("a", 120, "1")
    assert join.heads() == (2, 0, 1)


def test_a_prediction_is_kept_while_a_label_that_has_met_it_may_meet_the_next() -> None:
    join = Join()
    join.predict(("a", 0))
    join.label("a", HORIZON_MS, "1")
    over = HORIZON_MS + WAIT_MS
    join.commit(over, over)
    join.predict(("a", over))
    assert join.heads() == (2, 0, 1)
    join.commit(over + HORIZON_MS // EXPIRY_BUCKETS, over)
    held = join.joiner.predictions.get(digests_of(["a"]))
    assert held.records["time_ms"].tolist() == [over]


def test_a_rollback_forgets_and_a_retry_says_the_same() -> None:
    join = Join()
    join.predict(("a", 0))
    join.commit()
    join.heads()
    for _ in range(2):
        join.label("a", 1, "1")
        join.predict(("b", 2))
        assert join.heads() == (1, 0, 1)
        join.joiner.rollback()
    join.label("a", 1, "1")
    join.predict(("b", 2))
    join.commit()
    assert join.heads() == (1, 0, 1)
    assert len(join.joiner.predictions) == 2
    assert join.joiner.take_totals().joined == 1


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_a_label_waits_its_own_time_whatever_others_of_the_id_do(*, in_one_batch: bool) -> None:
    join = Join()
    for time in (50, 10):
        join.label("a", time, "1", effective=50)
        if not in_one_batch:
            join.commit(10 + WAIT_MS + 5)
    join.commit(10 + WAIT_MS + 5)
    join.predict(("a", 60))
    assert join.heads() == (1, 0, 1)
    join.commit()
    assert join.joiner.take_totals().orphaned == 1


def test_an_id_that_everything_has_costs_no_more_than_many_ids() -> None:
    n = 5_000
    same, spread = Join(), Join()
    for join, ids in ((same, ["a"] * n), (spread, [f"a{row}" for row in range(n)])):
        join.predict(*((key, 0) for key in ids))
        join.labels(ids, [str(row % 2) for row in range(n)], 1, 1)
    assert same.heads() == (1, n - 1, 1)
    assert spread.heads() == (n, 0, n)
    same.commit()
    assert same.joiner.take_totals().corrected == n - 1
    assert same.joiner.predictions.get(digests_of(["a"])).records.size == 1


def test_an_id_of_which_too_many_labels_wait_is_bounded() -> None:
    join = Join()
    for _ in range(3):
        join.labels(["unknown"] * 900, ["1"] * 900, 1, 1)
    join.commit()
    assert join.joiner.labels.waiting.get(digests_of(["unknown"])).records.size == MAX_WAITING
    assert join.joiner.take_totals().orphaned == 3 * 900 - MAX_WAITING


def test_the_weight_of_a_label_goes_in_and_comes_out() -> None:
    model = MODEL.replace(performance=replace(MODEL.performance, weighted=True))
    weighted = build_profile(ModelKey("w", ""), TABLE, model, -(10**9), "training")
    join = Join()
    join.predict(("a", 0), profile=join.table.intern(weighted))
    layout = weighted.task.performance_layout
    total = np.zeros(layout.n_cells, dtype=np.int64)
    for weight in (3, 2, 2):
        records = np.zeros(1, dtype=LABEL)
        records["time_ms"] = records["effective_ms"] = 1
        records["kind"], records["value"] = pack_values(["1"])
        records["weight"] = weight * WEIGHT_UNIT
        join.joiner.add_labels(JoinRows(digests_of(["a"]), records))
        for delta in join.counter.take():
            for window in delta.windows:
                unpack_into(window.cells, total)
        assert layout.weight_of(total) == weight


def test_buckets_are_no_shorter_than_the_numbers_of_those_on_disk_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for kept_ms in (0, 1, 5_000):
        settings = Settings(defaults=ModelSettings(labels=LabelSettings(Duration(3_600_000), wait=Duration(kept_ms))))
        table = ProfileTable(settings)
        joined = Joiner(0, table, JoinCounter(10, table), MemoryStores())
        assert isinstance(joined.labels.waiting, MemoryStore)
        assert joined.labels.waiting.kind.bucket_ms == 1_000
