"""What of a fleet of models is one problem, and what merely coincides."""

from __future__ import annotations

import pytest

from driftline.alerts.groups import Incident, groups_of, linked
from driftline.alerts.onsets import Interval
from driftline.events.cloudevents import rfc3339
from tests.support.fleets import HOUR, incident


def parts(*incidents: Incident) -> list[list[str]]:
    return [[each.alert_id for each in group.members] for group in groups_of(incidents)]


def test_one_feature_that_goes_missing_at_twelve_models_is_one_group_named_by_the_earliest() -> None:
    fleet = [incident(number, opened_at=rfc3339(HOUR + (number == 0))) for number in range(12)]
    (group,) = groups_of(fleet)
    assert len(group.members) == 12
    assert group.group_id == "a001"


def test_a_join_that_breaks_twenty_features_is_one_group_whichever_feature_names_it() -> None:
    features = [f"f{number}" for number in range(20)]
    fleet = [incident(number, lead=features[number], columns=frozenset(features)) for number in range(8)]
    assert len(parts(*fleet)) == 1


def test_what_the_two_sides_of_a_day_and_an_hour_find_may_have_begun_together() -> None:
    day = incident(1, onset=Interval(0, 24 * HOUR))
    assert len(parts(day, incident(2, onset=Interval(3 * HOUR, 4 * HOUR)))) == 1
    assert len(parts(day, incident(2, onset=Interval(25 * HOUR, 26 * HOUR)))) == 2


def test_windows_that_follow_each_other_may_have_found_the_same_change() -> None:
    assert linked(incident(1), incident(2, onset=Interval(HOUR, 2 * HOUR)))


@pytest.mark.parametrize(
    "other",
    [
        incident(2, lead="age"),
        incident(2, root="feature shift", kind="data drift"),
        incident(2, onset=Interval(HOUR + 1, 2 * HOUR)),
        incident(2, lead="age", columns=frozenset({"age", "tenure"})),
        incident(2, model="model-1", root="wrong type"),
    ],
    ids=["another column", "another kind", "another time", "other columns", "the same model"],
)
def test_what_merely_coincides_is_no_group(other: Incident) -> None:
    assert not linked(incident(1), other)
    assert not linked(other, incident(1))


def test_a_column_among_the_last_of_two_long_lists_is_no_link() -> None:
    one = incident(1, lead="age", columns=frozenset({"age", "region"}))
    other = incident(2, lead="tenure", columns=frozenset({"tenure", "region"}))
    assert not linked(one, other)
    assert linked(one, incident(2, lead="region"))


def test_models_that_drift_in_different_columns_of_one_topic_at_the_same_time_are_independent() -> None:
    fleet = [incident(number, root="feature shift", kind="data drift", lead=f"x{number}") for number in range(10)]
    assert len(parts(*fleet)) == 10


@pytest.mark.parametrize("root", ["performance", "silence", "volume", "schema change", "prediction shift"])
def test_what_has_no_column_takes_the_same_source_partitions(root: str) -> None:
    one, other = (incident(number, root=root, kind="x", lead=None) for number in (1, 2))
    assert linked(one, other)
    elsewhere = incident(2, root=root, kind="x", lead=None, partitions=frozenset({"predictions-0"}))
    assert not linked(one, elsewhere)
    assert not linked(*(incident(number, root=root, kind="x", lead=None, partitions=frozenset()) for number in (1, 2)))
    assert not linked(one, incident(2, root=root, kind="x", lead=None, onset=Interval(HOUR, 2 * HOUR)))
    assert not linked(one, incident(2, root="repeated ids", kind="x", lead=None))


def test_one_producer_is_a_common_cause_whatever_the_columns_are() -> None:
    of_producer = {"origins": frozenset({"producer-7"})}
    assert linked(incident(1, lead="a", **of_producer), incident(2, lead="b", **of_producer))
    assert not linked(incident(1, lead="a", **of_producer), incident(2, lead="b", origins=frozenset({"producer-8"})))


def test_versions_and_segments_of_a_model_may_be_one_group() -> None:
    fleet = [incident(1), incident(2, model="model-1", model_version="2"), incident(3, model="model-1", segment="DE")]
    assert len(parts(*fleet)) == 1


def test_two_problems_in_one_fleet_at_the_same_time_stay_two() -> None:
    missing = [incident(number) for number in range(5)]
    drift = [incident(number, root="feature shift", kind="data drift", lead="age") for number in range(5, 9)]
    assert parts(*missing, *drift) == [
        ["a000", "a001", "a002", "a003", "a004"],
        ["a005", "a006", "a007", "a008"],
    ]


def test_a_chain_through_time_is_cut_where_nothing_is_common_to_all() -> None:
    day = incident(0, onset=Interval(0, 24 * HOUR))
    early, late = (incident(n, onset=Interval(n * HOUR, (n + 1) * HOUR)) for n in (3, 20))
    assert parts(late, day, early) == [["a000", "a003"], ["a020"]]


def test_a_member_between_two_others_joins_them() -> None:
    one = incident(1, lead="age", columns=frozenset({"age"}))
    other = incident(2, lead="tenure", columns=frozenset({"tenure"}))
    both = incident(3, lead="age", columns=frozenset({"age", "tenure"}))
    assert len(parts(one, other)) == 2
    assert len(parts(one, other, both)) == 1


def test_an_incident_that_is_given_twice_counts_once() -> None:
    assert parts(incident(1), incident(1)) == [["a001"]]
    assert groups_of([]) == []
