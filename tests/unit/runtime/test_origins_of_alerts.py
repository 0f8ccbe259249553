"""Where a change began, from records on three partitions to the alert, through both stages in one process."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from driftline.events.cloudevents import epoch_ms
from tests.support.origin_stream import BREAK, KEY, START_MS, STEP_MS, Event, N, events, first_offsets, outputs

if TYPE_CHECKING:
    from tests.support.origin_stream import Change


def broken(event: Event) -> Event:
    return event._replace(features={name: value for name, value in event.features.items() if name != "amount"})


def of_producer(name: str, change: Change) -> Change:
    return lambda event: change(event) if event.producer == name else event


def moved(event: Event) -> Event:
    return event._replace(features={**event.features, "amount": event.features["amount"] + 25})


@cache
def said(name: str) -> tuple[list[dict[str, Any]], list[Event]]:
    made = events(CHANGES[name])
    return outputs(made), made


CHANGES: dict[str, Change] = {
    "missing": of_producer("producer-7", broken),
    "moved": of_producer("producer-7", moved),
    "everywhere": moved,
    "partition": lambda event: (
        event._replace(features={**event.features, "country": "XX"}) if event.partition == 1 else event
    ),
    "unreadable": of_producer("producer-3", lambda event: event._replace(value=b"{not json")),
    "deploy": lambda event: event._replace(
        version="1.5.0", features={**event.features, "age": "n/a" if event.number % 2 else 30}
    ),
    "hostile": of_producer("producer-7", lambda event: broken(event)._replace(producer="\x1b[31m" + "x" * 10_000)),
    "unnamed": of_producer("producer-7", lambda event: broken(event)._replace(producer="")),
}


def in_order(found: list[dict[str, Any]]) -> list[str]:
    """Return events as text, sorted: records that are refused have a clock of their own."""
    return sorted(json.dumps(each, sort_keys=True) for each in found)


def alerts(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in found if "alert_id" in each]


def located(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the first record of an alert that says where it comes from: the first events are too few for that."""
    return next(alert for alert in alerts(found) if alert["origins"])


@pytest.mark.parametrize("name", ["missing", "unnamed", "hostile"])
def test_the_alert_names_the_one_broken_producer_of_three_and_its_first_records(name: str) -> None:
    found, made = said(name)
    first = located(found)
    (origin,) = first["origins"]
    assert origin["dimension"] == "header producer"
    assert origin["share_of_change"] == 1
    assert origin["exact"]
    assert origin["first_offsets"] == first_offsets(made, lambda event: "amount" not in event.features)
    assert {alert["alert_id"] for alert in alerts(found)} == {first["alert_id"]}
    later = [alert for alert in alerts(found) if alert["revision"] >= first["revision"]]
    assert all(alert["origins"][0]["first_offsets"] == origin["first_offsets"] for alert in later)
    opened = alerts(found)[0]
    assert (opened["notify"], opened["origins"]) == (True, []), "it pages within the minute, and is told more later"
    assert epoch_ms(opened["opened_at"]) - (START_MS + BREAK * STEP_MS) <= 30_000


def test_the_sentence_says_who_and_from_where() -> None:
    found, made = said("missing")
    offset = first_offsets(made, lambda event: event.producer == "producer-7")["0"]
    sentence = located(found)["sentence"]
    assert (
        f"Only records with header `producer` = `producer-7` are affected, from offset {offset:,} of partition 0"
        in sentence
    )
    assert sentence.endswith("Look first at what writes records with header `producer` = `producer-7`.")


def test_hostile_values_are_cut_and_can_be_printed() -> None:
    alert = located(said("hostile")[0])
    assert alert["origins"][0]["value"] == r"\x1b[31m" + "x" * 91 + "…"
    assert alert["sentence"].isprintable()


def test_records_without_the_header_are_named_too() -> None:
    alert = located(said("unnamed")[0])
    assert alert["origins"][0]["value"] == "(none)"
    assert "Only records without a header `producer` are affected" in alert["sentence"]


def test_a_shift_is_dated_to_about_its_pane() -> None:
    found, made = said("moved")
    (origin,) = located(found)["origins"]
    assert (origin["dimension"], origin["value"], origin["exact"]) == ("header producer", "producer-7", False)
    assert 0.9 <= origin["share_of_change"] <= 1.1
    actual = first_offsets(made, lambda event: event.producer == "producer-7")
    assert origin["first_offsets"].keys() == actual.keys()
    assert all(abs(origin["first_offsets"][each] - actual[each]) <= 20 for each in actual)  # two panes


def test_a_change_everywhere_names_nothing() -> None:
    found, _ = said("everywhere")
    assert alerts(found)
    assert all(each["origins"] == [] for each in found if "origins" in each)
    assert not any("Only records" in alert["sentence"] for alert in alerts(found))


def test_a_partition_is_named() -> None:
    found, made = said("partition")
    alert = located(found)
    (origin,) = alert["origins"]
    assert (origin["dimension"], origin["value"]) == ("partition", "1")
    assert origin["first_offsets"] == first_offsets(made, lambda event: event.partition == 1)
    offset = origin["first_offsets"]["1"]
    assert f"Only records of partition 1 are affected, from offset {offset:,} on." in alert["sentence"]
    assert alert["sentence"].endswith("Look first at what writes to partition 1.")


def test_a_deploy_that_replaced_all_is_named_by_its_version() -> None:
    found, made = said("deploy")
    alert = next(each for each in alerts(found) if each["root"] == "wrong type" and each["origins"])
    assert [(each["dimension"], each["value"]) for each in alert["origins"]] == [("field /app_version", "1.5.0")]
    actual = first_offsets(made, lambda event: event.features["age"] == "n/a")
    assert alert["origins"][0]["first_offsets"] == actual
    assert alerts(found)[-1]["origins"][0]["value"] == "1.5.0"


def test_refused_records_are_attributed_and_missing_fields_of_theirs_are_not_blamed() -> None:
    found, made = said("unreadable")
    alert = next(each for each in alerts(found) if each["model"] != KEY.model)
    (origin,) = alert["origins"]
    assert (origin["dimension"], origin["value"], origin["share_of_change"]) == ("header producer", "producer-3", 1)
    assert origin["first_offsets"] == first_offsets(made, lambda event: event.producer == "producer-3")
    assert "Only records with header `producer` = `producer-3` are affected" in alert["sentence"]
    assert "The first: " in alert["sentence"]


@pytest.mark.parametrize("name", ["moved", "unreadable"])
def test_batches_and_flushes_do_not_matter(name: str) -> None:
    found, made = said(name)
    for cut in ((97, 1), (N, 100)):
        again = outputs(made, batch=cut[0], flush_every=cut[1])
        assert in_order(again) == in_order(found)


def test_without_origins_nothing_is_said_of_them() -> None:
    found, made = said("missing")
    without = outputs(made, origins=())
    assert not any("origins" in each for each in without)
    assert len(alerts(without)) == len(alerts(found))


def test_the_stream_breaks_in_the_middle_of_a_pane() -> None:
    """Or exact offsets would say no more than the start of a pane."""
    assert BREAK * STEP_MS % 10_000
