"""What alerts about joined labels belong to, and when they notify."""

from __future__ import annotations

from msgspec import structs

from tests.support.alert_runs import DAY, HOUR, RULES, AlertRun, Seen, drift, dropped, finding, predicted


def test_accuracy_that_falls_with_the_data_belongs_to_their_incident() -> None:
    run = AlertRun()
    (data,) = run.predict(Seen(HOUR, (drift(1, multiple=3.0),)))
    (fell,) = run.join(dropped(HOUR, 9.0))
    assert (fell.incident, fell.notify, fell.notification, fell.notified_for) == (data.alert_id, False, 0, "none")
    assert (fell.kind, fell.root, fell.title) == ("performance", "performance", "accuracy 91.4 % → 75.7 %")
    assert fell.sentence.endswith(f"It follows from the problem of the alert {data.alert_id}: look there first.")


def test_accuracy_that_falls_alone_is_concept_drift() -> None:
    (fell,) = AlertRun().join(dropped(HOUR))
    assert (fell.incident, fell.notify, fell.kind) == (fell.alert_id, True, "concept drift")
    assert "whether the same inputs still have the same outcome" in fell.sentence


def test_it_notifies_where_it_is_more_severe_than_the_incident_was_then() -> None:
    run = AlertRun()
    (data,) = run.predict(Seen(HOUR, (drift(1),)))
    # Predictions are ahead: the data became critical after the moment at which labels spoke.
    predicted(run, {hour: [drift(hour, multiple=9.0)] for hour in range(2, 9)})
    (fell,) = run.join(dropped(HOUR, 9.0, age_ms=0))
    assert (fell.incident, fell.notify, fell.notified_for) == (data.alert_id, True, "more severe")
    late = AlertRun()
    late.predict(Seen(HOUR, (drift(1),)))
    predicted(late, {hour: [drift(hour, multiple=9.0)] for hour in range(2, 9)})
    (quiet,) = late.join(dropped(HOUR, 9.0, age_ms=8 * HOUR))
    assert not quiet.notify


def test_what_predictions_show_later_changes_nothing_as_of_then() -> None:
    run = AlertRun()
    predicted(run, {5: [drift(5)]})
    (fell,) = run.join(dropped(HOUR, age_ms=HOUR))
    assert fell.incident == fell.alert_id


def test_labels_that_come_after_the_incident_is_over_still_belong_to_it() -> None:
    run = AlertRun()
    (data, *_, resolved) = predicted(run, {1: [drift(1)], 2: [drift(2)]}, until=30)
    assert resolved.state == "resolved"
    (fell,) = run.join(dropped(2 * HOUR, age_ms=DAY))
    assert fell.incident == data.alert_id
    (later,) = AlertRun().join(dropped(20 * HOUR, age_ms=DAY))
    assert later.incident == later.alert_id


def test_an_explanation_that_comes_later_is_taken() -> None:
    run = AlertRun()
    (alone,) = run.join(dropped(DAY, age_ms=0))
    (data,) = run.predict(Seen(DAY + HOUR, (finding(DAY + HOUR, size_ms=DAY),), DAY))
    (linked,) = run.join(dropped(DAY + HOUR, age_ms=0))
    assert (alone.incident, linked.incident) == (alone.alert_id, data.alert_id)
    assert (alone.kind, linked.kind, linked.alert_id) == ("concept drift", "performance", alone.alert_id)


def test_repeated_ids_follow_from_nothing_that_began_before() -> None:
    run = AlertRun()
    predicted(run, {hour: [drift(hour)] for hour in range(1, 9)})
    repeated = finding(8 * HOUR, "quality.duplicates", "quality", column=None, sides=(0.0, 0.12))
    (alert,) = run.join(Seen(8 * HOUR, (repeated,)))
    assert (alert.incident, alert.notify, alert.kind) == (alert.alert_id, True, "operations")


def test_what_explains_less_is_no_incident_of_what_explains_more() -> None:
    run = AlertRun()
    (data,) = run.predict(Seen(HOUR, (drift(1),)))
    labels = finding(HOUR, "performance.label_classes", "performance", column=None, sides=(0.0, 0.99))
    (foreign,) = run.join(Seen(HOUR, (labels,)))
    assert data.alert_id != foreign.incident
    assert (foreign.incident, foreign.root, foreign.notify) == (foreign.alert_id, "failure", True)


def test_what_an_old_window_shows_when_its_labels_come_is_the_problem_that_was_there_then() -> None:
    younger = [Seen(hour * HOUR, age_ms=HOUR) for hour in range(31, 62)]
    older = [Seen(hour * HOUR, age_ms=DAY) for hour in range(8, 11)]
    for reach_back_ms, clean, n_alerts in (
        (0, younger, 2),
        (7 * DAY, younger, 1),
        (7 * DAY, [*older, *younger], 1),
    ):
        run = AlertRun(structs.replace(RULES, reach_back_ms=reach_back_ms))
        run.join(dropped(30 * HOUR, age_ms=HOUR))
        for seen in clean:
            run.join(seen)
        assert run.records[-1].state == "resolved"
        run.join(dropped(30 * HOUR, age_ms=DAY))
        assert len({alert.alert_id + alert.opened_at for alert in run.records}) == n_alerts
        assert sum(alert.notify for alert in run.records) == n_alerts


def test_what_is_no_longer_asked_for_is_forgotten() -> None:
    run = AlertRun(keep_ms=10 * HOUR)
    predicted(run, {1: [drift(1)], 12: [drift(12)], 13: [drift(13, multiple=9.0)]}, until=14)
    assert len(run.problems) == 4  # opened and resolved; opened and more severe
    run.problems.expire(14 * HOUR)
    assert len(run.problems) == 2
    run.problems.expire(30 * HOUR)
    assert len(run.problems) == 1  # the state of what is still open
