"""One page for one problem of many models: what each sink hears of it, in which words, and under which key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from driftline.config.durations import Duration
from driftline.config.notify_settings import (
    AlertmanagerSettings,
    DigestSettings,
    EmailSettings,
    NotifySettings,
    PagerDutySettings,
    RouteSettings,
    SinkSettings,
    Template,
    WebhookSettings,
)
from driftline.notify import pages
from driftline.notify.alert import read_alert
from driftline.notify.outbox import Outbox
from driftline.notify.pages import Pages, incident_of
from driftline.notify.payloads.alertmanager import Times, news_body, open_body
from driftline.notify.payloads.mail import mail
from driftline.notify.payloads.pagerduty import event_bodies
from driftline.notify.payloads.webhook import document, from_template
from driftline.notify.routing import Router
from driftline.notify.words import Wording
from tests.support.alerts import HOSTILE, alert_value, record
from tests.support.fleets import fleet_alert, fleet_resolved

if TYPE_CHECKING:
    from driftline.notify.message import Message

WAIT = Duration(30_000)
PAGERDUTY: dict[str, Any] = {"webhook": None, "pagerduty": PagerDutySettings(routing_key_env="KEY")}
WORDING = Wording(Template(), Router(NotifySettings()), None)


class Sink:
    """An outbox that delivers as soon as it may."""

    def __init__(self, *routes: RouteSettings, wait: Duration = WAIT, **settings: Any) -> None:  # noqa: ANN401  # of a sink
        sink = SinkSettings(**({"webhook": WebhookSettings(url="http://localhost")} | settings))
        every = (RouteSettings(("sink",), group_wait=wait),)
        self.outbox = Outbox("sink", sink, Router(NotifySettings({"sink": sink}, routes or every)))
        self.offset = 0
        self.done: set[int] = set()

    def take(self, *fields: dict[str, Any], now_s: float = 0.0) -> None:
        for each in fields:
            self.done.update(offset for _, offset in self.outbox.take(record(self.offset, each, now_s), now_s))
            self.offset += 1

    def deliver(self, now_s: float) -> list[Message]:
        sent = []
        while self.outbox.next(now_s) is not None:
            message = self.outbox.waiting.finished(now_s, sent=True)
            self.done.update(offset for _, offset in message.positions)
            sent.append(message)
        return sent

    def hears(self, *fields: dict[str, Any], now_s: float = 100.0) -> list[tuple[str, str]]:
        self.take(*fields, now_s=now_s)
        return [(message.kind, message.key) for message in self.deliver(now_s)]


def opened(sink: Sink, n: int = 12) -> Message:
    """Let a problem open at many models, and return its page."""
    sink.take(*(fleet_alert(number) for number in range(n)))
    assert sink.deliver(29.9) == []
    (page,) = sink.deliver(30.0)
    assert sink.done == set(range(n))
    return page


def again(number: int, notification: int = 2, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any field of an alert
    worse = {"revision": notification, "notification": notification, "notified_for": "far greater effect"}
    return fleet_alert(number, **worse | changes)


@pytest.mark.parametrize("settings", [{}, PAGERDUTY], ids=["webhook", "pagerduty"])
def test_a_problem_that_opens_at_twelve_models_is_one_page(settings: dict[str, Any]) -> None:
    page = opened(Sink(**settings))
    assert (page.kind, page.key, len(page.entries)) == ("page", "a000/notification-1", 12)
    words = WORDING.words(page)
    assert words.subject == ("[critical] 12 models: income: missing 3 % → 43 %, since 2026-03-01T12:00:00.000Z")
    lines = words.body.splitlines()
    assert lines[0] == "12 models: income: missing 3 % → 43 %, since 2026-03-01T12:00:00.000Z"
    assert lines[2] == "model-0 1: income: missing 3 % -> 43 %"
    assert lines[4].startswith("Models: model-0 1, model-1 1, ")
    assert lines[5] == "Open: 12 of 12 alerts"
    assert lines[-2:] == ["Group: a000", "Alert: a000/notification-1"]


def test_a_page_names_at_most_twenty_models_and_its_severity_is_the_worst() -> None:
    sink = Sink()
    sink.take(*(fleet_alert(number, severity="critical" if number == 7 else "warning") for number in range(25)))
    (page,) = sink.deliver(30.0)
    words = WORDING.words(page)
    assert words.subject.startswith("[critical] 25 models: ")
    (models,) = [line for line in words.body.splitlines() if line.startswith("Models: ")]
    assert models.endswith("model-19 1 and 5 more")


def test_a_problem_of_another_kind_at_the_same_time_is_another_page() -> None:
    sink = Sink()
    drifting = {"column": "age", "root": "feature shift", "kind": "data drift", "cause": "data drift"}
    sink.take(fleet_alert(1), fleet_alert(2, **drifting), fleet_alert(3), fleet_alert(4, **drifting))
    assert [(message.kind, message.key) for message in sink.deliver(30.0)] == [
        ("page", "a001/notification-1"),
        ("page", "a002/notification-1"),
    ]


def test_later_models_update_the_page_and_do_not_page_again() -> None:
    quiet, all_news, duty = Sink(), Sink(updates=True), Sink(**PAGERDUTY)
    for sink in (quiet, all_news, duty):
        opened(sink, 2)
    assert quiet.hears(fleet_alert(7)) == []
    assert quiet.done == {0, 1, 2}
    assert all_news.hears(fleet_alert(7)) == [("page", "a007/joined")]
    duty.take(fleet_alert(7), now_s=100.0)
    (message,) = duty.deliver(100.0)
    (event,) = map(json.loads, event_bodies(message, WORDING, "key"))
    assert (event["event_action"], event["dedup_key"]) == ("trigger", "a000")
    assert event["payload"]["summary"].startswith("[critical] 3 models: further model: income")
    assert event["payload"]["custom_details"]["models"] == "model-0 1, model-1 1, model-7 1"


def test_without_a_wait_the_first_model_pages_and_the_others_update_it() -> None:
    sink = Sink(wait=Duration(0))
    assert sink.hears(fleet_alert(0), fleet_alert(1), fleet_alert(2)) == [("page", "a000/notification-1")]


def test_a_page_that_waits_while_the_sink_is_down_tells_of_all_models_that_have_come() -> None:
    sink = Sink(wait=Duration(0))
    sink.take(fleet_alert(0), fleet_alert(1), fleet_alert(2))
    (message,) = sink.deliver(0.0)
    assert message.page is not None
    assert message.page.n_models == 3


def test_a_later_model_that_is_worse_pages_again() -> None:
    sink = Sink()
    sink.take(fleet_alert(0, severity="warning"), fleet_alert(1, severity="warning"))
    sink.deliver(30.0)
    assert sink.hears(fleet_alert(2, severity="critical"), fleet_alert(3, severity="critical")) == [
        ("page", "a002/joined")
    ]


def test_a_page_notifies_again_once_for_each_number_and_not_once_a_model() -> None:
    sink = Sink()
    opened(sink, 3)
    assert sink.hears(again(1), again(0), again(2)) == [("page", "a001/notification-2")]
    assert sink.hears(again(0, 3), again(2, 3)) == [("page", "a000/notification-3")]
    updates = Sink(updates=True)
    opened(updates, 3)
    assert updates.hears(again(1), again(0)) == [("page", "a001/notification-2"), ("page", "a000/revision-2")]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_page_is_resolved_when_all_its_alerts_are(order: tuple[int, ...]) -> None:
    sink = Sink()
    opened(sink, 3)
    first, second, third = order
    assert sink.hears(fleet_resolved(first), fleet_resolved(second)) == []
    sink.take(fleet_resolved(third), now_s=100.0)
    (message,) = sink.deliver(100.0)
    assert (message.kind, message.key, message.is_over) == ("page", "a000/page-resolved", True)
    assert WORDING.words(message).subject.startswith("[critical] 3 models: resolved: income: missing 3 % → 43 %")
    assert sink.done == set(range(6))


def test_a_sink_with_updates_hears_of_each_end_and_pagerduty_keeps_the_incident_until_the_last() -> None:
    duty = Sink(**PAGERDUTY, updates=True)
    opened(duty, 2)
    duty.take(fleet_resolved(0), fleet_resolved(1), now_s=100.0)
    found = [[json.loads(each) for each in event_bodies(message, WORDING, "key")] for message in duty.deliver(100.0)]
    assert [[(each["event_action"], each["dedup_key"]) for each in events] for events in found] == [
        [("trigger", "a000")],
        [("resolve", "a000")],
    ]


def test_what_opens_after_the_page_is_over_is_a_page_of_its_own() -> None:
    sink = Sink()
    opened(sink, 2)
    sink.hears(fleet_resolved(0), fleet_resolved(1))
    sink.take(fleet_alert(2), now_s=100.0)
    assert [message.key for message in sink.deliver(200.0)] == ["a002/notification-1"]


def test_an_alert_that_comes_back_after_the_page_was_over_is_told() -> None:
    sink = Sink()
    opened(sink, 2)
    sink.hears(fleet_resolved(0), fleet_resolved(1))
    assert sink.hears(again(1, revision=3, notified_for="reopened")) == [("page", "a001/notification-2")]
    assert sink.hears(fleet_resolved(1, 4)) == [("page", "a000/page-resolved")]


def test_what_follows_from_an_incident_of_a_page_is_on_the_page() -> None:
    sink = Sink()
    sink.take(fleet_alert(0, severity="warning"), fleet_alert(1, severity="warning"))
    sink.deliver(30.0)
    falls = [
        fleet_alert(10 + number, incident=f"a00{number}", cause="performance", severity="critical")
        for number in range(2)
    ]
    assert sink.hears(*falls) == [("page", "a010/joined")]
    alone = Sink(wait=Duration(0))
    assert alone.hears(fleet_alert(0), fleet_alert(10, incident="a000")) == [
        ("single", "a000/notification-1"),
        ("single", "a010/notification-1"),
    ]


def test_openings_of_one_model_still_make_one_message_and_those_of_a_page_leave_it() -> None:
    sink = Sink()
    other = fleet_alert(9, model="model-0", column="age", root="feature shift", kind="data drift")
    sink.take(fleet_alert(0), other, fleet_alert(1))
    found = sink.deliver(30.0)
    assert {each.kind: [one.alert.alert_id for one in each.entries] for each in found} == {
        "page": ["a000", "a001"],
        "single": ["a009"],
    }


def test_alertmanager_gets_each_alert_with_its_group_also_when_it_is_reminded() -> None:
    sink = Sink(webhook=None, alertmanager=AlertmanagerSettings(url="http://localhost"))
    sink.take(fleet_alert(0), fleet_alert(1))
    messages = sink.deliver(0.0)
    assert [message.kind for message in messages] == ["single", "single"]
    times = Times(0.0, 240.0)
    posted = [json.loads(news_body(each.entries[0], WORDING, times))[0]["labels"] for each in messages]
    assert [(each["alert_id"], each["group"]) for each in posted] == [("a000", "a000"), ("a001", "a000")]
    again_ = json.loads(open_body(sink.outbox.open_entries(), WORDING, times))
    assert [each["labels"] for each in again_] == posted
    sink.take(fleet_resolved(1))
    (ended,) = sink.deliver(0.0)
    assert {each["labels"]["group"] for each in json.loads(news_body(ended.entries[0], WORDING, times))} == {"a000"}


def test_the_digest_lists_the_alerts_of_a_page_one_by_one() -> None:
    sink = Sink(digest=DigestSettings(every=Duration(3_600_000)))
    sink.take(fleet_alert(0, severity="warning"), fleet_alert(1, severity="warning"))
    (digest,) = sink.deliver(3_600.0)
    assert (digest.kind, len(digest.entries)) == ("digest", 2)


def test_a_sink_of_some_severities_hears_of_the_page_when_it_reaches_them() -> None:
    sink = Sink(RouteSettings(("sink",), severities=("critical",), group_wait=Duration(0)))
    assert sink.hears(fleet_alert(0, severity="warning"), fleet_alert(1), fleet_alert(2)) == [
        ("page", "a000/notification-1")
    ]
    assert sink.hears(fleet_resolved(2)) == []
    assert sink.hears(fleet_resolved(1)) == [("page", "a000/page-resolved")]
    assert sink.hears(fleet_resolved(0, severity="warning")) == []


def test_the_forms_of_webhook_and_mail() -> None:
    page = opened(Sink(), 2)
    found = json.loads(document(page, WORDING))
    assert (found["kind"], found["key"]) == ("page", "a000/notification-1")
    assert found["group"] == {
        "id": "a000",
        "state": "open",
        "severity": "critical",
        "since": "2026-03-01T12:00:00.000Z",
        "title": "income: missing 3 % → 43 %",
        "n_models": 2,
        "models": ["model-0 1", "model-1 1"],
        "n_alerts": 2,
        "n_open": 2,
    }
    assert [(each["key"], each["group"]) for each in found["alerts"]] == [
        ("a000/notification-1", "a000"),
        ("a001/notification-1", "a000"),
    ]
    own = json.loads(from_template('{{"text": "{headline}", "of": "{models}", "group": "{group}"}}', page, WORDING))
    assert own == {
        "text": "income: missing 3 % → 43 %, since 2026-03-01T12:00:00.000Z",
        "of": "model-0 1, model-1 1",
        "group": "a000",
    }
    email = EmailSettings(host="localhost", to=("a@example.com",), sender="d@example.com")
    sink = Sink()
    first = mail(opened(sink, 2), WORDING, email, 0.0)
    sink.take(again(1), now_s=100.0)
    (later,) = sink.deliver(100.0)
    assert mail(later, WORDING, email, 0.0)["In-Reply-To"] == first["Message-ID"] == "<a000.notification-1@example.com>"


def test_models_whose_change_comes_from_one_producer_are_one_page_whatever_their_columns_are() -> None:
    origins = [{"dimension": "header producer", "value": "producer-7", "share_of_change": 1.0}]
    sink = Sink()
    sink.take(*(fleet_alert(number, column=f"f{number}", origins=origins) for number in range(3)))
    assert [message.key for message in sink.deliver(30.0)] == ["a000/notification-1"]
    apart = Sink()
    apart.take(*(fleet_alert(number, column=f"f{number}", origins=None) for number in range(2)))
    assert [message.key for message in apart.deliver(30.0)] == ["a000/notification-1", "a001/notification-1"]


def test_hostile_names_on_a_page_stay_names() -> None:
    sink = Sink()
    sink.take(*(fleet_alert(number, model=f"{HOSTILE}{number}", title=HOSTILE) for number in range(2)))
    (page,) = sink.deliver(30.0)
    words = WORDING.words(page)
    assert words.subject.isprintable()
    assert all(line.isprintable() for line in words.body.split("\n"))
    assert json.loads(document(page, WORDING))["subject"] == words.subject


def test_an_earlier_runs_pages_are_found_again_and_nothing_of_them_is_told_twice() -> None:
    sink = Sink()
    for number in range(3):
        sink.outbox.settled(read_alert(alert_value(**fleet_alert(number))))
    assert sink.hears(fleet_alert(3), again(0), again(1)) == [("page", "a000/notification-2")]
    assert sink.hears(*(fleet_resolved(number, 5) for number in range(4))) == [("page", "a000/page-resolved")]


def test_after_compaction_an_incident_is_also_resolved_under_the_names_that_it_may_have_had() -> None:
    duty = Sink(**PAGERDUTY)
    for number in (1, 0):
        duty.outbox.settled(read_alert(alert_value(**fleet_alert(number, revision=4, notify=False))))
    duty.take(fleet_resolved(0, 5), fleet_resolved(1, 5))
    (message,) = duty.deliver(0.0)
    events = [json.loads(each) for each in event_bodies(message, WORDING, "key")]
    assert [(each["event_action"], each["dedup_key"]) for each in events] == [("resolve", "a001"), ("resolve", "a000")]


def test_what_was_deleted_from_the_topic_is_forgotten() -> None:
    found = Pages()
    for number in range(2):
        found.place(read_alert(alert_value(**fleet_alert(number))))
    found.forget("a000")
    page = found.of("a001")
    assert page is not None
    assert page.members.keys() == {"a001"}
    found.forget("a001")
    found.forget("unknown")
    assert found.of("a000") is found.of("a001") is None


def test_pages_that_are_over_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_OVER", 2)
    found = Pages()
    for number in range(4):
        found.place(read_alert(alert_value(**fleet_alert(number))))
        found.place(read_alert(alert_value(**fleet_resolved(number))))
    assert [found.of(f"a00{number}") is None for number in range(4)] == [True, True, False, False]


@pytest.mark.parametrize(
    "changes",
    [
        {"incident": "another"},
        {"onset": None},
        {"onset": {"from": "nonsense", "to": "2026-03-01T13:00:00.000Z"}},
        {"onset": {"from": "2026-03-01T13:00:00", "to": "2026-03-01T13:00:00.000Z"}},
        {"model": ""},
    ],
)
def test_what_says_too_little_is_in_no_group(changes: dict[str, Any]) -> None:
    assert incident_of(read_alert(alert_value(**fleet_alert(1, **changes)))) is None
