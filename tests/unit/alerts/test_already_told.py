"""What one alert has said of a column is no news in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from driftline.alerts import PREDICTION_CAUSES, advance, obedience
from driftline.alerts.directives import Muting
from driftline.events.cloudevents import epoch_ms, rfc3339
from tests.support.alert_runs import DAY, HOUR, RULES, AlertRun, Seen, drift, finding, predicted, span

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.alerts.directives import MuteSubject
    from driftline.alerts.onsets import Interval
    from driftline.events.alert import AlertEvent, Beside
    from driftline.events.finding import FindingEvent

MINUTE = 60_000
YEARLY = {hour: [drift(hour, "age", 3.0)] for hour in range(1, 13)}
"""Another column that has been drifting all the time; its alert is open and was notified."""


def in_pane(minute: int, check: str, column: str = "income", multiple: float = 9.0) -> FindingEvent:
    """Return what an e-detector finds in the pane that ends at a minute, of a change that began five before."""
    found = finding(minute * MINUTE, check, "detector", column=column, multiple=multiple, sides=(0.1, 1.0))
    pane = structs.replace(span(minute * MINUTE, 10_000), kind="pane")
    return structs.replace(found, window=pane, since=rfc3339((minute - 5) * MINUTE))


def look(run: AlertRun, minute: int, *findings: FindingEvent) -> list[AlertEvent]:
    """Take a pane with findings."""
    return run.predict(Seen(minute * MINUTE, findings, 10_000))


def told(records: list[AlertEvent]) -> list[tuple[str, str, str]]:
    """Return time, reason and root of each notification."""
    return [(each.updated_at[11:16], each.notified_for, each.root) for each in records if each.notify]


def frozen(minute: int) -> FindingEvent:
    return in_pane(minute, "detector.frozen")


def missing(minute: int) -> FindingEvent:
    return in_pane(minute, "detector.missing")


def wrong(minute: int) -> FindingEvent:
    return in_pane(minute, "detector.wrong_type")


LASTING = frozenset(f"detector.{kind}/feature/income" for kind in ("frozen", "missing", "wrong_type"))


def hours(run: AlertRun, every: dict[int, list[FindingEvent]], *, lasts: bool = True) -> list[AlertEvent]:
    """Take hourly windows, in which the fault of a column lasts or does not."""
    records: list[AlertEvent] = []
    for hour, findings in sorted(every.items()):
        records += run.predict(Seen(hour * HOUR, tuple(findings), lingering=LASTING if lasts else frozenset()))
    return records


def drifting(first: int, last: int, multiple: float = 40.0, begun: int = 0) -> dict[int, list[FindingEvent]]:
    """Return hours in which the other column drifts and from one of them on this column too."""
    return {
        hour: [*YEARLY[hour], *([drift(hour, multiple=multiple)] if hour >= (begun or first) else ())]
        for hour in range(first, last + 1)
    }


@pytest.mark.parametrize("fault", [frozen, missing, wrong])
@pytest.mark.parametrize("begun", [6, 7, 9])
def test_drift_of_a_column_whose_fault_another_alert_told_is_no_news(
    fault: Callable[[int], FindingEvent], begun: int
) -> None:
    run = AlertRun()
    records = predicted(run, YEARLY, until=5)
    records += look(run, 320, fault(320))
    records += hours(run, drifting(6, 12, begun=begun))
    assert [each[:2] for each in told(records)] == [("01:00", "opened"), ("05:20", "opened")]
    of_age = [each for each in records if each.alert_id == records[0].alert_id]
    assert {each.column for each in of_age[-1].findings} == {"age", "income"}, "it is shown there all the same"
    assert of_age[-1].title.startswith("age: "), "what was told elsewhere does not take the name"


def test_an_alert_that_told_a_fault_does_not_tell_the_drift_that_comes_with_it() -> None:
    for before in (0, 5):
        run = AlertRun()
        records = predicted(run, YEARLY, until=before) if before else []
        records += look(run, 320, frozen(320))
        alone = {hour: [drift(hour, multiple=40.0)] for hour in range(8, 13)}
        records += hours(run, drifting(6, 12, begun=8) if before else alone)
        assert [each[:2] for each in told(records)][before > 0 :] == [("05:20", "opened")]
        if not before:
            assert {each.alert_id for each in records} == {records[0].alert_id}
            assert records[-1].root == "frozen values", "the drift does not take the name"


def test_a_fault_that_joins_the_other_alert_tells_its_drift_too() -> None:
    run = AlertRun()
    records = predicted(run, {hour: [*YEARLY[hour], missing_in(hour, "zip")] for hour in range(1, 6)})
    records += look(run, 320, frozen(320))
    records += hours(run, {hour: [*found, missing_in(hour, "zip")] for hour, found in drifting(6, 12, begun=8).items()})
    assert len({each.alert_id for each in records}) == 1
    assert [each[:2] for each in told(records)] == [("01:00", "opened"), ("05:20", "far greater effect")]


def missing_in(hour: int, column: str) -> FindingEvent:
    return finding(hour * HOUR, "quality.missing", "quality", column=column, sides=(0.03, 0.43), multiple=3.0)


def test_a_fault_and_its_drift_in_one_window_are_told_once() -> None:
    run = AlertRun()
    records = predicted(run, YEARLY, until=5)
    both = {6: [*YEARLY[6], missing_in(6, "income"), drift(6, multiple=40.0)]}
    records += predicted(run, both)
    assert told(records)[1:] == [("06:00", "opened", "missing values")]


def test_what_explains_the_drift_that_was_told_when_it_began_is_part_of_that_alert() -> None:
    run = AlertRun()
    records = predicted(run, YEARLY, until=5)
    records += look(run, 318, in_pane(318, "detector.shift", multiple=20.0))
    records += look(run, 320, frozen(320))
    assert told(records)[1:] == [("05:18", "far greater effect", "feature shift")]
    assert len({each.alert_id for each in records}) == 1
    assert (records[-1].root, records[-1].since) == ("frozen values", rfc3339(0)), "it names the alert"
    assert "05:1" in records[-1].sentence, "since its own beginning"
    later = look(run, 380, in_pane(380, "detector.missing"))
    assert told(later) == [], "the same cause of the same column, in an alert that has told of it"


def test_what_began_after_the_drift_and_explains_more_is_news() -> None:
    run = AlertRun()
    records = predicted(run, {hour: drifting(1, 12)[hour] for hour in range(1, 6)})
    records += look(run, 320, frozen(320))
    assert told(records)[-1] == ("05:20", "opened", "frozen values")


@pytest.mark.parametrize("multiple", [1.5, 9.0])
def test_drift_more_severe_than_the_fault_that_was_told_is_news(multiple: float) -> None:
    run = AlertRun()
    records = predicted(run, YEARLY, until=5)
    records += look(run, 320, in_pane(320, "detector.missing", multiple=multiple))
    records += hours(run, drifting(6, 8, begun=7))
    assert ("far greater effect" in [each[1] for each in told(records)]) == (multiple < 2.5)


def test_drift_that_begins_after_the_fault_is_over_is_news() -> None:
    run = AlertRun()
    records = predicted(run, YEARLY, until=5)
    records += look(run, 320, frozen(320))
    records += hours(run, drifting(6, 9, begun=99), lasts=False)
    assert [each.state for each in records if each.root == "frozen values"] == ["open", "resolved"]
    records += hours(run, drifting(10, 11))
    assert [each[:2] for each in told(records)][2:] == [("10:00", "far greater effect")]


def test_a_window_that_still_holds_a_fault_that_is_over_tells_nothing_new_of_it() -> None:
    run = AlertRun()
    records = predicted(run, YEARLY, until=5)
    records += look(run, 320, frozen(320))
    later = {hour: [drift(hour, "age", 3.0)] for hour in range(6, 25)}
    records += hours(run, later, lasts=False)
    n_told = len(told(records))
    day = finding(DAY, multiple=40.0, size_ms=DAY)
    records += run.predict(Seen(DAY, (drift(24, "age", 3.0), day), DAY))
    assert len(told(records)) == n_told == 2


def test_drift_of_another_column_or_role_is_news() -> None:
    for other in (drift(7, "height", 40.0), finding(7 * HOUR, column="income", role="score", multiple=40.0)):
        run = AlertRun()
        records = predicted(run, YEARLY, until=5)
        records += look(run, 320, frozen(320))
        records += run.predict(Seen(7 * HOUR, (*YEARLY[7], other)))
        assert len(told(records)) == 3


def test_a_relation_of_a_column_that_froze_is_no_news() -> None:
    for names, n_told in ((("income", "height"), 2), (("weight", "height"), 3)):
        run = AlertRun()
        records = predicted(run, YEARLY, until=5)
        records += look(run, 320, frozen(320))
        relation = finding(
            7 * HOUR, "multivariate.correlation", "multivariate", column=None, multiple=40.0, most_changed=names
        )
        records += hours(run, {6: YEARLY[6], 7: [*YEARLY[7], relation]})
        assert len(told(records)) == n_told


def test_what_was_told_elsewhere_does_not_raise_what_counts_as_far_greater() -> None:
    run = AlertRun()
    records = predicted(run, YEARLY, until=5)
    records += look(run, 320, frozen(320))
    every = drifting(6, 9)
    every[9] = [drift(9, "age", 8.0), drift(9, multiple=40.0)]
    records += hours(run, every)
    assert [each[:2] for each in told(records)][2:] == [("09:00", "far greater effect")]
    assert records[-1].title.startswith("age: ")


class Muted:
    """Somebody has muted what is about a column."""

    def muting(self, subject: MuteSubject, at_ms: int) -> Muting | None:
        return Muting("ana", at_ms + DAY) if subject.columns == frozenset({"income"}) else None

    def beside(self, onset: Interval, at_ms: int) -> list[Beside]:  # noqa: ARG002 - nothing happened
        return []


def test_what_a_mute_holds_back_or_a_command_ended_is_not_told() -> None:
    for by_mute in (True, False):
        run = AlertRun()
        predicted(run, YEARLY, until=5)
        seen = Seen(320 * MINUTE, (frozen(320),), 10_000)
        step = advance(
            run.predictions,
            seen.observation,
            seen.findings,
            PREDICTION_CAUSES,
            RULES,
            None,
            Muted() if by_mute else None,
        )
        (alert,) = step.records
        assert alert.notify != by_mute
        run.predictions = step.alerts
        if not by_mute:
            ended = obedience.end(run.predictions, lambda each: each.root.root == "frozen values", 325 * MINUTE, "so")
            assert [each.alert_id for each in ended.records] == [alert.alert_id]
            run.predictions = ended.alerts
        assert [each[1] for each in told(hours(run, drifting(6, 7)))] == ["far greater effect"]


def test_what_was_told_survives_a_restart_and_is_forgotten_when_no_window_reaches_it() -> None:
    run = AlertRun()
    records = predicted(run, YEARLY, until=5)
    records += look(run, 320, frozen(320))
    run.restart()
    records += hours(run, drifting(6, 9))
    assert len(told(records)) == 2
    hours(run, {hour: [drift(hour, "age", 3.0)] for hour in range(10, 45)}, lasts=False)
    assert [each.said.keys() for each in run.predictions.open.values()] == [{"distribution.pearson/feature/age"}]
    (age,) = run.predictions.open.values()
    assert age.said["distribution.pearson/feature/age"].from_ms == epoch_ms(rfc3339(0))
