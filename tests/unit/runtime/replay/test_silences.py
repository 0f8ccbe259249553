"""Which partitions count as idle in a replay."""

from __future__ import annotations

from driftline.events.source import Source
from driftline.runtime.replay.input_spans import InputSpan
from driftline.runtime.replay.quiet_partitions import QuietPartitions
from driftline.runtime.replay.silent_labels import SilentLabels

A, B, C = (Source("predictions", number) for number in range(3))
LABELS = (Source("labels", 0), Source("labels", 1))
TIMEOUT_MS = 60


def quiet_partitions() -> QuietPartitions:
    spans = [InputSpan(source, "predictions", source.partition, 0, 9, is_cut=False) for source in (A, B, C)]
    return QuietPartitions(spans, TIMEOUT_MS)


def test_a_partition_without_records_is_quiet_from_the_beginning() -> None:
    quiet = quiet_partitions()
    assert list(quiet.new({A, B})) == [C]
    assert list(quiet.new({A, B})) == []
    assert quiet.is_quiet(C)
    assert not quiet.is_quiet(A)


def test_a_partition_that_ended_is_quiet_once_others_are_newer_by_the_timeout() -> None:
    quiet = quiet_partitions()
    for source in (A, B, C):
        quiet.read(source, 1_000)
    assert list(quiet.new({B, C})) == []
    quiet.read(B, 1_059)
    assert list(quiet.new({B, C})) == []
    quiet.read(B, 1_060)
    assert list(quiet.new({B, C})) == [A]
    assert list(quiet.new({C})) == [], "B is the newest"


def test_a_partition_that_has_more_to_read_is_never_quiet() -> None:
    quiet = quiet_partitions()
    quiet.read(A, 1_000)
    quiet.read(B, 9_000)
    assert list(quiet.new({A, B, C})) == []


def test_labels_are_silent_where_none_came_for_the_timeout_and_the_next_is_later() -> None:
    silent = SilentLabels(LABELS, TIMEOUT_MS)
    following: dict[Source, int | None] = {LABELS[0]: 2_000, LABELS[1]: None}
    silent.ends(1_000)
    assert not silent.begins(1_059, following.get)
    assert silent.begins(1_060, following.get)
    assert not silent.begins(1_500, following.get), "it has begun"
    assert silent.silent
    assert silent.ends(2_000)
    assert not silent.ends(2_001), "it has ended"


def test_labels_are_not_silent_while_one_partition_has_some() -> None:
    silent = SilentLabels(LABELS, TIMEOUT_MS)
    silent.ends(1_000)
    assert not silent.begins(1_500, {LABELS[0]: 1_400, LABELS[1]: 9_000}.get)


def test_before_the_first_label_a_silence_is_counted_from_the_first_record() -> None:
    silent = SilentLabels(LABELS, TIMEOUT_MS)
    assert not silent.begins(5_000, lambda _source: None)
    assert silent.begins(5_060, lambda _source: None)


def test_without_a_topic_of_labels_nothing_is_silent() -> None:
    silent = SilentLabels((), TIMEOUT_MS)
    assert not silent.begins(1, lambda _source: None)
    assert not silent.begins(5_000, lambda _source: None)
