"""What a request names: the window, the labels in it, and what can be won back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from driftline.config.durations import Duration
from driftline.config.retraining_settings import RetrainingSettings
from driftline.events.cloudevents import rfc3339
from driftline.sketches.scores import LABELLED, PREDICTED
from tests.support.alert_runs import HOUR, AlertRun, Seen, finding
from tests.support.retraining import Vector, Watched, vector

if TYPE_CHECKING:
    from driftline.events.alert import AlertEvent

POLICY = RetrainingSettings(
    enabled=True, severity="warning", after=Duration(2 * HOUR), min_labels=3_000, cooldown=Duration(0)
)


def alerts(*hours: int) -> list[AlertEvent]:
    """Return alerts on income of hours with findings; two clean ones end them, a day of them for good."""
    run = AlertRun()
    return [
        alert
        for hour in range(1, 50)
        for alert in run.predict(Seen(hour * HOUR, (finding(hour * HOUR, importance=0.5),) if hour in hours else ()))
    ]


def worse(hour: int, n: int = 1_000) -> Vector:
    """Return an hour in which the threshold is wrong, so that accuracy is lower."""
    return vector(hour, n, threshold=0.9)


def told(watched: Watched, hours: range) -> list[tuple[int, dict[str, Any]]]:
    return [(hour + 1, event) for hour in hours for event in watched.see(hour, worse(hour))]


def test_a_request_is_about_what_was_predicted_since_the_onset() -> None:
    watched = Watched(retraining=POLICY, alerts=alerts(*range(4, 20)))
    found = told(watched, range(10))
    assert [(at, event.get("waiting_for", "requested")) for at, event in found] == [
        (4, "time"),
        (6, "labels"),
        (7, "requested"),
    ]
    request = found[-1][1]
    assert (request["window"]["start"], request["window"]["end"]) == (rfc3339(4 * HOUR), rfc3339(7 * HOUR))
    assert request["onset"] == {"from": rfc3339(3 * HOUR), "to": rfc3339(4 * HOUR)}
    assert (request["n"], request["n_predictions"], request["n_since_onset"]) == (3_000, 3_000, 3_000)
    assert request["offsets"] == {"labels": {"0": [360, 629]}, "predictions": {"0": [400, 699]}}
    assert request["requested_at"] == rfc3339(7 * HOUR)
    assert request["open_ms"] == 3 * HOUR
    assert [(each["name"], each["importance"]) for each in request["columns"]] == [("income", 0.5)]
    (loss,) = request["losses"]
    assert (loss["metric"], loss["basis"], loss["n"]) == ("accuracy", "realised", 3_000)
    assert 0 < loss["lower"] < loss["loss"] == loss["reference"] - loss["current"] < loss["upper"]
    assert request["incident"] == request["alerts"][0]["alert_id"]
    assert watched.loop.retraining is not None
    assert watched.loop.retraining.waiting_for == "incident over"


def test_recent_data_are_all_of_the_span_while_labels_count_since_the_onset() -> None:
    policy = structs.replace(POLICY, train_on="recent", span=Duration(6 * HOUR))
    (request,) = (
        event
        for _, event in told(Watched(retraining=policy, alerts=alerts(*range(4, 20))), range(10))
        if "policy" in event
    )
    assert (request["window"]["start"], request["window"]["end"]) == (rfc3339(HOUR), rfc3339(7 * HOUR))
    assert (request["n"], request["n_since_onset"]) == (6_000, 3_000)


def test_labels_of_windows_that_have_not_matured_do_not_count() -> None:
    watched = Watched(retraining=POLICY, alerts=alerts(*range(4, 20)))
    for hour in range(10):
        early = worse(hour)
        early[PREDICTED] = 2_000
        events = watched.see(hour, early)
        assert all(event["waiting_for"] in {"time", "labels"} for event in events)
    assert watched.loop.retraining is not None
    assert watched.loop.retraining.n_labelled == 0
    events = [event for hour in range(4, 7) for event in watched.see(hour, worse(hour), later_ms=10 * HOUR)]
    assert [event["n"] for event in events] == [3_000]


def test_labels_that_are_taken_back_leave() -> None:
    watched = Watched(retraining=POLICY, alerts=alerts(*range(4, 20)))
    assert told(watched, range(6))[-1][1]["n"] == 2_000
    gone = worse(5)
    gone[LABELLED] = 0
    watched.see(5, gone, later_ms=HOUR // 2)
    assert watched.loop.retraining is not None
    assert watched.loop.retraining.n_labelled == 1_000


def test_the_next_incident_asks_again_and_an_end_is_told() -> None:
    watched = Watched(retraining=POLICY, alerts=alerts(*range(2, 7), *range(40, 45)))
    found = [(at, event.get("waiting_for", "requested")) for at, event in told(watched, range(46))]
    assert found == [
        (2, "time"),
        (4, "labels"),
        (5, "requested"),
        (8, "alert"),
        (40, "time"),
        (42, "labels"),
        (43, "requested"),
        (46, "alert"),
    ]


def test_nothing_is_kept_of_a_model_that_wants_nothing() -> None:
    watched = Watched()
    assert told(watched, range(3)) == []
    assert (watched.loop.retraining, watched.loop.missing, list(watched.loop.tables)) == (None, {}, [])
