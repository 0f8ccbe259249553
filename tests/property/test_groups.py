"""Whichever of a fleet's incidents is read first, the groups are the same once all are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from driftline.alerts.groups import Incident, common, groups_of, linked
from driftline.alerts.onsets import Interval
from driftline.notify.alert import read_alert
from driftline.notify.pages import Pages
from tests.support.alerts import alert_value
from tests.support.fleets import HOUR, fleet_alert, incident

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOTS = (("missing values", "data quality"), ("feature shift", "data drift"), ("performance", "concept drift"))


@st.composite
def incidents(draw: st.DrawFn) -> list[Incident]:
    found = []
    for number in range(draw(st.integers(0, 14))):
        columns = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=3))
        begin, hours = draw(st.integers(0, 6)), draw(st.sampled_from([1, 1, 1, 6]))
        root, kind = draw(st.sampled_from(ROOTS))
        made = incident(
            number,
            model=f"model-{draw(st.integers(0, 9))}",
            lead=columns[0] if columns else None,
            columns=frozenset(columns),
            onset=Interval(begin * HOUR, (begin + hours) * HOUR),
            root=root,
            kind=kind,
        )
        found.append(made)
    return found


def shown(found: Sequence[Incident]) -> list[tuple[str, list[str]]]:
    return [(group.group_id, [each.alert_id for each in group.members]) for group in groups_of(found)]


@given(fleet=incidents(), data=st.data())
def test_the_order_of_arrival_does_not_change_the_groups(fleet: list[Incident], data: st.DataObject) -> None:
    assert shown(data.draw(st.permutations(fleet))) == shown(fleet)


@given(fleet=incidents())
def test_each_incident_is_in_one_group_whose_members_are_linked_and_may_have_begun_together(
    fleet: list[Incident],
) -> None:
    groups = groups_of(fleet)
    assert sorted(each.alert_id for group in groups for each in group.members) == [each.alert_id for each in fleet]
    for group in groups:
        assert common(each.onset for each in group.members) is not None
        for each in group.members:
            assert len(group.members) == 1 or any(linked(each, other) for other in group.members)


def closed(fleet: Sequence[Incident]) -> set[frozenset[str]]:
    """Return what is linked, directly or through others, by comparing each with each until nothing changes."""
    parts = [{each.alert_id: each} for each in fleet]
    for one in fleet:
        for other in fleet:
            if linked(one, other):
                touched = [part for part in parts if one.alert_id in part or other.alert_id in part]
                parts = [part for part in parts if part not in touched]
                parts.append({alert_id: each for part in touched for alert_id, each in part.items()})
    return {frozenset(part) for part in parts}


@given(fleet=incidents())
def test_what_one_moment_explains_is_together_exactly_where_a_comparison_of_all_pairs_links_it(
    fleet: list[Incident],
) -> None:
    at_once = [structs.replace(each, onset=Interval(0, HOUR)) for each in fleet]
    assert {frozenset(ids) for _, ids in shown(at_once)} == closed(at_once)


@given(data=st.data(), n_missing=st.integers(1, 6), n_drifting=st.integers(1, 6))
def test_pages_are_those_groups_whatever_the_order_in_which_the_notifier_reads_them(
    data: st.DataObject, n_missing: int, n_drifting: int
) -> None:
    missing = [fleet_alert(number) for number in range(n_missing)]
    drifting = [
        fleet_alert(number, column="age", root="feature shift", kind="data drift", cause="data drift")
        for number in range(n_missing, n_missing + n_drifting)
    ]
    pages = Pages()
    for fields in data.draw(st.permutations(missing + drifting)):
        pages.place(read_alert(alert_value(**fields)))
    for together in (missing, drifting):
        found = {id(pages.of(fields["alert_id"])) for fields in together}
        page = pages.of(together[0]["alert_id"])
        assert page is not None
        assert found == {id(page)}
        assert page.members.keys() == {fields["alert_id"] for fields in together}
