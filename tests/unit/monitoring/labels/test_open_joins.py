from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.config.durations import Duration
from driftline.config.model import LabelSettings, ModelSettings, WindowSettings
from driftline.events.model_key import ModelKey
from driftline.events.source import SEGMENT_ALL, Kind, Offsets
from driftline.monitoring.labels.open_joins import OpenJoins, RevisionPart
from driftline.monitoring.labels.performance_windows import PerformanceWindows
from driftline.monitoring.labels.revision_times import RevisionTimes
from driftline.monitoring.model_setup import AFTER_IDLE, IDLE, WatermarkReach
from driftline.monitoring.predictions.open_panes import MAX_PIECES
from driftline.panes.flush_record import JoinDelta, WindowDelta
from driftline.sketches.sparse import cells, merge_sparse, pack_cells
from tests.support.state import changes, checkpoint, restore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.monitoring.labels.performance_windows import DueRevision
    from driftline.sketches.packed import Sparse

KEY = ModelKey("m", "1")
PANE_MS, HOUR_MS, DAY_MS = 10_000, 3_600_000, 86_400_000
SETTINGS = ModelSettings()


def small(ages: tuple[int, ...], horizon: int) -> ModelSettings:
    return ModelSettings(
        windows=WindowSettings(performance=Duration(60_000)),
        labels=LabelSettings(horizon=Duration(horizon), revisions=tuple(Duration(age) for age in ages)),
    )


def delta(
    pane_ms: int,
    windows: dict[int, int],
    offsets: dict[Kind, Offsets] | None = None,
    errors: tuple[int, int, int] = (0, 0, 0),
    profile_id: str = "p",
) -> JoinDelta:
    found = [WindowDelta(start, pack_cells(np.array([1]), np.array([n]))) for start, n in sorted(windows.items())]
    given: dict[Kind, Offsets] = {"predictions": {0: (pane_ms, pane_ms)}}
    return JoinDelta(KEY, SEGMENT_ALL, pane_ms, profile_id, given if offsets is None else offsets, found, errors)


def total(pieces: list[Sparse]) -> int:
    return int(sum(cells(piece)[1].sum() for piece in pieces))


def restored(store: Mapping[str, bytes | None], settings: ModelSettings) -> OpenJoins:
    other = OpenJoins(settings, PANE_MS)
    restore(other, store)
    return other


@pytest.mark.slow
def test_thirty_days_of_stalled_labels_cost_windows_and_not_panes() -> None:
    joins, store, most = OpenJoins(SETTINGS, PANE_MS), dict[str, bytes](), 0
    n_panes = 30 * DAY_MS // PANE_MS
    for index in range(n_panes):
        at_ms = index * PANE_MS
        late = {max(0, at_ms - HOUR_MS) // HOUR_MS * HOUR_MS: 1} if index % 20 == 0 else {}
        joins.add(delta(at_ms, {**late, at_ms - at_ms % HOUR_MS: 1}))
        if index % 1_000 == 999:
            for name, data in changes(joins).items():
                assert data is not None
                store[name] = data
                most = max(most, len(data))
    n_windows, n_ages = 30 * 24, len(RevisionTimes.of(SETTINGS).ages_ms)
    assert n_panes == 259_200
    assert joins.n_panes == n_panes  # all of them are open, and known to be
    assert n_windows < len(store) <= n_windows * (1 + n_ages)
    assert sum(len(data) for data in store.values()) < 300_000
    assert most < 1_000
    labelled, _ = joins.close(WatermarkReach(10 * 30 * DAY_MS, 10 * 30 * DAY_MS), missed=False)
    assert labelled == []
    added = 0
    while joins.due_ms() is not None:
        added += sum(total(part.pieces) for _, parts in joins.take() for part in parts.values())
    assert added >= n_panes
    assert all(data is None for data in changes(joins).values())


def test_a_part_of_a_revision_holds_a_bounded_number_of_pieces_and_adds_up() -> None:
    joins = OpenJoins(SETTINGS, PANE_MS)
    for i in range(200):
        joins.add(delta(0, {0: i}, {"labels": {i % 2: (i, i)}}, (1, 2, 3)))
        assert all(len(part.pieces) <= MAX_PIECES for part in joins._revisions[2 * HOUR_MS, 0].values())
    (pane,), closed = joins.close(WatermarkReach(HOUR_MS, HOUR_MS), missed=False)
    assert closed
    assert pane.errors == {"p": (200, 400, 600)}
    assert pane.offsets == {"labels": {0: (0, 198), 1: (1, 199)}}
    ((start_ms, parts),) = joins.take()
    assert (start_ms, total(parts["p"].pieces), parts["p"].offsets) == (0, 19_900, pane.offsets)


def test_what_comes_after_the_last_revision_of_a_window_is_counted() -> None:
    joins = OpenJoins(SETTINGS, PANE_MS)
    long_after = RevisionTimes.of(SETTINGS).ages_ms[-1] + 2 * HOUR_MS
    joins.add(delta(0, {0: 1}))
    assert joins.n_expired == 0
    joins.add(delta(long_after, {0: 1, long_after - long_after % HOUR_MS: 1}))
    assert joins.n_expired == 1


def test_the_first_pane_to_close_says_that_joins_were_missed() -> None:
    joins = OpenJoins(SETTINGS, PANE_MS)
    for pane_ms in (0, 20_000):
        joins.add(delta(pane_ms, {0: 1, pane_ms - HOUR_MS: 1}, {"labels": {0: (1, 1)}}, (1, 0, 0)))
    assert joins.close(WatermarkReach(0, 0), missed=True) == ([], False)
    (one, two), closed = joins.close(WatermarkReach(HOUR_MS, HOUR_MS), missed=True)
    assert closed
    assert (one.flags, two.flags) == ((AFTER_IDLE,), ())
    flags: dict[int, list[str]] = {}
    while joins.due_ms() is not None:
        flags |= {start_ms: parts["p"].flags for start_ms, parts in joins.take()}
    assert flags == {0: [AFTER_IDLE], -HOUR_MS: [AFTER_IDLE], 20_000 - HOUR_MS: []}


def test_only_panes_that_relied_on_an_idle_mark_say_so() -> None:
    joins = OpenJoins(SETTINGS, PANE_MS)
    for pane_ms, window_ms in ((0, 0), (10_000, -HOUR_MS), (20_000, -2 * HOUR_MS)):
        joins.add(delta(pane_ms, {window_ms: 1}))
    joins.close(WatermarkReach(10_000, 10_000), missed=False)
    joins.close(WatermarkReach(20_000, 15_000), missed=False)
    joins.close(WatermarkReach(HOUR_MS, HOUR_MS), missed=False)
    flags: dict[int, list[str]] = {}
    while joins.due_ms() is not None:
        flags |= {start_ms: parts["p"].flags for start_ms, parts in joins.take()}
    assert flags == {0: [], -HOUR_MS: [IDLE], -2 * HOUR_MS: []}


def test_what_changed_is_written_piece_by_piece_and_what_is_gone_is_deleted() -> None:
    joins = OpenJoins(SETTINGS, PANE_MS)
    joins.add(delta(0, {0: 1}))
    joins.add(delta(HOUR_MS, {HOUR_MS: 1}))
    assert len(changes(joins)) == 4
    joins.add(delta(PANE_MS, {0: 1}))
    assert list(changes(joins)) == [f"pane-group/{HOUR_MS}", f"revision/[{2 * HOUR_MS},0]"]
    joins.close(WatermarkReach(HOUR_MS, HOUR_MS), missed=False)
    assert changes(joins)[f"pane-group/{HOUR_MS}"] is None
    joins.take()
    assert changes(joins) == {f"revision/[{2 * HOUR_MS},0]": None}


def test_what_waits_for_an_age_that_is_no_longer_configured_joins_the_next_revision() -> None:
    joins = OpenJoins(small((60_000, 120_000), 600_000), PANE_MS)
    joins.add(delta(130_000, {0: 3}))
    now = small((60_000,), 600_000)
    joins, windows = restored(changes(joins), now), PerformanceWindows(now)
    joins.close(WatermarkReach(300_000, 300_000), missed=False)
    assert joins.due_ms() == 180_000
    ((start_ms, parts),) = joins.take()
    windows.add(start_ms, 180_000, "t", parts["p"])
    assert windows.due_ms() == 660_000


def seen(due: DueRevision) -> tuple[int, int, int, list[int], list[str]]:
    packed = due.window.vectors.get("t")
    return due.start_ms, due.revision, due.at_ms, [] if packed is None else [total([packed])], due.window.flags


class PaneByPane:
    """The plain way, which keeps every pane: what :class:`OpenJoins` has to agree with."""

    def __init__(self, settings: ModelSettings) -> None:
        self._windows = PerformanceWindows(settings, with_arrivals=False)
        self._open: dict[int, list[JoinDelta]] = {}
        self.cuts: list[tuple[int, int, int, list[int], list[str]]] = []
        self.labelled: list[tuple[int, tuple[int, int, int], tuple[str, ...]]] = []

    def add(self, new: JoinDelta) -> None:
        self._open.setdefault(new.pane_ms, []).append(new)

    def close(self, reach: WatermarkReach, *, missed: bool) -> bool:
        starts = sorted(start for start in self._open if start + PANE_MS <= reach.until_ms)
        for start in starts:
            end_ms, deltas = start + PANE_MS, self._open.pop(start)
            self._cut(end_ms - 1)
            flags = reach.flags(end_ms) | ({AFTER_IDLE} if missed and start == starts[0] else set())
            pieces: dict[int, list[Sparse]] = {}
            for each in deltas:
                for window in each.windows:
                    pieces.setdefault(window.window_ms, []).append(window.cells)
            for window_ms, cells_of_window in sorted(pieces.items()):
                self._windows.add(window_ms, end_ms, "t", RevisionPart(cells_of_window, {}, sorted(flags)))
            errors = [each.errors for each in deltas if "labels" in each.offsets]
            if errors:
                sums = (sum(e[0] for e in errors), sum(e[1] for e in errors), sum(e[2] for e in errors))
                self.labelled.append((start, sums, tuple(sorted(flags))))
        self._cut(reach.until_ms)
        return bool(starts)

    def _cut(self, limit_ms: int) -> None:
        while (due_ms := self._windows.due_ms()) is not None and due_ms <= limit_ms:
            self.cuts.append(seen(self._windows.take()))


@pytest.mark.parametrize("ages", [(60_000, 120_000), (30_000, 70_000), (), (10_000, 20_000, 110_000)])
@pytest.mark.parametrize("seed", range(12))
def test_the_same_comes_out_as_pane_by_pane_with_restores_in_between(ages: tuple[int, ...], seed: int) -> None:
    rng, settings = random.Random(seed), small(ages, 240_000)
    plain, joins, windows = (
        PaneByPane(settings),
        OpenJoins(settings, PANE_MS),
        PerformanceWindows(settings, with_arrivals=False),
    )
    cuts: list[tuple[int, int, int, list[int], list[str]]] = []
    store: dict[str, bytes] = {}
    labelled = []
    until_ms = 0
    for _ in range(60):
        for _ in range(rng.randint(0, 12)):
            pane_ms = until_ms + PANE_MS * rng.randint(0, 30)
            start_ms = (pane_ms - rng.randint(0, 300_000)) // 60_000 * 60_000
            errors = (1, rng.randint(0, 5), 2) if rng.random() < 0.3 else (0, 0, 0)
            kind: Kind = "labels" if errors[0] else "predictions"
            new = delta(pane_ms, {start_ms: 1, pane_ms // 60_000 * 60_000: 1}, {kind: {0: (1, 2)}}, errors)
            plain.add(new)
            joins.add(new)
        until_ms += PANE_MS * rng.choice((0, 1, 1, 2, 5, 25))
        certain = rng.choice((None, until_ms, until_ms, max(0, until_ms - rng.randint(0, 60_000))))
        reach, missed = WatermarkReach(until_ms, certain), rng.random() < 0.2
        panes, closed = joins.close(reach, missed=missed)
        assert plain.close(reach, missed=missed) == closed
        labelled += [(pane.start_ms, pane.errors["p"], pane.flags) for pane in panes]
        while True:
            waiting, due = joins.due_ms(), windows.due_ms()
            moment = min((at for at in (waiting, due) if at is not None and at <= until_ms), default=None)
            if moment is None:
                break
            if waiting == moment:
                for start_ms, parts in joins.take():
                    part = parts["p"]
                    taken = RevisionPart([merge_sparse(part.pieces)], part.offsets, part.flags)
                    windows.add(start_ms, moment, "t", taken)
            else:
                cuts.append(seen(windows.take()))
        if rng.random() < 0.2:
            checkpoint(joins, store)
            joins = restored(store, settings)
    assert len(cuts) > 20
    assert cuts == plain.cuts
    assert labelled == plain.labelled
    assert {flag for *_, flags in cuts for flag in flags} == {IDLE, AFTER_IDLE}
