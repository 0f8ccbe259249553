"""Checkpoints are whole or absent, whichever prefix of their writes a crash lets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import FormatError, ParameterError
from driftline.monitoring.state.checkpoint import Checkpoint
from driftline.runtime.detect.state_table import META_KEY, CheckpointSlots, Write, partition_of


def write(table: dict[bytes, bytes], writes: list[Write]) -> None:
    for key, value in writes:
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


KEYS = st.sampled_from([b"x", b"y", b"z/1", b"m"])
VALUES = st.none() | st.binary(max_size=3)
# each step: the changed entries, and after how many writes the process dies (None: it lives on)
STEPS = st.lists(st.tuples(st.dictionaries(KEYS, VALUES, max_size=4), st.none() | st.integers(0, 9)), max_size=12)


@given(STEPS)
def test_a_crash_at_any_write_restores_the_checkpoint_before_or_the_new_one(
    steps: list[tuple[dict[bytes, bytes | None], int | None]],
) -> None:
    table: dict[bytes, bytes] = {}
    kept: dict[bytes, bytes] = {}
    slots, restored = CheckpointSlots.restore(7, table)
    assert restored == {}
    for number, (entries, dies_after) in enumerate(steps):
        wanted = Checkpoint(number, entries, b"meta %d" % number)
        planned = slots.writes(wanted)
        writes = [*planned.first, planned.meta]
        write(table, writes[:dies_after])
        if dies_after is None or dies_after >= len(writes):
            kept |= {key: value for key, value in entries.items() if value is not None}
            kept = {key: value for key, value in kept.items() if entries.get(key, b"") is not None}
            kept[META_KEY] = wanted.meta
        if dies_after is not None:
            slots, restored = CheckpointSlots.restore(7, table)
            assert restored == kept
    assert CheckpointSlots.restore(7, table)[1] == kept


@given(STEPS)
def test_the_table_holds_at_most_two_versions_of_what_is_alive(
    steps: list[tuple[dict[bytes, bytes | None], int | None]],
) -> None:
    table: dict[bytes, bytes] = {}
    slots = CheckpointSlots(0)
    for entries, _ in steps:
        planned = slots.writes(Checkpoint(0, entries, b""))
        write(table, [*planned.first, planned.meta])
    for _ in range(2):  # the first removes what the last deletion left, the second finds nothing more to remove
        planned = slots.writes(Checkpoint(0, {}, b""))
        write(table, [*planned.first, planned.meta])
    assert planned.first == ()
    alive = CheckpointSlots.restore(0, table)[1].keys() - {META_KEY}
    assert len(table) <= 2 * len(alive) + 1


def test_the_position_comes_back() -> None:
    slots = CheckpointSlots(3)
    table: dict[bytes, bytes] = {}
    for position in (10, 25):
        planned = slots.writes(Checkpoint(position, {b"k": b"v"}, b"meta"))
        write(table, [*planned.first, planned.meta])
    again, entries = CheckpointSlots.restore(3, table)
    assert again.position == 25
    assert entries == {b"k": b"v", META_KEY: b"meta"}
    assert {partition_of(key) for key in table} == {3}


def test_a_partition_without_a_checkpoint_is_fresh_and_its_leftovers_are_removed() -> None:
    table = dict(CheckpointSlots(0).writes(Checkpoint(5, {b"k": b"v"}, b"")).first)
    assert all(value is not None for value in table.values())
    slots, entries = CheckpointSlots.restore(0, {key: value for key, value in table.items() if value is not None})
    assert (entries, slots.position) == ({}, None)
    assert {change.key for change in slots.writes(Checkpoint(6, {}, b"")).first if change.value is None} == set(table)


def test_an_unknown_state_version_says_what_to_do() -> None:
    meta = CheckpointSlots(0).writes(Checkpoint(0, {}, b"")).meta
    assert meta.value is not None
    with pytest.raises(
        FormatError,
        match=r"Expected state version 1, got 9 .* partition 0`\. Start the driftline .*`<prefix>\.detect-state`",
    ):
        CheckpointSlots.restore(0, {meta.key: b"\x09" + meta.value[1:]})


@pytest.mark.parametrize("key", [b"0/c/k", b"0/ak", b"1/a/k", b"rubbish"])
def test_a_key_of_another_kind_is_refused(key: bytes) -> None:
    with pytest.raises(FormatError, match="Expected an entry of state version 1 for partition 0"):
        CheckpointSlots.restore(0, {key: b"\x00" * 9})


def test_an_empty_entry_key_is_refused() -> None:
    with pytest.raises(ParameterError, match="Expected a non-empty entry key"):
        CheckpointSlots(0).writes(Checkpoint(0, {META_KEY: b"v"}, b""))
