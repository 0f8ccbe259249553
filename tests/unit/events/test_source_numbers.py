"""The numbers of the partitions of several topics: the same for everybody who reads the log, and for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.events.source import Source
from driftline.events.source_numbers import Place, PlaceNames, SourceNumbers, TopicPart, in_order

if TYPE_CHECKING:
    from driftline.events.source import Kind


def claim(topic: str, n: int, first: int = 0, kind: Kind = "predictions") -> TopicPart:
    return TopicPart(kind, topic, first, n)


CLAIMS = st.lists(
    st.builds(claim, st.sampled_from("abc"), st.integers(1, 4), st.just(0), st.sampled_from(["predictions", "labels"])),
    max_size=12,
)


def test_topics_are_numbered_one_behind_the_other_each_kind_for_itself() -> None:
    parts = in_order([claim("b", 2), claim("x", 1, kind="labels"), claim("a", 3)])
    read: dict[str, Kind] = {"b": "predictions", "a": "predictions", "x": "labels"}
    numbers = SourceNumbers(read, {"b": 2, "a": 3, "x": 1}, parts)
    assert numbers.n_partitions == {"predictions": 5, "labels": 1}
    assert [numbers.source("b", 1), numbers.source("a", 0), numbers.source("x", 0)] == [
        Source("predictions", 1),
        Source("predictions", 2),
        Source("labels", 0),
    ]
    assert numbers.place(Source("predictions", 4)) == Place("a", 2)
    assert numbers.absent == ()
    assert {str(place) for place in numbers.every()} == {"b-0", "b-1", "a-0", "a-1", "a-2", "x-0"}


def test_topics_that_are_alone_keep_the_numbers_of_their_partitions() -> None:
    numbers = SourceNumbers({"a": "predictions", "x": "labels"}, {"a": 3, "x": 2})
    assert numbers.n_partitions == {"predictions": 3, "labels": 2}
    assert numbers.source("a", 7) == Source("predictions", 7), "also of partitions that came later"
    assert numbers.place(Source("labels", 1)) == Place("x", 1)
    assert PlaceNames(numbers.parts).name("labels", 1) == "1"


def test_partitions_that_come_later_stand_behind_all_others() -> None:
    parts = in_order([claim("a", 2), claim("b", 1), claim("a", 3)])
    numbers = SourceNumbers({"a": "predictions", "b": "predictions"}, {"a": 3, "b": 1}, parts)
    assert [numbers.source("a", 1), numbers.source("b", 0), numbers.source("a", 2)] == [
        Source("predictions", number) for number in (1, 2, 3)
    ]
    with pytest.raises(KeyError):
        numbers.source("a", 3)


def test_what_is_read_no_more_keeps_its_numbers_and_is_absent() -> None:
    parts = in_order([claim("a", 2), claim("gone", 1), claim("b", 2)])
    numbers = SourceNumbers({"a": "predictions", "b": "predictions"}, {"a": 1, "b": 2}, parts)
    assert numbers.absent == (Source("predictions", 1), Source("predictions", 2)), "a partition of `a`, and `gone`"
    assert numbers.source("b", 0) == Source("predictions", 3)
    assert numbers.n_partitions == {"predictions": 5}
    assert [str(place) for place in numbers.every()] == ["a-0", "b-0", "b-1"]


def test_labels_in_the_topics_of_predictions_have_their_numbers_and_names() -> None:
    parts = in_order([claim("a", 1), claim("b", 1)])
    numbers = SourceNumbers({"a": "predictions", "b": "predictions"}, {"a": 1, "b": 1}, parts)
    names = PlaceNames(numbers.told(shares_topic=True))
    assert (names.name("predictions", 1), names.name("labels", 1)) == ("b-0", "b-0")
    assert numbers.told(shares_topic=False) == parts


@given(CLAIMS, CLAIMS)
def test_later_claims_change_no_number(before: list[TopicPart], more: list[TopicPart]) -> None:
    parts, later = in_order(before), in_order([*before, *more])
    assert later[: len(parts)] == parts
    named = PlaceNames(parts)
    named.extend(later)
    named.extend(parts)
    assert [*named.parts] == [*later], "an older state takes nothing back"
    for kind in ("predictions", "labels"):
        numbers = PlaceNames(later).numbers(kind)
        assert sorted(numbers.values()) == [*range(len(numbers))]
        assert all(named.place(kind, number) == place for place, number in numbers.items())


@given(CLAIMS)
def test_claims_that_are_made_again_count_once(claims: list[TopicPart]) -> None:
    assert in_order([*claims, *claims]) == in_order(claims)
