"""The rules of the join, one at a time; tests/property/test_joining.py holds them all against a plain reference."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.config.durations import Duration
from driftline.config.model import LabelSettings, ModelSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.pipeline.joining.join_counter import JoinCounter, ProfileTable
from driftline.pipeline.joining.join_entry import PREDICTION, unpack
from driftline.pipeline.joining.joiner import Joiner, LabelRow, LabelRows, PredictionRows
from driftline.profiles.build import build_profile
from driftline.profiles.table import ReferenceTable
from driftline.runtime import pending_store
from driftline.runtime.pending_store import MemoryPendingStore
from driftline.sketches.scores import DUPLICATES, LABELLED, PREDICTED
from driftline.sketches.sparse import unpack_into

HORIZON_MS, WAIT_MS = 100, 30
MODEL = ModelSettings(labels=LabelSettings(horizon=Duration(HORIZON_MS), wait=Duration(WAIT_MS)))
PROFILE = build_profile(ModelKey("m", ""), ReferenceTable(2, {}, prediction=["0", "1"]), MODEL, -(10**9), "training")


class Join:
    """A joiner with its counter."""

    def __init__(self) -> None:
        table = ProfileTable(Settings(defaults=MODEL))
        table.intern(PROFILE)
        self.counter = JoinCounter(10, table)
        self.joiner = Joiner(0, table, self.counter, MemoryPendingStore(), MemoryPendingStore())

    def predict(self, *rows: tuple[str, int], effective: int | None = None) -> None:
        records = np.zeros(len(rows), dtype=PREDICTION)
        records["time_ms"] = [time for _, time in rows]
        records["effective_ms"] = records["joined_ms"] = [time if effective is None else effective for _, time in rows]
        records["predicted"], records["score"], records["actual"] = 1.0, np.nan, np.nan
        self.joiner.add_predictions(PredictionRows([key for key, _ in rows], records))

    def label(self, key: str, time: int, says: str | None, effective: int | None = None) -> None:
        row = LabelRow(time, time if effective is None else effective, 0, says)
        self.joiner.add_labels(LabelRows([key], [row]))

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


def test_a_label_for_an_id_never_seen_expires() -> None:
    join = Join()
    join.label("nobody", 0, "1")
    join.joiner.commit()
    assert join.joiner.expire(pending_store.EXPIRY_BUCKET_MS, None) == (0, 1)
    assert len(join.joiner.waiting) == 0
    assert join.joiner.totals.waiting == 1


def test_corrections_and_retractions() -> None:
    join = Join()
    join.predict(("a", 0))
    assert join.heads() == (1, 0, 0)
    for says, change in (("1", 1), ("0", 0), (None, -1), (None, 0), ("1", 1)):
        join.label("a", 1, says)
        assert join.heads() == (0, 0, change), says
    assert join.joiner.totals[:2] == (1, 4)


def test_duplicates_are_those_within_the_horizon() -> None:
    join = Join()
    join.predict(("a", 0), ("a", HORIZON_MS), ("a", HORIZON_MS + 1))
    assert join.heads() == (2, 1, 0)
    (value,) = join.joiner.entries.get_many(["a"])
    assert value is not None
    assert [entry.time_ms for entry in unpack(value)] == [0, HORIZON_MS + 1]


def test_an_older_prediction_of_an_id_stays_as_long_as_it_may_get_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_store, "EXPIRY_BUCKET_MS", 1)
    join = Join()
    join.predict(("a", 50))
    join.predict(("a", 5), effective=151)  # a late one: it expires before the one that came before it
    join.joiner.commit()
    join.joiner.expire(151, 120)
    join.label("a", 120, "1")
    assert join.heads() == (2, 0, 1)


def test_a_rollback_forgets_and_a_retry_says_the_same() -> None:
    join = Join()
    join.predict(("a", 0))
    join.joiner.commit()
    join.heads()
    for _ in range(2):
        join.label("a", 1, "1")
        join.predict(("b", 2))
        assert join.heads() == (1, 0, 1)
        join.joiner.rollback()
    join.label("a", 1, "1")
    join.predict(("b", 2))
    join.joiner.commit()
    assert join.heads() == (1, 0, 1)
    assert len(join.joiner.entries) == 2


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_all_labels_of_an_id_wait_as_long_as_the_one_that_may_wait_longest(
    monkeypatch: pytest.MonkeyPatch, *, in_one_batch: bool
) -> None:
    monkeypatch.setattr(pending_store, "EXPIRY_BUCKET_MS", 1)
    join = Join()
    for time in (50, 10):
        join.label("a", time, "1", effective=50)
        if not in_one_batch:
            join.joiner.commit()
            join.joiner.expire(10 + WAIT_MS + 5, None)
    join.joiner.commit()
    join.joiner.expire(10 + WAIT_MS + 5, None)
    join.predict(("a", 60))
    assert join.heads() == (1, 0, 1)


def test_an_id_that_everything_has_costs_no_more_than_many_ids() -> None:
    n = 5_000
    same, spread = Join(), Join()
    for join, ids in ((same, ["a"] * n), (spread, [f"a{row}" for row in range(n)])):
        join.predict(*((key, 0) for key in ids))
        rows = [LabelRow(1, 1, row, str(row % 2)) for row in range(n)]
        join.joiner.add_labels(LabelRows(ids, rows))
    assert same.heads() == (1, n - 1, 1)
    assert spread.heads() == (n, 0, n)
    assert same.joiner.totals.corrected == n - 1
    assert len(same.joiner.entries.get_many(["a"])[0] or b"") == PREDICTION.itemsize


def test_an_id_of_which_too_many_labels_wait_is_bounded() -> None:
    join = Join()
    for batch in range(3):
        rows = [LabelRow(1, 1, row, "1") for row in range(batch * 900, (batch + 1) * 900)]
        join.joiner.add_labels(LabelRows(["unknown"] * 900, rows))
    assert len(join.joiner.waiting.get_many(["unknown"])[0] or b"") < 1_000 * 16
