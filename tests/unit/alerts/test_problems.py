"""Which findings are one alert, what names it, and when it notifies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from driftline.alerts import ModelAlerts, OpeningRule
from driftline.alerts.onsets import Interval
from driftline.events.cloudevents import rfc3339
from driftline.events.explanation import Explained
from driftline.events.finding import LevelEvidence, UnitChange
from tests.support.alert_runs import DAY, HOUR, RULES, AlertRun, Seen, drift, dropped, finding, predicted

if TYPE_CHECKING:
    from driftline.events.alert import AlertEvent
    from driftline.events.finding import FindingEvent


def missing(hour: int, column: str = "income", multiple: float = 2.0) -> FindingEvent:
    return finding(
        hour * HOUR, "quality.missing", "quality", column=column, sides=(0.03, 0.43), multiple=multiple, effect="share"
    )


def scores(hour: int, multiple: float = 2.0) -> FindingEvent:
    return finding(hour * HOUR, column="score", role="score", multiple=multiple)


def volume(hour: int, multiple: float = 2.0) -> FindingEvent:
    return finding(hour * HOUR, "quality.volume", "quality", column=None, sides=(120.0, 40.0), multiple=multiple)


def told(records: list[AlertEvent]) -> list[tuple[int, str, str]]:
    """Return hour, reason and root of each notification."""
    return [(hour_of(each), each.notified_for, each.root) for each in records if each.notify]


def hour_of(alert: AlertEvent) -> int:
    return (int(alert.updated_at[8:10]) - 1) * 24 + int(alert.updated_at[11:13])


def test_causes_that_begin_together_are_one_alert_named_by_what_explains_the_rest() -> None:
    (alert,) = AlertRun().predict(Seen(HOUR, (drift(1, "age", 9.0), missing(1), scores(1))))
    assert (alert.root, alert.kind, alert.cause) == ("missing values", "data quality", "data quality")
    assert alert.causes == ["data quality", "data drift", "prediction drift"]
    assert alert.title == "income: missing 3 % → 43 % and 1 more column"
    assert [each.column for each in alert.findings] == ["income", "age", "score"]
    assert (alert.severity, alert.n_findings, alert.incident) == ("critical", 3, alert.alert_id)


def test_a_change_late_in_a_window_and_what_the_next_one_shows_of_it_are_one_alert() -> None:
    records = predicted(AlertRun(), {1: [scores(1)], 2: [scores(2), drift(2)]})
    assert [(each.revision, each.root, each.cause, each.notify) for each in records] == [
        (1, "prediction shift", "prediction drift", True),
        (2, "feature shift", "data drift", False),
    ]
    assert len({each.alert_id for each in records}) == 1, "the name changes, the id stays"
    assert records[1].since == records[0].since == rfc3339(0)


def test_what_follows_from_an_open_problem_is_an_update() -> None:
    records = predicted(AlertRun(), {**{hour: [drift(hour)] for hour in range(1, 9)}, 6: [drift(6), scores(6)]})
    assert told(records) == [(1, "opened", "feature shift")]
    assert records[5].causes == ["data drift", "prediction drift"]


def test_what_follows_notifies_where_it_is_more_severe_or_far_greater() -> None:
    mild = {hour: [drift(hour)] for hour in range(1, 9)}
    severe = predicted(AlertRun(), {**mild, 6: [drift(6), scores(6, 3.0)]})
    assert told(severe) == [(1, "opened", "feature shift"), (6, "more severe", "feature shift")]
    grave = {hour: [drift(hour, multiple=3.0)] for hour in range(1, 9)}
    assert told(predicted(AlertRun(), {**grave, 6: [drift(6, multiple=3.0), scores(6, 7.0)]})) == [
        (1, "opened", "feature shift")
    ]
    greater = predicted(AlertRun(), {**grave, 6: [drift(6, multiple=3.0), scores(6, 8.0)]})
    assert [each[:2] for each in told(greater)] == [(1, "opened"), (6, "far greater effect")]


def test_what_begins_later_and_does_not_follow_is_a_problem_of_its_own() -> None:
    run = AlertRun()
    season = {hour: [drift(hour)] for hour in range(1, 9)}
    records = predicted(run, {**season, 5: [drift(5), missing(5, "age")], 7: [drift(7), volume(7)]})
    assert told(records) == [(1, "opened", "feature shift"), (5, "opened", "missing values")]
    of_age = [each for each in records if each.root == "missing values"]
    assert [each.causes for each in of_age] == [["data quality"], ["data quality"]], "the second is of the same cause"
    fewer = predicted(AlertRun(), {**season, 7: [drift(7), volume(7)]})
    assert told(fewer) == [(1, "opened", "feature shift"), (7, "opened", "volume")]


def test_drift_of_the_column_that_a_problem_is_about_follows_from_it() -> None:
    gone = {hour: [missing(hour)] for hour in range(1, 9)}
    assert told(predicted(AlertRun(), {**gone, 5: [missing(5), drift(5, "income")]})) == [
        (1, "opened", "missing values")
    ]
    other = predicted(AlertRun(), {**gone, 5: [missing(5), drift(5, "age")]})
    assert told(other) == [(1, "opened", "missing values"), (5, "opened", "feature shift")]


def test_a_coarser_window_that_joins_later_names_no_earlier_onset() -> None:
    run = AlertRun()
    records = predicted(run, {14: [drift(14)]}, until=24)
    records += run.predict(Seen(DAY, (finding(DAY, size_ms=DAY),), DAY))
    assert [each.state for each in records] == ["open", "resolved", "open"]
    assert {(each.since, each.onset.from_, each.onset.to) for each in records} == {
        (rfc3339(13 * HOUR), rfc3339(13 * HOUR), rfc3339(14 * HOUR))
    }


def test_a_finer_window_within_the_onset_refines_it() -> None:
    run = AlertRun()
    (of_day,) = run.predict(Seen(DAY, (finding(DAY, size_ms=DAY),), DAY))
    (of_hour,) = run.predict(Seen(DAY, (drift(24, "age"),)))
    assert (of_day.onset.from_, of_day.onset.to) == (rfc3339(0), rfc3339(DAY))
    assert (of_hour.onset.from_, of_hour.onset.to) == (rfc3339(23 * HOUR), rfc3339(DAY))


def test_a_coarse_window_that_still_holds_the_old_change_opens_the_alert_again_and_notifies_nobody() -> None:
    run = AlertRun()
    first = predicted(run, {14: [drift(14)]}, until=24)
    (again,) = run.predict(Seen(DAY, (finding(DAY, size_ms=DAY),), DAY))
    assert (first[-1].state, again.state, again.revision, again.notify) == ("resolved", "open", 3, False)
    assert (again.alert_id, again.resolved_at, again.opened_at) == (first[0].alert_id, None, first[0].opened_at)
    assert run.predictions.resolved == ()


def test_what_comes_back_right_after_its_resolution_notifies_that_it_is_back() -> None:
    records = predicted(AlertRun(), {1: [drift(1)], 4: [drift(4, multiple=3.0)]}, until=6)
    assert [(each.state, each.notify, each.notified_for) for each in records] == [
        ("open", True, "opened"),
        ("resolved", False, "opened"),
        ("open", True, "reopened"),
        ("resolved", False, "reopened"),
    ]
    assert len({each.alert_id for each in records}) == 1
    later = predicted(AlertRun(), {1: [drift(1)], 30: [drift(30)]}, until=32)
    assert len({each.alert_id for each in later}) == 2
    other = predicted(AlertRun(), {1: [drift(1)], 5: [drift(5, "age")]}, until=7)
    assert len({each.alert_id for each in other}) == 2


def test_a_change_at_the_border_that_shows_in_some_hours_is_one_alert_that_notifies_once() -> None:
    hours = (1, 4, 9, 15, 22, 40)
    records = predicted(AlertRun(), {hour: [drift(hour, multiple=1.2)] for hour in hours}, until=60)
    assert len({each.alert_id for each in records}) == 1
    assert [each.notified_for for each in records if each.notify] == ["opened"]
    assert records[-1].state == "resolved"


def test_what_comes_again_in_windows_of_a_day_is_a_problem_of_its_own() -> None:
    run = AlertRun()
    days = [1, 5]
    records = [
        record
        for day in range(1, 9)
        for record in run.predict(Seen(day * DAY, (drift(24 * day),) if day in days else (), DAY))
    ]
    opened = [each for each in records if each.notify]
    assert len({each.alert_id for each in opened}) == len(opened) == 2


def test_what_explains_a_fall_of_performance_stands_in_the_sentence() -> None:
    words = "71 % of it is because segment country=DE went from 20 % to 48 % of the labelled traffic"
    explained = Explained(
        metric="accuracy",
        mix=[],
        compared=None,
        mix_missing="no segments",
        change=None,
        data=None,
        concept=None,
        outside=None,
        scores_missing="no scores",
        words=words,
    )
    fallen = dropped(30 * HOUR)
    found = [structs.replace(each, explained=explained) for each in fallen.findings]
    (opened,) = AlertRun().join(fallen._replace(findings=tuple(found)))
    assert f"(91.4 % → 75.7 %). {words}. The change is" in opened.sentence
    (plain,) = AlertRun().join(fallen)
    assert "because" not in plain.sentence


def test_what_grows_slowly_began_where_it_was_half_of_what_matters() -> None:
    left = frozenset({"distribution.pearson/feature/income"})
    for multiple, begin in ((1.2, 4), (3.0, 7)):
        run = AlertRun()
        for hour in range(1, 8):
            run.predict(Seen(hour * HOUR, lingering=left if hour in (2, 5, 6, 7) else frozenset()))
        (opened,) = run.predict(Seen(8 * HOUR, (drift(8, multiple=multiple),), lingering=left))
        assert (opened.onset.from_, opened.onset.to) == (rfc3339(begin * HOUR), rfc3339(8 * HOUR))


def test_what_is_half_of_what_matters_keeps_an_alert_open_and_opens_none() -> None:
    run = AlertRun()
    left = frozenset({"distribution.pearson/feature/income"})
    records = predicted(run, {1: [drift(1)]})
    for hour in range(2, 9):
        records += run.predict(Seen(hour * HOUR, lingering=left))
    assert [each.state for each in records] == ["open"]
    other = frozenset({"distribution.pearson/feature/age"})
    for hour in (9, 10):
        records += run.predict(Seen(hour * HOUR, lingering=other))
    assert [each.state for each in records] == ["open", "resolved"]


def test_a_problem_lasts_until_all_its_signals_are_over() -> None:
    run = AlertRun()
    records = predicted(
        run, {1: [drift(1), missing(1, "age")], 2: [missing(2, "age")], 3: [missing(3, "age")]}, until=6
    )
    assert [each.state for each in records] == ["open", "open", "open", "resolved"]
    assert hour_of(records[-1]) == 5
    assert records[-1].causes == ["data quality", "data drift"], "what was part of it stays part of it"
    assert (run.predictions.open, run.predictions.signals.open) == ({}, {})


def test_the_title_shows_the_numbers_when_they_were_worst() -> None:
    def at(hour: int, share: float) -> FindingEvent:
        worse = missing(hour, multiple=10 * share)
        assert worse.effect is not None
        return structs.replace(worse, effect=structs.replace(worse.effect, current=share))

    records = predicted(AlertRun(), {1: [at(1, 0.3)], 2: [at(2, 0.6)], 3: [at(3, 0.2)]})
    assert [each.title for each in records] == [
        "income: missing 3 % → 30 %",
        "income: missing 3 % → 60 %",
        "income: missing 3 % → 60 %",
    ]


def test_what_is_far_worse_takes_the_name_and_says_since_when() -> None:
    records = predicted(
        AlertRun(), {**{hour: [drift(hour, multiple=3.0)] for hour in range(1, 8)}, 8: [drift(8, "age", 9)]}
    )
    assert told(records) == [(1, "opened", "feature shift"), (8, "far greater effect", "feature shift")]
    assert records[-1].title.startswith("age: ")
    assert records[-1].sentence.startswith("Since between 07:00 and 08:00 on 1970-01-01 (UTC), `age`")
    assert records[-1].since == rfc3339(0)


def test_a_test_that_joins_confirms_what_fixed_thresholds_found() -> None:
    none = LevelEvidence(level=1.0, n_tests=1, derivation="fixed threshold", in_budget=False)
    crossed = {hour: [structs.replace(drift(hour), check="threshold.psi", level=none)] for hour in range(1, 6)}
    records = predicted(AlertRun(), {**crossed, 4: [*crossed[4], scores(4)]})
    assert [(hour, reason) for hour, reason, _ in told(records)] == [(1, "opened"), (4, "confirmed")]
    assert [each.in_budget for each in records] == [False, False, False, True, True]


def test_what_opens_nothing_is_shown_beside_what_does() -> None:
    slight = structs.replace(drift(1, "shoe_size"), severity="info", minor=True)
    learning = structs.replace(drift(1, "height"), severity="info")
    assert AlertRun().predict(Seen(HOUR, (slight,))) == []
    (alert,) = AlertRun().predict(Seen(HOUR, (slight, learning, drift(1))))
    assert [(each.column, each.severity) for each in alert.findings] == [("income", "warning"), ("shoe_size", "info")]
    assert (alert.n_findings, alert.title) == (2, "income: mean 52,000 → 70,200")


def test_with_k_of_n_causes_join_once_they_have_k_findings() -> None:
    run = AlertRun(structs.replace(RULES, opening=OpeningRule(2, 3)))
    records = predicted(run, {1: [drift(1), scores(1)], 2: [drift(2)], 3: [scores(3), drift(3)]})
    assert [(hour_of(each), each.causes) for each in records] == [
        (2, ["data drift"]),
        (3, ["data drift", "prediction drift"]),
    ]
    assert told(records) == [(2, "opened", "feature shift")]
    assert {(each.onset.from_, each.onset.to) for each in records} == {(rfc3339(0), rfc3339(HOUR))}, (
        "of the first finding"
    )


UNIT = UnitChange(100.0, 0.0, "units -> hundredths, as euros to cents", 0.01, 0.99, "shape")


def test_of_many_explanations_the_first_in_the_order_names_the_alert() -> None:
    mix = finding(HOUR, column="channel", multiple=2.0)
    unit = finding(HOUR, column="income", multiple=9.0, unit_change=UNIT)
    unseen = finding(HOUR, "quality.unseen", "quality", column="place", sides=(0.0, 0.1), unseen={"new": 9})
    gone = finding(HOUR, "quality.vanished", "quality", column="age", sides=(0.01, 1.0))
    relation = finding(HOUR, "multivariate.correlation", "multivariate", column=None, sides=(0.8, 0.1))
    remaining = [gone, missing(1, "debt"), unit, unseen, mix, scores(1), volume(1), relation]
    expected = [
        "schema change",
        "missing values",
        "unit change",
        "new category",
        "changed mix",
        "prediction shift",
        "volume",
        "changed relation",
    ]
    for root in expected:
        (alert,) = AlertRun().predict(Seen(HOUR, tuple(reversed(remaining))))
        assert alert.root == root
        remaining.pop(0)


def test_a_slight_mix_does_not_explain_what_moved_far_more() -> None:
    income = drift(1, multiple=9.0)
    (alert,) = AlertRun().predict(Seen(HOUR, (finding(HOUR, column="channel", multiple=1.1), income)))
    assert (alert.root, alert.title) == ("feature shift", "income: mean 52,000 → 70,200 and 1 more column")


def test_what_moved_names_an_alert_rather_than_that_it_left_its_range() -> None:
    beyond = finding(HOUR, "quality.out_of_range", "quality", sides=(0.0, 0.98), multiple=98.0, effect="share_change")
    (alert,) = AlertRun().predict(Seen(HOUR, (beyond, drift(1, multiple=9.0))))
    assert alert.title == "income: mean 52,000 → 70,200"
    (alone,) = AlertRun().predict(Seen(HOUR, (beyond,)))
    assert alone.title == "income: outside the reference's range 0 % → 98 %"


def test_intervals_that_only_touch_meet() -> None:
    assert Interval(0, 1).meets(Interval(1, 2))
    assert not Interval(0, 1).meets(Interval(2, 3))
    assert ModelAlerts().open == {}
