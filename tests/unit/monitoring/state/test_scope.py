"""Tables under names of their own: registered once, filled from a checkpoint, and deleted where nobody claims them."""

from __future__ import annotations

import msgspec
import pytest

from driftline.errors import FormatError
from driftline.monitoring.partition_monitor import META_KEY
from driftline.monitoring.state.checkpoint import EntryKey, StatePlace
from driftline.monitoring.state.journal import Journal
from driftline.monitoring.state.scope import StateScope
from driftline.monitoring.state.table import Codec, Table, Value
from driftline.monitoring.state.timeline import Due, run_due
from tests.support.monitor_runs import run
from tests.support.monitored import KEY, SETTINGS, flush, one_partition, predictions
from tests.support.monitoring import START_MS


def changes(scope: StateScope) -> dict[str, object]:
    return {str(place): data and msgspec.msgpack.decode(data) for place, data in scope.changes()}


def test_two_tables_of_one_name_are_refused() -> None:
    scope = StateScope("model m@1")
    scope.add([Table("window", int, int), Value("alerts", str)])
    with pytest.raises(ValueError, match="Expected a table name of its own, got 'alerts' - at `model m@1`"):
        scope.add([Value("alerts", str)])
    scope.add([Value("alerts", str)], "segment/country=DE/")
    with pytest.raises(ValueError, match="got 'segment/country=DE/alerts'"):
        scope.add([Value("alerts", str)], "segment/country=DE/")


def test_only_what_changed_is_written_once_and_as_it_is_then() -> None:
    scope, windows, total = StateScope("tests"), Table("window", int, list[int]), Value("total", int, 0)
    scope.add([windows, total], "a/")
    assert changes(scope) == {}
    windows.put(60, [1])
    windows[60].append(2)
    windows.put(120, [3])
    windows.drop(120)
    assert windows.drop(180) is None
    total.set(6)
    assert changes(scope) == {"a/window/60": [1, 2], "a/window/120": None, "a/total": 6}
    windows[60].append(3)
    assert changes(scope) == {}
    windows.changed(60)
    assert changes(scope) == {"a/window/60": [1, 2, 3]}
    windows.clear()
    assert total.drop() == 6
    assert (total.or_none, len(windows)) == (None, 0)
    assert changes(scope) == {"a/window/60": None, "a/total": None}


def test_what_nobody_claims_is_deleted_with_the_next_checkpoint() -> None:
    scope, windows = StateScope("tests"), Table("window", int, int)
    even = Table("even", int, Codec(int, lambda value: value, lambda value: value if value % 2 == 0 else None))
    scope.add([windows, even])
    kept = {
        StatePlace("window", "60"): 1,
        StatePlace("gone", "5"): 2,
        StatePlace("gone", ""): 3,
        StatePlace("even", "1"): 4,
    }
    scope.load({place: msgspec.msgpack.encode(n) for place, n in {**kept, StatePlace("even", "2"): 5}.items()})
    assert dict(windows.items()) == {60: 1}
    assert dict(even.items()) == {1: 4}
    assert changes(scope) == {"gone/5": None, "gone": None, "even/2": None}
    assert changes(scope) == {}


def test_tables_that_are_added_during_a_restore_are_filled_too() -> None:
    scope, late = StateScope("tests"), Table("late", tuple[int, str], str)
    profile = Value("profile", str, "", lambda: scope.add([late]) if profile.value else None)
    scope.add([profile])
    scope.load(
        {
            StatePlace("late", '[7,"a/b"]'): msgspec.msgpack.encode("x"),
            StatePlace("profile", ""): msgspec.msgpack.encode("p"),
        }
    )
    assert dict(late.items()) == {(7, "a/b"): "x"}
    assert changes(scope) == {}


def test_tables_that_are_removed_are_deleted_and_may_come_again() -> None:
    scope, first, second = StateScope("tests"), Table("window", int, int), Table("window", int, int)
    scope.add([first])
    for key in (1, 2):
        first.put(key, key)
    changes(scope)
    first.drop(1)
    first.put(3, 3)
    scope.remove([first])
    scope.add([second])
    second.put(2, 20)
    assert changes(scope) == {"window/1": None, "window/2": 20, "window/3": None}
    assert dict(first.items()) == {2: 2, 3: 3}, "whoever still has it can read it"


@pytest.mark.parametrize(("key", "data"), [("60", b"\xc1"), ("60", b"\xa1x"), ("sixty", b"\x01")])
def test_damage_is_named_with_what_the_operator_does(key: str, data: bytes) -> None:
    scope = StateScope("detection state of panes partition 3, model m@1")
    scope.add([Table("window", int, int)])
    with pytest.raises(FormatError) as caught:
        scope.load({StatePlace("window", key): data})
    message = str(caught.value)
    assert message.startswith(f"Expected a value of window/{key}, got ")
    assert "`detection state of panes partition 3, model m@1`" in message
    assert message.count("delete the state topic, `<prefix>.detect-state`") == 1


def test_any_damaged_value_of_a_monitor_is_refused_and_any_unknown_table_dropped() -> None:
    traffic = one_partition(predictions(START_MS, 100))
    outcome = run([flush(traffic, 0, 100)], SETTINGS, traffic.published)
    outcome.checkpoint()
    whole = dict(outcome.store)
    entries = {key: msgspec.msgpack.decode(value) for key, value in whole.items() if key != META_KEY}
    for key, (version, n_pieces, _) in entries.items():
        outcome.store = {**whole, key: msgspec.msgpack.encode([version, n_pieces, b"\xc1"])}
        with pytest.raises(FormatError, match="delete the state topic"):
            outcome.crash()
    stray = msgspec.msgpack.encode(EntryKey(KEY, "stray", "5", 0))
    outcome.store = {**whole, stray: whole[next(iter(entries))]}
    outcome.crash()
    outcome.checkpoint()
    assert stray not in outcome.store


def test_a_journal_stands_for_what_it_covers_until_it_ends() -> None:
    def monitor() -> tuple[StateScope, Value[int], Journal[int]]:
        scope, total = StateScope("tests"), Value("total", int, 0)
        journal = Journal("input", int, [total], 3, lambda _, n: total.set(total.value + n))
        scope.add([total, journal])
        return scope, total, journal

    scope, total, journal = monitor()
    for n in (1, 2):
        total.set(total.value + n)
        journal.note(n, n)
    kept = changes(scope)
    assert kept == {"input/1": 1, "input/2": 2}
    other, again, _ = monitor()
    other.load({StatePlace("input", str(n)): msgspec.msgpack.encode(n) for n in (2, 1)})
    assert again.value == 3
    assert changes(other) == {}
    for n in (3, 4):
        total.set(total.value + n)
        journal.note(n, n)
    assert journal.ended
    assert changes(scope) == {"total": 10, **{f"input/{n}": None for n in (1, 2, 3, 4)}}
    total.set(15)
    journal.note(5, 5)
    assert changes(scope) == {"input/5": 5}


def test_what_is_due_is_done_in_the_order_of_time_and_at_one_moment_of_parts() -> None:
    done: list[tuple[str, int]] = []

    def part(name: str, times: list[int]) -> Due:
        def advance(at_ms: int) -> list[object]:
            done.append((name, at_ms))
            times.remove(at_ms)
            return []

        return Due(lambda: min(times, default=None), advance)  # type: ignore[arg-type]  # no records are made

    later: list[int] = [30]
    parts = [part("first", [20, 10]), part("second", [10, 20]), part("last", later)]
    run_due(parts, 20)
    assert done == [("first", 10), ("second", 10), ("first", 20), ("second", 20)]
    run_due(parts, 29)
    assert later == [30]
