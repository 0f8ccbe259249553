"""When a policy asks for retraining, and what it waits for otherwise."""

from __future__ import annotations

from msgspec import structs

from driftline.config.durations import Duration
from driftline.config.retraining_settings import RetrainingSettings
from driftline.monitoring.retraining.alert_steps import AlertStep, AlertSteps, step_of
from driftline.monitoring.retraining.policy import asks, decide
from tests.support.alert_runs import DAY, HOUR, AlertRun, Seen, dropped, finding

POLICY = RetrainingSettings(enabled=True, after=Duration(DAY), min_labels=1_000, cooldown=Duration(7 * DAY))
DRIFT = AlertStep(
    time_ms=10 * HOUR,
    alert_id="a",
    incident="a",
    root="feature shift",
    kind="data drift",
    causes=("data drift",),
    severity="critical",
    opened_ms=10 * HOUR,
    from_ms=9 * HOUR,
    to_ms=10 * HOUR,
    is_open=True,
    title="income: mean 1 → 2",
    columns=(),
)
FALL = structs.replace(
    DRIFT, alert_id="b", opened_ms=12 * HOUR, causes=("performance",), root="performance", kind="performance"
)
OTHER = structs.replace(DRIFT, alert_id="c", incident="c", opened_ms=30 * HOUR, from_ms=29 * HOUR, to_ms=30 * HOUR)
PLENTY = 5_000


def said(
    at_ms: int, *alerts: AlertStep, n: int = PLENTY, requested: dict[str, int] | None = None
) -> tuple[object, ...]:
    decision = decide(POLICY, at_ms, alerts, lambda _since: n, requested or {})
    incident = None if decision.incident is None else decision.incident.incident
    return decision.waiting_for, incident, decision.until_ms


def test_it_waits_for_an_alert_for_time_for_labels_and_then_asks() -> None:
    assert said(40 * HOUR) == ("alert", None, None)
    assert said(11 * HOUR, DRIFT) == ("time", "a", 34 * HOUR)
    assert said(34 * HOUR - 1, DRIFT) == ("time", "a", 34 * HOUR)
    assert said(34 * HOUR, DRIFT, n=999) == ("labels", "a", None)
    assert said(34 * HOUR, DRIFT, n=1_000) == (None, "a", None)


def test_an_incident_asks_once_and_others_not_during_the_cooldown() -> None:
    asked = {"a": 34 * HOUR}
    assert said(40 * HOUR, DRIFT, requested=asked) == ("incident over", "a", None)
    assert said(60 * HOUR, DRIFT, OTHER, requested=asked) == ("cooldown", "c", 34 * HOUR + 7 * DAY)
    assert said(34 * HOUR + 7 * DAY, DRIFT, OTHER, requested=asked) == (None, "c", None)


def test_an_alert_that_has_asked_asks_no_more_where_an_explanation_is_found_later() -> None:
    alone = structs.replace(FALL, incident="b")
    assert said(60 * HOUR, alone) == (None, "b", None)
    assert said(60 * DAY, DRIFT, FALL, requested={"b": 60 * HOUR}) == ("incident over", "a", None)


def test_alerts_of_one_incident_count_from_the_first_and_labels_from_its_onset() -> None:
    asked_since: list[int] = []

    def labels_since(time_ms: int) -> int:
        asked_since.append(time_ms)
        return PLENTY

    decision = decide(POLICY, 34 * HOUR, [FALL, DRIFT], labels_since, {})
    assert decision.incident is not None
    assert [step.alert_id for step in decision.incident.alerts] == ["a", "b"]
    assert asked_since == [10 * HOUR]


def test_which_alerts_ask_is_configured() -> None:
    warning, missing = structs.replace(DRIFT, severity="warning"), structs.replace(DRIFT, causes=("data quality",))
    assert asks(POLICY, DRIFT)
    assert not asks(POLICY, warning)
    assert not asks(POLICY, missing)
    assert asks(structs.replace(POLICY, severity="warning"), warning)
    assert not asks(structs.replace(POLICY, kinds=("concept drift",)), DRIFT)
    assert not asks(structs.replace(POLICY, roots=("new category",)), DRIFT)
    assert asks(structs.replace(POLICY, roots=("feature shift",), kinds=("data drift",)), DRIFT)


def test_alerts_are_seen_as_they_were_at_a_moment() -> None:
    run, steps = AlertRun(), AlertSteps()
    records = [
        alert
        for hour in range(1, 6)
        for alert in run.predict(Seen(hour * HOUR, (finding(hour * HOUR),) if hour <= 2 else ()))
    ]
    steps.note(records)
    assert [alert.state for alert in records] == ["open", "open", "resolved"]
    (alert_id,) = {alert.alert_id for alert in records}
    assert steps.open_at(HOUR - 1) == []
    assert [step.alert_id for step in steps.open_at(HOUR)] == [alert_id]
    assert [column.name for step in steps.open_at(HOUR) for column in step.columns] == ["income"]
    assert steps.open_at(4 * HOUR) == []
    steps.expire(2 * HOUR)
    assert [step.alert_id for step in steps.open_at(2 * HOUR)] == [alert_id]
    steps.expire(4 * HOUR)
    assert len(steps) == 0


def test_a_step_that_says_nothing_new_is_not_kept() -> None:
    run, steps = AlertRun(), AlertSteps()
    for hour in range(1, 50):
        steps.note(run.predict(Seen(hour * HOUR, (finding(hour * HOUR, multiple=2.0 + hour / 1_000),))))
    assert len(steps) == 1
    steps.note(run.predict(Seen(50 * HOUR, (finding(50 * HOUR), finding(50 * HOUR, column="age")))))
    assert len(steps) == 2


def test_an_alert_on_performance_is_of_the_incident_that_explains_it() -> None:
    run = AlertRun()
    (data,) = run.predict(Seen(HOUR, (finding(HOUR),)))
    (fall,) = run.join(dropped(HOUR, 9.0))
    assert step_of(fall).incident == step_of(data).alert_id
