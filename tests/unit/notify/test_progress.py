from __future__ import annotations

import random

import pytest

from driftline.notify.progress import MAX_HELD, MAX_METADATA_BYTES, Progress


def test_what_is_done_behind_a_record_that_waits_is_remembered() -> None:
    progress = Progress(100, 0)
    for offset in (100, 101, 105, 107):
        progress.read(offset)
    for offset in (101, 107):
        progress.done(offset)
    offset, metadata = progress.commit()
    assert offset == 100
    again = Progress.restored(offset, metadata)
    assert (again.position, again.n_held) == (108, 2)
    assert [again.is_done(each) for each in (99, 100, 101, 105, 107, 108)] == [True, False, True, False, True, False]


def test_when_nothing_waits_the_position_is_committed() -> None:
    progress = Progress(0, 50)
    progress.read(7)
    progress.done(7)
    progress.skip_to(60)
    offset, metadata = progress.commit()
    again = Progress.restored(offset, metadata)
    assert (offset, again.position, again.born, again.n_held) == (60, 60, 50, 0)


def test_a_record_that_compaction_has_deleted_holds_nothing_up() -> None:
    again = Progress.restored(*_waiting(3, 5))
    again.read(5)
    again.forget_lost()
    assert again.commit()[0] == 5
    again.done(5)
    assert again.commit()[0] == 6


@pytest.mark.parametrize("metadata", [None, "", "v1:5", "{}", '{"v":2,"to":9,"born":0}', '{"v":1,"to":1,"born":0}'])
def test_metadata_of_somebody_else_stand_for_a_plain_offset(metadata: str | None) -> None:
    progress = Progress.restored(7, metadata)
    assert (progress.position, progress.born, progress.is_done(6), progress.is_done(7)) == (7, 0, True, False)


def test_metadata_fit_into_what_brokers_take_and_what_does_not_fit_counts_as_not_read() -> None:
    offsets = sorted(random.Random(1).sample(range(10**12), 3 * MAX_HELD))
    progress = Progress(0, 0)
    for offset in offsets:
        progress.read(offset)
    committed, metadata = progress.commit()
    assert len(metadata) <= MAX_METADATA_BYTES
    again = Progress.restored(committed, metadata)
    assert not any(again.is_done(offset) for offset in offsets)
    assert again.n_held > 100


def test_all_that_a_sink_may_hold_back_fits_even_if_millions_of_records_lie_between() -> None:
    progress = Progress(0, 0)
    for offset in range(0, MAX_HELD * 10_000_000, 10_000_000):
        progress.read(offset)
    assert Progress.restored(*progress.commit()).n_held == MAX_HELD


def _waiting(*offsets: int) -> tuple[int, str]:
    progress = Progress(0, 0)
    for offset in offsets:
        progress.read(offset)
    return progress.commit()
