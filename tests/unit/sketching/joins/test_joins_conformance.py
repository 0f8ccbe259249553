"""What all kinds of joins must do: the same records give the same contributions, whatever way the rows take."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from driftline.errors import FormatError
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.runtime.pending import pending_folder
from driftline.sketching.joins import routed_joins
from driftline.sketching.joins.joins import Joins
from driftline.sketching.joins.local_joins import LocalJoins
from driftline.sketching.joins.routed_joins import RoutedJoins
from tests.support.join_run import SKEW_MS, JoinRun, L, Outcome, P

if TYPE_CHECKING:
    from pathlib import Path

REAL = ("local", "routed")


@pytest.fixture(params=REAL)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> JoinRun:
    return JoinRun(request.param, tmp_path)


def test_each_setting_has_its_joins(tmp_path: Path) -> None:
    for kind, joins in (("local", LocalJoins), ("routed", RoutedJoins), ("none", Joins)):
        assert type(JoinRun(kind, tmp_path / kind).sketcher.joins) is joins


def test_labels_meet_predictions_of_the_same_flush_and_of_earlier_ones(run: JoinRun) -> None:
    run.predict("a", 0)
    run.label("a", 1_000)
    run.predict("b", 2_000)
    run.flush()
    run.label("b", 3_000, "0")
    assert run.finish() == Outcome(predicted=2, labelled=2, right=1)


def test_labels_meet_predictions_that_come_after_them(run: JoinRun) -> None:
    run.label("a", 0)
    run.label("b", 1_000)
    run.predict("a", 2_000)
    run.flush()
    run.predict("b", 3_000)
    assert run.finish() == Outcome(predicted=2, labelled=2, right=2)


def test_a_later_label_replaces_the_one_before_and_a_null_takes_it_back(run: JoinRun) -> None:
    for key in "abc":
        run.predict(key, 0)
        run.label(key, 1_000, "0")
    run.flush()
    run.label("a", 2_000, "1")
    run.label("b", 3_000, None)
    run.label("c", 4_000, "0")
    assert run.finish() == Outcome(predicted=3, labelled=2, right=1)


def test_an_id_that_was_seen_is_a_duplicate(run: JoinRun) -> None:
    run.predict("a", 0)
    run.predict("a", 1_000, "0")
    run.flush()
    run.predict("a", 2_000, "0")
    run.label("a", 3_000)
    assert run.finish() == Outcome(predicted=1, duplicates=2, labelled=1, right=1)


def test_a_label_that_waits_in_vain_is_an_orphan_once(run: JoinRun) -> None:
    run.label("a", 0)
    run.flush()
    run.predict("b", 500_000)
    run.label("b", 500_000)
    run.flush()
    run.abort()
    assert run.finish() == Outcome(predicted=1, labelled=1, right=1, orphans=1)


@pytest.mark.parametrize("n_flushes", [0, 3])
def test_a_label_never_meets_a_second_prediction_with_its_id(run: JoinRun, n_flushes: int) -> None:
    run.predict("a", 0)
    run.label("a", 590_000)
    run.predict("b", 650_000)
    run.label("b", 650_000)
    for _ in range(n_flushes):
        run.flush()
    run.predict("a", 660_000)  # after the horizon of the first, in the wait of the label
    assert run.finish() == Outcome(predicted=3, labelled=2, right=2)


def test_an_aborted_flush_leaves_nothing_and_adds_the_same_when_it_is_made_again(run: JoinRun) -> None:
    run.predict("a", 0)
    run.flush()
    run.label("a", 1_000)
    run.label("b", 2_000)
    first = run.sketcher.flush()
    run.sketcher.aborted()
    assert (run.sketcher.n_waiting, run.sketcher.joins.join()) == (0, [])
    run.reread()
    again = run.sketcher.flush()
    assert first is not None
    assert again is not None
    assert (again.panes, again.positions) == (first.panes, first.positions)
    run.abort()
    run.predict("b", 3_000)
    run.flush()
    run.abort(in_flight=False)
    assert run.finish() == Outcome(predicted=2, labelled=2, right=2)


def test_empty_stores_are_restored_from_the_blocks_without_counting_again(run: JoinRun) -> None:
    run.predict("a", 0)
    run.predict("b", 0)
    run.label("a", 1_000, "0")
    run.label("c", 2_000)
    for _ in range(3):
        run.flush()
    run.restart("another")
    assert run.n_restored > 0
    run.label("a", 3_000, "1")
    run.label("b", 3_000, "0")
    run.predict("c", 4_000)
    assert run.finish() == Outcome(predicted=3, labelled=3, right=2)


def test_stores_that_are_kept_need_no_block_twice(run: JoinRun) -> None:
    run.predict("a", 0)
    run.predict("later", 200_000)
    run.label("later", 200_000)
    while run.flush() is not None:
        pass
    run.restart("first")
    replayed_by_kept_stores = run.n_restored
    run.restart("another")
    assert replayed_by_kept_stores < run.n_restored
    run.label("a", 201_000)
    assert run.finish() == Outcome(predicted=2, labelled=2, right=2)


def test_what_was_not_committed_is_given_up_and_the_stores_can_be_opened_by_the_next(run: JoinRun) -> None:
    run.predict("a", 0)
    run.flush()
    run.label("a", 1_000)
    run.sketcher.flush()
    revoked = run.sketcher
    revoked.revoke()
    assert (dict(revoked.joins.joiners), revoked.joins.watermarks(), revoked.joins.join()) == ({}, [], [])
    run.start("first")
    assert run.finish() == Outcome(predicted=1, labelled=1, right=1)


def test_an_input_that_is_far_ahead_waits_and_the_one_behind_does_not(
    run: JoinRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routed_joins, "MAX_BUFFERED", 1)
    joins = run.sketcher.joins
    run.predict("a", 0)
    run.label("a", 0)
    run.flush()
    assert joins.hold_back(run.sketcher.watermarks_ms()) == {}
    run.predict("b", 2 * SKEW_MS)
    run.flush()
    assert joins.hold_back(run.sketcher.watermarks_ms()).keys() == {P}
    run.label("b", 2 * SKEW_MS)
    while run.flush() is not None:
        pass
    assert joins.hold_back(run.sketcher.watermarks_ms()) == {}


def block_of(kind: str, folder: Path) -> tuple[int, bytes]:
    writer = JoinRun(kind, folder)
    writer.predict("a", 0)
    writer.flush()
    return next((number, blocks[0]) for number, blocks in writer.pending.items() if blocks)


def test_routed_blocks_are_refused_by_joins_in_place(tmp_path: Path) -> None:
    number, block = block_of("routed", tmp_path / "writer")
    reader = JoinRun("local", tmp_path / "reader")
    with pytest.raises(FormatError, match="Expected a pending block"):
        reader.sketcher.joins.restore(number, block, 0, "pending-0@0")


def test_routed_joins_skip_what_was_written_before_they_were_routed(tmp_path: Path) -> None:
    number, block = block_of("local", tmp_path / "writer")
    reader = JoinRun("routed", tmp_path / "reader")
    joins = reader.sketcher.joins
    assert joins.restore(number, block, 0, "pending-0@0") == 0
    batch = RecordBatch(Source("joins", number), "pending", [block], [1], [-1])
    assert joins.profiles_wanted(batch) == set()
    assert joins.add_blocks(batch) == 0


@pytest.mark.parametrize("seed", range(4))
def test_both_add_the_same_to_every_window_however_flushes_aborts_and_restarts_fall(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_folder, "MEMORY_BYTES", (0, 3_000)[seed % 2])
    rng = random.Random(seed)
    events: list[tuple[str, str, int, str | None]] = []
    for number in range(60):
        kind = rng.choice(["predict", "label"])
        says = rng.choice(["0", "1"] if kind == "predict" else ["0", "1", None])
        events.append((kind, f"id{rng.randrange(20)}", 3_000 * number, says))
    runs = [JoinRun(kind, tmp_path / kind) for kind in REAL]
    for each in runs:
        for kind, key, after_ms, says in events:
            if kind == "predict":
                each.predict(key, after_ms, says or "")
            else:
                each.label(key, after_ms, says)
            step = rng.random()
            if step < 0.1:
                each.abort(in_flight=step < 0.05)
            elif step < 0.15:
                each.restart(rng.choice(["first", "another"]))
            elif step < 0.4:
                each.flush()
    local, routed = runs
    assert local.finish() == routed.finish()
    assert min(local.outcome()) > 0, "each of them happens"
    assert {at: n for at, n in local.added.items() if n} == {at: n for at, n in routed.added.items() if n}


def test_where_no_labels_are_configured_nothing_is_joined_written_or_restored(tmp_path: Path) -> None:
    run = JoinRun("none", tmp_path)
    run.predict("a", 0)
    joins = run.sketcher.joins
    flush = run.flush()
    assert flush is not None
    assert (flush.n_events, flush.pending, dict(joins.joiners), joins.watermarks()) == (1, {}, {}, [])
    assert joins.replays({P: 1}) == []
    assert joins.restore(0, b"", 0, "pending-0@0") == 0
    assert joins.hold_back({P: 10**12, L: 0, Source("predictions", 1): 0}) == {}
    run.restart("another")
    run.predict("b", 1_000)
    run.abort()
    assert run.finish() == Outcome()
    assert run.position[P] == len(run.records[P])
