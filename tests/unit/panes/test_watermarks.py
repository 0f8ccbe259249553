from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.events.source import Source, Watermark
from driftline.panes.watermarks import Watermarks

if TYPE_CHECKING:
    from driftline.events.source import Kind


def mark(
    partition: int, time_ms: int | None, n: int = 2, *, idle: bool = False, kind: Kind = "predictions"
) -> Watermark:
    return Watermark(Source(kind, partition), n, time_ms, idle=idle)


def test_nothing_closes_before_every_partition_was_heard_of() -> None:
    marks = Watermarks(with_labels=True)
    marks.update([mark(0, 500)])
    assert marks.predictions is None
    marks.update([mark(1, None)])
    assert marks.predictions is None
    marks.update([mark(1, 300)])
    assert marks.predictions == 300


def test_the_slowest_partition_decides() -> None:
    marks = Watermarks(with_labels=False)
    marks.update([mark(0, 900), mark(1, 200)])
    marks.update([mark(0, 5_000)])
    assert marks.predictions == 200


def test_an_idle_partition_holds_nothing_back_and_its_return_turns_nothing_back() -> None:
    marks = Watermarks(with_labels=False)
    marks.update([mark(0, 900), mark(1, 200, idle=True)])
    assert (marks.predictions, marks.certain_predictions) == (900, 200)
    marks.update([mark(1, 250)])
    assert (marks.predictions, marks.certain_predictions) == (900, 250)
    marks.update([mark(0, 1_500)])
    assert marks.predictions == 900
    marks.update([mark(1, 1_200)])
    assert (marks.predictions, marks.certain_predictions) == (1_200, 1_200)


def test_where_all_are_idle_the_watermark_stays() -> None:
    marks = Watermarks(with_labels=False)
    marks.update([mark(0, 100), mark(1, 200)])
    marks.update([mark(0, 900, idle=True), mark(1, 800, idle=True)])
    assert marks.predictions == 100


def test_a_partition_never_goes_back() -> None:
    marks = Watermarks(with_labels=False)
    marks.update([mark(0, 900, n=1)])
    marks.update([mark(0, 100, n=1)])
    marks.update([mark(0, None, n=1)])
    assert marks.predictions == 900


def test_partitions_added_to_the_topic_must_be_heard_of_too() -> None:
    marks = Watermarks(with_labels=False)
    marks.update([mark(0, 900, n=1)])
    marks.update([mark(0, 1_000, n=2)])
    assert marks.predictions == 900
    assert marks.certain_predictions is None


@pytest.mark.parametrize(("predictions", "labels", "joins"), [(500, 300, 300), (200, 300, 200), (500, None, None)])
def test_joins_close_by_the_lesser_watermark(predictions: int, labels: int | None, joins: int | None) -> None:
    marks = Watermarks(with_labels=True)
    marks.update([mark(0, predictions, n=1), mark(0, labels, n=1, kind="labels")])
    assert (marks.predictions, marks.labels, marks.joins, marks.certain_joins) == (predictions, labels, joins, joins)


def test_without_a_labels_topic_there_are_no_joins() -> None:
    marks = Watermarks(with_labels=False)
    marks.update([mark(0, 500, n=1), mark(0, 300, n=1, kind="labels")])
    assert marks.joins is None


def test_two_monitors_share_no_state() -> None:
    Watermarks(with_labels=True).update([mark(0, 500, n=1)])
    assert Watermarks(with_labels=True).predictions is None


def test_partitions_of_a_topic_that_is_read_no_more_count_no_longer_until_it_comes_back() -> None:
    marks = Watermarks(with_labels=False)
    marks.update([mark(0, 900), mark(1, 200)])
    gone = Watermark(Source("predictions", 1), 2, None, idle=True, gone=True)
    marks.update([gone])
    assert (marks.predictions, marks.certain_predictions) == (900, 900), "no flag of what was closed without them"
    marks.update([mark(0, 1_500), mark(1, 1_000)])
    assert (marks.predictions, marks.certain_predictions) == (1_000, 1_000)


def test_where_all_others_are_gone_the_labels_are_idle_with_the_last() -> None:
    marks = Watermarks(with_labels=True)
    gone = Watermark(Source("labels", 1), 2, None, idle=True, gone=True)
    marks.update([mark(0, 900, kind="labels"), gone])
    assert not marks.labels_idle
    marks.update([mark(0, 900, kind="labels", idle=True)])
    assert marks.labels_idle
