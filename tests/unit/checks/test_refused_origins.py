"""Where refused records come from."""

from __future__ import annotations

from driftline.checks.intake.refused_origins import OriginTallies, add_records, origins_of_refused
from driftline.events.source_numbers import PlaceNames, TopicPart
from driftline.panes.intake_record import OriginRecords
from driftline.sketches.origin_table import MAX_VALUES

NAMES = PlaceNames([TopicPart("predictions", "scores-eu", 0, 2), TopicPart("predictions", "scores-us", 0, 2)])
START_MS = 1_772_366_400_000


def test_a_partition_is_named_with_its_topic_where_there_are_several() -> None:
    tallies: OriginTallies = {}
    for number in range(4):
        refused = OriginRecords(200, 150, 17) if number == 3 else OriginRecords(200)
        add_records(tallies, number, {"partition": {str(number): refused}})
    found = origins_of_refused(tallies, (800, 150), "predictions", START_MS, NAMES)
    assert found is not None
    assert [(each.value, each.share_of_change, each.first_offsets) for each in found] == [
        ("scores-us-1", 1.0, {"scores-us-1": 17})
    ]


def test_the_first_offset_of_each_partition_is_kept_whatever_the_order_of_flushes() -> None:
    parts = [(0, OriginRecords(100, 60, 40)), (0, OriginRecords(100, 60, 12)), (1, OriginRecords(100, 60, 7))]
    for order in (parts, parts[::-1]):
        tallies: OriginTallies = {}
        for number, records in order:
            add_records(tallies, number, {"header p": {"a": records, "b": OriginRecords(100)}})
        found = origins_of_refused(tallies, (600, 180), "predictions", START_MS, PlaceNames())
        assert found is not None
        assert [(each.value, each.first_offsets) for each in found] == [("a", {"0": 12, "1": 7})]


def test_refusals_everywhere_name_nothing_and_one_origin_alone_is_not_compared() -> None:
    tallies: OriginTallies = {}
    add_records(tallies, 0, {"header p": {"a": OriginRecords(100, 50, 1), "b": OriginRecords(100, 52, 2)}})
    assert origins_of_refused(tallies, (200, 102), "predictions", START_MS, PlaceNames()) == []
    alone: OriginTallies = {}
    add_records(alone, 0, {"partition": {"0": OriginRecords(100, 50, 1)}})
    assert origins_of_refused(alone, (100, 50), "predictions", START_MS, PlaceNames()) is None


def test_of_many_values_some_are_kept_and_the_rest_is_others() -> None:
    tallies: OriginTallies = {}
    for number in range(100):
        add_records(tallies, 0, {"header trace": {f"t{number}": OriginRecords(10, 5, number)}})
    assert len(tallies["header trace"]) == MAX_VALUES
    assert origins_of_refused(tallies, (1_000, 500), "predictions", START_MS, PlaceNames()) == []
