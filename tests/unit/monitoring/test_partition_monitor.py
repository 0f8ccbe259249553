from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from driftline.checks.columns.window_check import examine_window
from driftline.errors import FormatError
from driftline.events.source import SEGMENT_ALL, Source, Watermark
from driftline.monitoring.partition_monitor import PartitionMonitor
from driftline.monitoring.predictions.open_panes import MAX_PIECES
from driftline.panes.flush_record import VERSION, FlushRecord, PaneDelta, encode
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.profiles.profiles import Profiles
from tests.support.monitor_runs import Run, run
from tests.support.monitored import KEY, OTHER, SETTINGS, YEAR_MS, flush, mark, one_partition, predictions
from tests.support.monitoring import (
    LATENESS_MS,
    PANE_MS,
    START_MS,
    WINDOW_MS,
    Item,
    Traffic,
    floor,
    generate,
    records_of,
    schedule,
    training_profile,
)
from tests.support.shelves import narrow_shelf

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.contract.verdict import Verdict
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.events.output_record import OutputRecord
    from driftline.events.window import ColumnSummary, WindowEvent


def idle_mark(time_ms: int | None, partition: int = 0, n: int = 1) -> bytes:
    marks = [Watermark(Source(kind, partition), n, time_ms, idle=True) for kind in ("predictions", "labels")]
    return encode(FlushRecord(VERSION, [], [], marks))


def windows(outputs: Iterable[OutputRecord]) -> list[tuple[str, str, str, int]]:
    found = []
    for record in outputs:
        value = json.loads(record.value or b"{}")
        if "columns" in value:
            span = value["window"]
            found.append((span["kind"], span["start"][11:19], span["end"][11:19], value["n"]))
    return sorted(found)


def test_a_window_is_shown_when_the_watermark_has_passed_its_end() -> None:
    traffic = one_partition(predictions(START_MS, 200))
    monitor = PartitionMonitor(0, SETTINGS, Profiles(traffic.published))
    n_before = WINDOW_MS // 1_000 + LATENESS_MS // 1_000
    assert windows(monitor.apply(flush(traffic, 0, n_before), 0)) == [
        ("sliding", "11:59:20", "12:00:20", 20),
        ("sliding", "11:59:40", "12:00:40", 40),
    ]
    assert windows(monitor.apply(flush(traffic, n_before, n_before + 1), 1)) == [
        ("sliding", "12:00:00", "12:01:00", 60),
        ("tumbling", "12:00:00", "12:01:00", 60),
    ]


def test_a_jump_over_a_year_gives_what_the_steps_give_and_costs_a_few_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [*predictions(START_MS, 60), *predictions(START_MS + YEAR_MS, 60)]
    end = Item("predictions", KEY, START_MS + 2 * YEAR_MS, 0.0, "a", 1, 1, -1, START_MS + 2 * YEAR_MS)
    traffic = one_partition([*items, end])
    n_examined = 0

    def counted(
        view: ReferenceView, window: ClosedWindow, budget: ErrorBudget, known: Sequence[ColumnSummary]
    ) -> Verdict[WindowEvent]:
        nonlocal n_examined
        n_examined += 1
        return examine_window(view, window, budget, known)

    monkeypatch.setattr("driftline.monitoring.predictions.window_verdicts.examine_window", counted)
    whole = run([flush(traffic, 0, 121)], SETTINGS, traffic.published)
    assert n_examined < 20
    steps = Run(SETTINGS, traffic.published)
    steps.feed([flush(traffic, 0, 60)], 0, 1)
    for day in range(1, 366):
        steps.outputs.update(steps.monitor.apply(mark(START_MS + day * 86_400_000 - WINDOW_MS), 10 * day))
    steps.outputs.update(steps.monitor.apply(flush(traffic, 60, 121), 10_000))
    assert whole.outputs == steps.outputs


def test_an_event_time_jump_with_open_panes_is_closed_in_order() -> None:
    traffic = one_partition(predictions(START_MS, 300))
    whole = run([flush(traffic, 0, 300)], SETTINGS, traffic.published).outputs
    singly = run([flush(traffic, i, i + 1) for i in range(300)], SETTINGS, traffic.published).outputs
    assert whole == singly


def test_open_panes_hold_bounded_memory_however_many_flushes_come() -> None:
    traffic = one_partition([item for _ in range(40) for item in predictions(START_MS, 9)])
    monitor = PartitionMonitor(0, SETTINGS, Profiles(traffic.published))
    for index in range(360):
        monitor.apply(flush(traffic, index, index + 1), index)
    (pane,) = monitor._models[KEY].predictions.open.values()
    (part,) = pane.parts.values()
    assert len(part.pieces) <= MAX_PIECES
    assert part.n_events == 360
    assert monitor.n_open_panes == 2  # one of predictions, one of joins


def test_the_position_is_the_oldest_record_that_an_open_pane_needs() -> None:
    traffic = one_partition(predictions(START_MS, 100))
    settings = msgspec.structs.replace(SETTINGS, labels=None)
    monitor = PartitionMonitor(0, settings, Profiles(traffic.published))
    assert monitor.checkpoint().position == 0
    for index in range(100):
        monitor.apply(flush(traffic, index, index + 1), 5 * index)
    closed_ms = monitor.status().predictions_ms
    assert closed_ms is not None
    first_open = next(i for i, item in enumerate(traffic.partitions[0]) if floor(item.time_ms) + PANE_MS > closed_ms)
    assert monitor.checkpoint().position == 5 * first_open
    monitor.apply(mark(START_MS + YEAR_MS), 1_000)
    assert monitor.checkpoint().position == 1_001


def test_a_record_is_evaluated_model_by_model() -> None:
    both = [*predictions(START_MS, 200), *predictions(START_MS + 500, 200, key=OTHER)]
    traffic = one_partition(sorted(both, key=lambda item: item.time_ms))
    traffic.published.append(training_profile(OTHER, 0))
    traffic.knows(traffic.published[1])
    whole, parted = (PartitionMonitor(0, SETTINGS, Profiles(traffic.published)) for _ in range(2))
    record = flush(traffic, 0, 400)
    parts = list(parted.evaluate(record, 0))
    assert [each for part in parts for each in part] == whole.apply(record, 0)
    assert parted.checkpoint() == whole.checkpoint()
    models = [{json.loads(each.value or b"{}")["model"] for each in part if each.channel == "events"} for part in parts]
    assert [of for of in models if of] == [{KEY.model}, {OTHER.model}]


def test_what_is_on_a_shelf_says_the_same() -> None:
    """Two models take turns, and nothing but what was used last is in memory."""
    times = range(START_MS, START_MS + 40 * WINDOW_MS, WINDOW_MS)
    both = [item for at in times for key in (KEY, OTHER) for item in predictions(at, 60, key=key)]
    traffic = one_partition(sorted(both, key=lambda item: item.time_ms))
    traffic.published.append(training_profile(OTHER, 0))
    traffic.knows(traffic.published[1])
    copies = [decode_profile([value for _, value in encode_profile(each)], "here") for each in traffic.published]
    whole = PartitionMonitor(0, SETTINGS, Profiles(traffic.published))
    put_away = PartitionMonitor(0, SETTINGS, Profiles(copies, shelf=narrow_shelf()), shelf=narrow_shelf())
    n, n_windows = len(traffic.partitions[0]), 0
    for offset, start in enumerate(range(0, n, 97)):
        record = flush(traffic, start, min(start + 97, n))
        said = whole.apply(record, offset)
        n_windows += len(windows(said))
        assert put_away.apply(record, offset) == said
        assert put_away.checkpoint() == whole.checkpoint()
    assert n_windows > 20


def test_a_record_applied_twice_counts_once() -> None:
    traffic = one_partition(predictions(START_MS, 200))
    monitor = PartitionMonitor(0, SETTINGS, Profiles(traffic.published))
    record = flush(traffic, 0, 9)
    monitor.apply(record, 4)
    assert monitor.apply(record, 4) == []
    assert monitor.apply(record, 3) == []
    ((pane,),) = [monitor._models[KEY].predictions.open.values()]
    assert sum(part.n_events for part in pane.parts.values()) == 9


def test_only_what_changed_is_written() -> None:
    traffic = one_partition(predictions(START_MS, 200))
    monitor = PartitionMonitor(0, SETTINGS, Profiles(traffic.published))
    monitor.apply(flush(traffic, 0, 100), 0)
    assert monitor.checkpoint().entries
    assert monitor.checkpoint().entries == {}
    monitor.apply(flush(traffic, 100, 101), 1)
    names = [msgspec.msgpack.decode(key)[1] for key in monitor.checkpoint().entries]
    # What waits for labels, and the model's month; the open pane is read again.
    assert sorted(names) == ["months", "pane-group", "revision"]
    assert monitor.checkpoint().entries == {}


def test_a_checkpoint_amid_a_replay_stays_where_the_replay_began() -> None:
    traffic = one_partition(predictions(START_MS, 100))
    before = Run(SETTINGS, traffic.published)
    records = [flush(traffic, index, index + 1) for index in range(100)]
    before.feed(records, 0, 80)
    before.checkpoint()
    position = before.position
    before.crash()
    first = -(-position // 3)
    before.feed(records, first, first + 2)
    before.checkpoint()
    assert before.position == position
    before.crash()
    before.feed(records, first, 100)
    assert before.outputs == run(records, SETTINGS, traffic.published).outputs


def test_events_after_an_idle_mark_are_counted_and_never_absorbed() -> None:
    traffic = one_partition(predictions(START_MS, 100))
    quiet = Traffic([traffic.partitions[0], predictions(START_MS, 3)], traffic.published, traffic.sketched_with)
    monitor = PartitionMonitor(0, SETTINGS, Profiles(traffic.published))
    monitor.apply(idle_mark(None, 1, 2), 0)
    (record,) = records_of(quiet, [(0, 0, 50)], 1)
    monitor.apply(record, 1)
    late = [record for i in range(3) for record in records_of(quiet, [(1, i, i + 1)], 1)]
    n_windows = 0
    for offset, record in enumerate(late):
        n_windows += len(monitor.apply(record, 2 + offset))
    assert n_windows == 0
    assert monitor.status().n_after_idle == 3
    outputs = monitor.apply(records_of(quiet, [(0, 50, 100)], 1)[0], 5)
    outputs += monitor.apply(mark(START_MS + YEAR_MS, 1, 2), 6)
    outputs += monitor.apply(mark(START_MS + YEAR_MS, 0, 2), 7)
    flags = [json.loads(record.value)["flags"] for record in outputs if record.value is not None]
    assert any("after_idle" in flag for flag in flags)


def test_deltas_on_another_grid_are_counted_and_said() -> None:
    traffic = one_partition(predictions(START_MS, 60))
    foreign = training_profile(KEY, START_MS + YEAR_MS, seed=9)
    stray = Traffic([predictions(START_MS, 5)])
    stray.knows(training_profile(KEY, 0, seed=9))
    monitor = PartitionMonitor(0, SETTINGS, Profiles([*traffic.published, foreign]))
    panes, _, _ = stray.cut(0, 0, 5)
    monitor.apply(encode(FlushRecord(VERSION, panes, [], [])), 0)
    outputs = monitor.apply(flush(traffic, 0, 60), 1)
    outputs += monitor.apply(mark(START_MS + YEAR_MS), 2)
    tumbling = [value for value in map(json.loads, (record.value or b"{}" for record in outputs)) if "columns" in value]
    assert monitor.status().models[KEY].n_unprofiled == 5
    assert tumbling[0]["n"] == 20
    assert "unprofiled" in tumbling[0]["flags"]


def test_without_bootstrap_a_model_without_profile_is_counted_only() -> None:
    model = SETTINGS.defaults
    off = msgspec.structs.replace(model, bootstrap=msgspec.structs.replace(model.bootstrap, enabled=False))
    traffic = Traffic([predictions(START_MS, 200, key=OTHER)])
    outcome = run([flush(traffic, 0, 200)], msgspec.structs.replace(SETTINGS, defaults=off), [])
    assert outcome.outputs == set()
    closed_ms = outcome.monitor.status().predictions_ms
    assert closed_ms is not None
    assert outcome.monitor.status().models[OTHER].n_unprofiled == (floor(closed_ms) - START_MS) // 1_000


def test_profiles_are_wanted_until_the_book_has_them() -> None:
    traffic = one_partition(predictions(START_MS, 5))
    book = Profiles()
    monitor = PartitionMonitor(0, SETTINGS, book)
    record = flush(traffic, 0, 5)
    (profile,) = traffic.published
    assert monitor.profiles_wanted(record) == {profile.profile_id: KEY}
    book.add(profile)
    assert monitor.profiles_wanted(record) == {}
    nameless = encode(FlushRecord(VERSION, [PaneDelta(KEY, SEGMENT_ALL, 0, "", 0, {}, None, [])], [], []))
    assert monitor.profiles_wanted(nameless) == {}


def test_a_damaged_record_says_where_it_stands_and_changes_nothing() -> None:
    monitor = PartitionMonitor(3, SETTINGS, Profiles())
    with pytest.raises(FormatError, match="panes-3@17"):
        monitor.apply(b"not a record", 17)
    assert monitor.status().as_of == -1


def test_the_status_shows_watermarks_alerts_and_statistics() -> None:
    traffic = generate(1, [KEY])
    traffic.published = [training_profile(KEY, 0, labelled=True)]
    traffic.knows(traffic.published[0])
    outcome = run(schedule(traffic, random.Random(1)), SETTINGS, traffic.published)
    status = outcome.monitor.status()
    assert status.joins_ms == min(status.predictions_ms or 0, status.labels_ms or 0)
    model = status.models[KEY]
    assert {alert.cause for alert in model.open_alerts} == {"data drift", "performance"}
    ages = {figures.age_ms: figures.coverage for figures in model.performance}
    assert ages.keys() == {*map(int, SETTINGS.defaults.labels.revisions), int(SETTINGS.defaults.labels.horizon)}
    assert all(coverage is not None and coverage > 0.8 for coverage in ages.values())
    sizes = {figures.size_ms: figures for figures in model.windows}
    assert sizes.keys() == set(map(int, SETTINGS.defaults.windows.verdict))
    for size_ms, figures in sizes.items():
        assert figures.end_ms % size_ms == 0
        assert any(statistic.column == "x" for statistic in figures.statistics)
    assert model.last_prediction_ms is not None
    assert model.last_label_ms is not None
    assert status.joins_ms is not None
    assert 0 < model.last_prediction_ms <= model.last_label_ms < status.joins_ms
    assert model.profile_id == traffic.published[0].profile_id


def test_performance_without_a_labelled_reference_is_held_against_the_first_windows() -> None:
    traffic = generate(4, [KEY], n_partitions=2, n_predictions=2_400)
    traffic.published = [training_profile(KEY, 0)]
    traffic.knows(traffic.published[0])
    outputs = run(schedule(traffic, random.Random(1), largest=400), SETTINGS, traffic.published).outputs
    values = [json.loads(record.value or b"{}") for record in outputs]
    events = [v for v in values if "task" in v]
    performance = sorted((v["window"]["start"], v["revision"], v["tested"], v["baseline_origin"]) for v in events)
    first = [origin for _, revision, _, origin in performance if revision == 0][:2]
    assert first == [None, None]
    assert sum(tested for _, _, tested, _ in performance) >= 3
    assert {origin for _, _, tested, origin in performance if tested} == {"first windows"}
    findings = [v for v in values if v.get("family") == "performance"]
    assert findings
    assert {v["baseline"] for v in findings} == {"first windows"}
    assert min(v["window"]["start"] for v in findings) >= "2026-03-01T12:05:00.000Z"
