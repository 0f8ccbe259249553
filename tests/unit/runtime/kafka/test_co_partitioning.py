"""Which samples of keys and partitions stop the join, and which do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.runtime.kafka.co_partitioning import ENOUGH, SAMPLE, CoPartitioning, KeyedRecord, crc32_partition
from driftline.runtime.kafka.partitioning import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.events.source import Kind

N = 6


def fnv(key: bytes, n: int) -> int:
    """Return the partition as Sarama's default partitioner would."""
    h = 0x811C9DC5
    for byte in key:
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h % n


def checked(n_partitions: int = N) -> CoPartitioning:
    return CoPartitioning("scores", "outcomes", n_partitions)


def fill(
    check: CoPartitioning,
    kind: Kind,
    partitioner: Callable[[bytes, int], int],
    n: int = 100,
    first: int = 0,
    prefix: str = "",
) -> None:
    """Add records, whose keys are the ids behind a prefix."""
    for number in range(first, first + n):
        key = f"{prefix}p{number}".encode()
        place = partitioner(key, N)
        check.add(kind, KeyedRecord(place, key, f"p{number}", f"{kind}-{place}@{number}"))


@pytest.mark.parametrize("partitioner", [partition_of, crc32_partition, fnv])
def test_the_same_partitioner_for_both_is_fine_whichever_it_is(partitioner: Callable[[bytes, int], int]) -> None:
    check = checked()
    fill(check, "predictions", partitioner)
    fill(check, "labels", partitioner)
    assert check.mismatch() is None


@pytest.mark.parametrize(
    ("other", "named"), [(crc32_partition, "CRC-32 (librdkafka's `consistent_random`"), (fnv, "neither murmur2 nor")]
)
def test_different_partitioners_are_named_with_their_topics(other: Callable[[bytes, int], int], named: str) -> None:
    check = checked()
    fill(check, "predictions", partition_of)
    assert check.mismatch() is None
    fill(check, "labels", other, first=1_000)
    problem = str(check.mismatch())
    assert "got murmur2 (Java's clients" in problem
    assert "at `scores` and" in problem
    assert named in problem
    assert "at `outcomes`" in problem
    assert "partitioner: murmur2_random" in problem
    assert "new topics" in problem


def test_two_unknown_partitioners_are_told_by_ids_that_lie_apart() -> None:
    check = checked()
    fill(check, "predictions", fnv)
    fill(check, "labels", lambda key, n: (fnv(key, n) + 1) % n)
    problem = str(check.mismatch())
    assert "got 'p0' at `predictions-" in problem
    assert "(100 of 100 ids are apart)" in problem


def test_keys_that_are_not_the_ids_are_shown() -> None:
    check = checked()
    fill(check, "predictions", partition_of)
    fill(check, "labels", partition_of, prefix="customer-", n=ENOUGH - 1, first=1_000)
    assert check.mismatch() is None
    fill(check, "labels", partition_of, prefix="customer-", n=1, first=1_500)
    problem = str(check.mismatch())
    assert "got the key b'customer-p1000' with the id 'p1000' (20 of 20 records differ)" in problem
    assert "producers of `outcomes`" in problem


def test_one_strange_record_among_good_ones_stops_nothing() -> None:
    check = checked()
    fill(check, "predictions", partition_of)
    fill(check, "labels", partition_of)
    fill(check, "labels", crc32_partition, n=3, first=900)
    fill(check, "labels", partition_of, n=1, first=950, prefix="odd-")
    assert check.mismatch() is None


def test_with_one_partition_every_key_is_right() -> None:
    check = checked(1)
    fill(check, "predictions", partition_of)
    fill(check, "labels", crc32_partition, prefix="customer-")
    assert check.mismatch() is None


def test_no_more_is_kept_than_the_sample() -> None:
    check = checked()
    fill(check, "predictions", partition_of, n=SAMPLE - 1)
    assert check.wants("predictions")
    fill(check, "predictions", partition_of, n=500, first=SAMPLE)
    assert not check.wants("predictions")
    assert check.wants("labels")


def test_a_partitioner_that_is_not_known_proves_nothing() -> None:
    check = checked()
    fill(check, "predictions", fnv, n=ENOUGH - 1)
    assert check.unproven() is None
    fill(check, "predictions", fnv, n=1, first=ENOUGH)
    assert check.mismatch() is None, "labels may be partitioned in the same way"
    reason = check.unproven()
    assert reason is not None
    assert "the partitions of `scores` follow neither murmur2 nor CRC-32" in reason.reason


def test_records_without_keys_prove_nothing() -> None:
    check = checked()
    fill(check, "predictions", partition_of, n=ENOUGH)
    for _ in range(ENOUGH):
        check.add_keyless("predictions")
    assert check.unproven() is None, "as many have keys"
    check.add_keyless("predictions")
    reason = check.unproven()
    assert reason is not None
    assert reason.reason == "21 of the first 41 records of `scores` have no key"
    single = checked(1)
    for _ in range(100):
        single.add_keyless("labels")
    assert single.unproven() is None, "with one partition every record is where it must be"
