"""What of the fleet's set depends on the alerts: which are one incident, which months there are, and whose budgets."""

from __future__ import annotations

import itertools

import pytest

from driftline.alerts.fleet import MAX_BEYOND, AlertStanding, Fleet
from driftline.config.durations import Duration
from driftline.config.model import AlertSettings, Budget, ModelSettings
from driftline.config.settings import FleetSettings, Settings

TEN = Settings(fleet=FleetSettings(models=10))
MARCH = "2026-03"
ONE_NEEDS = 10 * 31 / 30 / 0.1


def standing(
    alert_id: str,
    e_value: float | None = None,
    incident: str = "",
    *,
    month: str = MARCH,
    model: str = "m",
    is_comparable: bool = True,
) -> AlertStanding:
    e_values = () if e_value is None else ((month, e_value),)
    return AlertStanding(alert_id, incident or alert_id, (model, "1"), e_values, is_comparable)


@pytest.mark.parametrize("order", [*itertools.permutations(range(5))])
def test_what_follows_from_what_follows_is_one_incident_in_whatever_order_it_is_read(order: tuple[int, ...]) -> None:
    alerts = [
        standing("drift", 40.0),
        standing("accuracy", 30.0, "drift"),
        standing("of a segment", 20.0, "accuracy"),
        standing("another", 15.0),
        standing("no evidence", None, "another", is_comparable=False),
    ]
    fleet = Fleet(TEN)
    for place in (*order, *order):
        fleet.note(alerts[place])
    assert {fleet.incident_of(name) for name in ("drift", "accuracy", "of a segment")} == {"drift"}
    assert fleet.e_values("of a segment") == {MARCH: 90.0}
    assert fleet.standing(MARCH).n_incidents == 2
    assert [fleet.is_beyond(name) for name in ("drift", "accuracy", "another")] == [False, False, True]


def test_an_explanation_that_is_found_later_takes_the_evidence_with_it() -> None:
    fleet = Fleet(TEN)
    for alert in (standing("drift", 60.0), standing("accuracy", 50.0), standing("of a segment", 1.0, "accuracy")):
        fleet.note(alert)
    assert not fleet.is_selected("drift")
    fleet.note(standing("accuracy", 50.0, "drift"))
    assert fleet.e_values("drift") == fleet.e_values("of a segment") == {MARCH: 111.0}
    assert fleet.is_selected("accuracy")
    fleet.note(standing("accuracy", 55.0, "drift"))
    assert fleet.e_values("drift") == {MARCH: 116.0}


def test_alerts_that_name_each_other_are_one_incident() -> None:
    fleet = Fleet(TEN)
    fleet.note(standing("a", 1.0, "b"))
    fleet.note(standing("b", 2.0, "a"))
    assert fleet.e_values("a") == fleet.e_values("b") == {MARCH: 3.0}


def test_only_the_latest_months_are_compared_and_an_old_set_is_kept_as_long() -> None:
    fleet = Fleet(TEN)
    for number, month in enumerate(("2026-01", "2026-02", MARCH, "2026-04")):
        assert fleet.is_selected("a0") is (number in {1, 2, 3})
        fleet.note(standing(f"a{number}", ONE_NEEDS, month=month))
        fleet.note(standing(f"p{number}", 1.0, f"a{number}", month=month))
    assert fleet.months == ["2026-02", MARCH, "2026-04"]
    assert not fleet.is_selected("a0")
    assert [fleet.incident_of(name) for name in ("p0", "p1", "p3")] == ["p0", "a1", "a3"]


def test_each_month_has_as_many_false_alarms_as_it_has_days() -> None:
    fleet = Fleet(TEN)
    fleet.note(standing("a", 1.0, month="2028-02"))
    assert fleet.standing("2028-02").expected == pytest.approx(10 * 29 / 30)
    assert fleet.standing("2028-12").expected == pytest.approx(10 * 31 / 30)


def test_models_that_are_seen_count_with_their_own_budgets_and_the_others_with_the_usual_one() -> None:
    generous = ModelSettings(alerts=AlertSettings(false_alarm_budget=Budget(3.0, Duration(31 * 86_400_000))))
    settings = Settings(fleet=FleetSettings(models=4), models={"generous": generous})
    fleet = Fleet(settings, {("ignored", str(version)) for version in range(9)})
    fleet.note(standing("a", 1.0, model="generous"))
    fleet.note(standing("b", 1.0, model="generous"))
    of = fleet.standing(MARCH)
    assert of.n_models == 4
    assert of.expected == pytest.approx(3 + 3 * 31 / 30)
    for number in range(5):
        fleet.note(standing(f"c{number}", 1.0, model=f"m{number}"))
    assert fleet.standing(MARCH).n_models == 6, "more than were said"


def test_what_is_remembered_of_incidents_beyond_the_bound_is_bounded() -> None:
    fleet = Fleet(TEN)
    for number in range(MAX_BEYOND + 1):
        fleet.note(standing(str(number), is_comparable=False))
    assert [fleet.is_beyond(name) for name in ("0", "1", str(MAX_BEYOND))] == [False, True, True]
