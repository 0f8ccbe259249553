"""Whatever is found when: one problem is one alert, and how far joins are behind predictions does not show."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from hypothesis import given
from hypothesis import strategies as st

from driftline.alerts.onsets import Interval
from driftline.alerts.roots import RANKS
from tests.support.alert_runs import DAY, HOUR, AlertRun, Seen, dropped, finding
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.events.alert import AlertEvent
    from driftline.events.finding import Family

KINDS: Final[dict[str, tuple[str, Family, str | None]]] = {
    "missing": ("quality.missing", "quality", "feature"),
    "drift": ("distribution.pearson", "distribution", "feature"),
    "unseen": ("quality.unseen", "quality", "feature"),
    "score": ("distribution.pearson", "distribution", "score"),
    "volume": ("quality.volume", "quality", None),
}
N_HOURS: Final = 30

found = st.tuples(st.sampled_from([*KINDS]), st.sampled_from(["a", "b"]), st.sampled_from([1.2, 3.0, 9.0]))
hours = st.lists(st.lists(found, max_size=2), min_size=1, max_size=N_HOURS)
quiet: st.SearchStrategy[list[tuple[str, str, float]]] = st.just([])
sparse = st.lists(st.one_of(quiet, quiet, st.lists(found, min_size=1, max_size=2)), min_size=1, max_size=N_HOURS)
drops = st.dictionaries(st.integers(1, N_HOURS), st.sampled_from([1.2, 3.0, 9.0]), max_size=8)


def predicted(history: Sequence[Sequence[tuple[str, str, float]]], size_ms: int = HOUR) -> list[Seen]:
    """Return windows of predictions."""
    windows = []
    for number, each in enumerate(history, 1):
        findings = {}
        for kind, column, multiple in each:
            check, family, role = KINDS[kind]
            name = None if role is None else "score" if role == "score" else column
            made = finding(
                number * size_ms,
                check,
                family,
                column=name,
                role="score" if role == "score" else "feature",
                multiple=multiple,
                sides=(0.1, 0.4),
                size_ms=size_ms,
            )
            findings[check, name] = made
        windows.append(Seen(number * size_ms, tuple(findings.values()), size_ms))
    return windows


def joined(fallen: dict[int, float], n_hours: int, age_ms: int) -> list[Seen]:
    """Return windows of joins, each evaluated an age after its end."""
    return [
        dropped(hour * HOUR, fallen[hour], age_ms) if hour in fallen else Seen(hour * HOUR, age_ms=age_ms)
        for hour in range(1, n_hours + 1)
    ]


def interleaved(predictions: list[Seen], joins: list[Seen], ahead: list[int]) -> AlertRun:
    """Run both, with predictions as far ahead as ``ahead`` says at each join, and never behind."""
    run, waiting = AlertRun(keep_ms=5 * HOUR), [*predictions]
    for number, join in enumerate(joins):
        n_hours = ahead[number % len(ahead)]
        at_ms = join.end_ms + join.age_ms + n_hours * HOUR
        while waiting and waiting[0].end_ms <= at_ms:
            run.predict(waiting.pop(0))
        run.join(join, expire=n_hours % 2 == 0)
    for seen in waiting:
        run.predict(seen)
    return run


def as_set(run: AlertRun) -> list[tuple[str, int, AlertEvent]]:
    return sorted(((alert.alert_id, alert.revision, alert) for alert in run.records), key=lambda each: each[:2])


@given(sparse, drops, st.sampled_from([0, 0, 1, 7]), st.lists(st.integers(0, 60), min_size=1, max_size=8))
@examples(300)
def test_how_far_predictions_are_ahead_does_not_show(
    history: list[list[tuple[str, str, float]]], fallen: dict[int, float], age: int, ahead: list[int]
) -> None:
    predictions, joins = predicted(history), joined(fallen, N_HOURS, age * HOUR)
    assert as_set(interleaved(predictions, joins, ahead)) == as_set(interleaved(predictions, joins, [0]))


@given(sparse)
@examples(150)
def test_every_problem_resolves_when_its_signals_do(history: list[list[tuple[str, str, float]]]) -> None:
    run = AlertRun()
    for seen in predicted([*history, [], []]):
        run.predict(seen)
        causes = [cause for problem in run.predictions.open.values() for cause in problem.open]
        assert sorted(causes) == sorted(run.predictions.signals.open), "each signal is part of one problem"
    assert run.predictions.open == {}
    last = {alert.alert_id: alert for alert in run.records}
    assert {alert.state for alert in last.values()} <= {"resolved"}
    assert {entry[1] for entry in run.predictions.resolved} == set(last)


@given(sparse, st.sampled_from([HOUR, DAY]))
@examples(150)
def test_onsets_that_meet_are_one_problem(history: list[list[tuple[str, str, float]]], size_ms: int) -> None:
    run = AlertRun()
    for seen in predicted(history, size_ms):
        run.predict(seen)
    first = [alert for alert in run.records if alert.revision == 1]
    onsets = [Interval.of(alert.onset) for alert in first]
    assert not [(one, other) for i, one in enumerate(onsets) for other in onsets[:i] if one.meets(other)], (
        "two alerts opened for what may have begun together"
    )
    for alert_id in {alert.alert_id for alert in first}:
        of_alert = [alert for alert in run.records if alert.alert_id == alert_id]
        assert [alert.revision for alert in of_alert] == list(range(1, len(of_alert) + 1))
        assert sum(alert.notified_for == "opened" and alert.notify for alert in of_alert) == 1
        assert len({(alert.opened_at, alert.incident) for alert in of_alert}) == 1
        starts = [Interval.of(alert.onset) for alert in of_alert]
        assert all(
            after.from_ms >= before.from_ms and after.to_ms <= before.to_ms for before, after in pairwise(starts)
        )


@given(sparse)
@examples(100)
def test_notifications_are_a_part_of_those_of_the_signals(history: list[list[tuple[str, str, float]]]) -> None:
    run = AlertRun()
    for seen in predicted(history):
        before = dict(run.predictions.signals.open)
        records = run.predict(seen)
        told = [
            cause
            for cause, signal in run.predictions.signals.open.items()
            if cause not in before or before[cause].told.at_ms != signal.told.at_ms
        ]
        assert sum(alert.notify for alert in records) <= len(told)
        for alert in records:
            assert alert.causes[0] == alert.cause
            assert alert.findings[0].severity != "info"
            assert alert.root in RANKS


@given(hours, st.dictionaries(st.integers(0, N_HOURS), st.sampled_from([1.2, 3.0, 9.0, 40.0])))
@examples(150)
def test_drift_of_a_column_whose_fault_was_told_changes_no_notification(
    history: list[list[tuple[str, str, float]]], drifts: dict[int, float]
) -> None:
    """Whatever else is found, whether the same alert tells it or another; before the fault nothing is of the column."""
    begun = len(history) // 2

    def notified(drifts: dict[int, float]) -> list[tuple[str, str, str]]:
        run, every = AlertRun(), [[*found, ("drift", "b", 9.0)] for found in history]
        for found in every[:begun]:
            found[:] = [each for each in found if each[0] not in {"missing", "volume"} and each[1] != "a"]
        for hour in range(begun, len(history)):
            every[hour].append(("missing", "a", 100.0))
            every[hour] += [("drift", "a", drifts[hour])] if hour in drifts else []
        for seen in predicted(every):
            run.predict(seen)
        return [(alert.updated_at, alert.notified_for, alert.alert_id) for alert in run.records if alert.notify]

    assert notified(drifts) == notified({})


@given(hours, drops, st.sets(st.integers(0, 40)))
@examples(60)
def test_restarts_do_not_show(
    history: list[list[tuple[str, str, float]]], fallen: dict[int, float], restarts: set[int]
) -> None:
    def run(stops: set[int]) -> list[AlertEvent]:
        made, joins = AlertRun(), joined(fallen, len(history), 0)
        for number, (seen, join) in enumerate(zip(predicted(history), joins, strict=True)):
            made.predict(seen)
            made.join(join)
            if number in stops:
                made.restart()
        return made.records

    assert run(restarts) == run(set())
