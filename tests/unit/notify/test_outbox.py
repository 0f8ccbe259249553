"""What a sink hears of a sequence of records, in which messages, and which records are then done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from driftline.config.durations import Duration
from driftline.config.notify_settings import (
    AlertmanagerSettings,
    DigestSettings,
    NotifySettings,
    PagerDutySettings,
    RateLimit,
    RouteSettings,
    SinkSettings,
    WebhookSettings,
)
from driftline.notify.outbox import Outbox
from driftline.notify.routing import Router
from tests.support.alerts import alert, alert_fields, record, resolved, updated

if TYPE_CHECKING:
    from driftline.notify.message import Message

WEBHOOK = WebhookSettings(url="http://localhost")
AT_ONCE = RouteSettings(("sink",), group_wait=Duration(0))


class Sink:
    """An outbox whose messages are delivered as soon as they may be; remembers what it was sent and what is done."""

    def __init__(self, *routes: RouteSettings, **settings: Any) -> None:  # noqa: ANN401  # any setting of a sink
        sink = SinkSettings(**({"webhook": WEBHOOK} | settings))
        self.outbox = Outbox("sink", sink, Router(NotifySettings({"sink": sink}, routes or (AT_ONCE,))))
        self.done: set[int] = set()
        self.offset = 0

    def take(self, *fields: dict[str, Any], now_s: float = 0.0) -> None:
        for each in fields:
            taken = self.outbox.take(record(self.offset, each, now_s), now_s)
            self.done.update(offset for _, offset in taken)
            self.offset += 1

    def deliver(self, now_s: float = 0.0) -> list[Message]:
        sent = []
        while self.outbox.next(now_s) is not None:
            message = self.outbox.waiting.finished(now_s, sent=True)
            self.done.update(offset for _, offset in message.positions)
            sent.append(message)
        return sent

    def news(self, *fields: dict[str, Any]) -> list[tuple[str, str]]:
        self.take(*fields)
        return [(entry.alert.alert_id, entry.news) for message in self.deliver() for entry in message.entries]


def again(alert_id: str = "a1", revision: int = 3, notification: int = 2, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return alert_fields(alert_id, revision=revision, notification=notification, notified_for="more severe", **changes)


def test_opening_notifications_and_resolution_are_news_and_other_changes_are_not() -> None:
    sink = Sink()
    assert sink.news(alert_fields(), updated(), again(), updated(revision=4, notification=2), resolved(revision=5)) == [
        ("a1", "opened"),
        ("a1", "again"),
        ("a1", "resolved"),
    ]
    assert sink.done == {0, 1, 2, 3, 4}


def test_with_updates_every_change_is_news() -> None:
    assert Sink(updates=True).news(alert_fields(), updated(), resolved()) == [
        ("a1", "opened"),
        ("a1", "updated"),
        ("a1", "resolved"),
    ]


def test_what_a_crash_of_detection_repeats_is_no_news() -> None:
    sink = Sink()
    records = [alert_fields(), updated(), resolved()]
    assert len(sink.news(*records)) == 2
    assert sink.news(*records, *records) == []
    assert sink.done == set(range(9))


def test_an_alert_that_no_route_leads_to_the_sink_is_no_news() -> None:
    sink = Sink(RouteSettings(("sink",), severities=("critical",)))
    assert sink.news(alert_fields(severity="warning"), resolved(severity="warning")) == []
    assert sink.done == {0, 1}


@pytest.mark.parametrize("notifies", [True, False])
def test_an_alert_that_becomes_worse_reaches_the_sink_of_its_new_severity(notifies: bool) -> None:  # noqa: FBT001
    sink = Sink(RouteSettings(("sink",), severities=("critical",), group_wait=Duration(0)))
    worse = updated(revision=2) if not notifies else again(revision=2)
    found = sink.news(alert_fields(severity="warning"), worse, resolved())
    assert found == [("a1", "again" if notifies else "opened"), ("a1", "resolved")]


def test_a_sink_hears_of_an_alert_to_its_end_even_if_another_route_takes_it() -> None:
    sink = Sink(RouteSettings(("sink",), severities=("warning",), group_wait=Duration(0)))
    assert sink.news(alert_fields(severity="warning"), again(), resolved(revision=4)) == [
        ("a1", "opened"),
        ("a1", "again"),
        ("a1", "resolved"),
    ]


def test_a_notification_whose_record_was_compacted_away_is_sent_with_the_next_record() -> None:
    sink = Sink()
    assert sink.news(updated(revision=7)) == [("a1", "opened")]
    assert sink.news(updated(revision=9, notification=2)) == [("a1", "again")]
    assert sink.news(updated(revision=10, notification=2)) == []


def test_what_an_earlier_run_was_done_with_is_only_learnt() -> None:
    sink = Sink()
    sink.outbox.settled(alert("a1"))
    sink.outbox.settled(alert("a2", state="resolved", revision=3))
    assert sink.news(updated(), resolved(), resolved("a2")) == [("a1", "resolved")]


def test_of_the_history_only_open_alerts_are_news() -> None:
    sink = Sink()
    history = [
        alert_fields("a1"),
        alert_fields("a2"),
        updated("a1"),
        resolved("a2"),
        alert_fields("a3"),
        resolved("a4"),
        alert_fields("a1"),
    ]
    for offset, fields in enumerate(history):
        sink.done.update(each for _, each in sink.outbox.take_history(record(offset, fields)))
    sink.offset = len(history)
    assert sink.deliver() == []
    assert sink.done == {1, 3, 5}
    assert sink.outbox.end_history(0, 0.0) == []
    assert [entry.alert.revision for message in sink.deliver() for entry in message.entries] == [2, 1]
    assert sink.done == {0, 1, 2, 3, 4, 5, 6}
    assert sink.news(resolved("a2"), resolved("a1")) == [("a1", "resolved")]


def test_openings_at_nearly_the_same_time_make_one_message() -> None:
    sink = Sink(RouteSettings(("sink",), group_by=("model",), group_wait=Duration(10_000)))
    sink.take(alert_fields("a1"), alert_fields("a2", model="fraud"), now_s=100.0)
    sink.take(alert_fields("a3", cause="labels"), now_s=105.0)
    assert sink.deliver(109.9) == []
    assert sink.outbox.waiting.wake_at(105.0) == 110.0
    first, second = sink.deliver(110.0)
    assert (first.kind, [each.alert.alert_id for each in first.entries]) == ("group", ["a1", "a3"])
    assert (second.kind, second.key) == ("single", "a2/notification-1")


def test_what_follows_an_opening_that_waits_for_its_group_ends_the_wait() -> None:
    sink = Sink(RouteSettings(("sink",), group_wait=Duration(10_000)))
    assert sink.news(alert_fields("a1"), alert_fields("a2"), resolved("a1")) == [
        ("a1", "opened"),
        ("a2", "opened"),
        ("a1", "resolved"),
    ]


def test_a_change_that_is_no_news_waits_with_the_alerts_latest_entry() -> None:
    sink = Sink(RouteSettings(("sink",), group_wait=Duration(10_000)))
    sink.take(alert_fields("a1"), updated("a1"))
    assert sink.done == set()
    assert len(sink.deliver(10.0)) == 1
    assert sink.done == {0, 1}
    sink.take(resolved("a1"))
    assert sink.outbox.next(11.0) is not None
    sink.take(resolved("a1"), alert_fields("a1"))
    assert sink.done == {0, 1}
    sink.deliver(11.0)
    assert sink.done == {0, 1, 2, 3, 4}


def test_what_exceeds_the_rate_limit_becomes_one_message_that_says_which() -> None:
    sink = Sink(rate_limit=RateLimit(2, Duration(60_000)))
    names = [f"a{number}" for number in range(6)]
    sink.take(*map(alert_fields, names))
    assert [message.key for message in sink.deliver(100.0)] == ["a0/notification-1", "a1/notification-1"]
    assert sink.outbox.waiting.wake_at(100.0) == 160.0
    assert sink.deliver(159.0) == []
    (burst,) = sink.deliver(160.0)
    assert (burst.kind, [entry.alert.alert_id for entry in burst.entries]) == ("burst", names[2:])
    assert sink.done == set(range(6))


def test_pagerduty_gets_each_alert_by_itself_whatever_the_rate() -> None:
    pagerduty = PagerDutySettings(routing_key_env="KEY")
    sink = Sink(
        RouteSettings(("sink",), group_wait=Duration(10_000)),
        webhook=None,
        pagerduty=pagerduty,
        rate_limit=RateLimit(1, Duration(60_000)),
    )
    sink.take(alert_fields("a1"), alert_fields("a2"), alert_fields("a3"))
    sent = [sink.deliver(now_s) for now_s in (9.0, 10.0, 40.0, 70.0, 130.0)]
    assert [[message.kind for message in each] for each in sent] == [[], ["single"], [], ["single"], ["single"]]


def test_alertmanager_gets_every_change_at_once_and_its_open_alerts_are_known() -> None:
    manager = AlertmanagerSettings(url="http://localhost")
    sink = Sink(webhook=None, alertmanager=manager, rate_limit=RateLimit(1, Duration(60_000)))
    assert sink.news(alert_fields("a1"), alert_fields("a2"), updated("a1"), resolved("a2")) == [
        ("a1", "opened"),
        ("a2", "opened"),
        ("a1", "updated"),
        ("a2", "resolved"),
    ]
    assert [(each.alert_id, each.revision) for each in sink.outbox.open_alerts()] == [("a1", 2)]
    assert sink.outbox.forget("a1") == []
    assert list(sink.outbox.open_alerts()) == []


def test_what_is_not_urgent_waits_for_the_digest_and_what_is_does_not() -> None:
    sink = Sink(digest=DigestSettings(every=Duration(3_600_000)))
    sink.take(alert_fields("mild", severity="warning"), alert_fields("bad"), now_s=1_000.0)
    assert [message.key for message in sink.deliver(1_000.0)] == ["bad/notification-1"]
    assert sink.done == {1}
    sink.take(alert_fields("other", severity="info"), resolved("mild", severity="warning"), now_s=2_000.0)
    assert sink.deliver(3_599.0) == []
    assert sink.outbox.waiting.wake_at(2_000.0) == 3_600.0
    (digest,) = sink.deliver(3_600.0)
    assert digest.kind == "digest"
    assert [(entry.alert.alert_id, entry.news) for entry in digest.entries] == [
        ("mild", "resolved"),
        ("other", "opened"),
    ]
    assert sink.done == {0, 1, 2, 3}


def test_an_alert_in_the_digest_that_becomes_critical_is_sent_at_once_and_only_once() -> None:
    sink = Sink(digest=DigestSettings())
    sink.take(alert_fields(severity="warning"), again(severity="critical"))
    (message,) = sink.deliver()
    assert (message.key, sink.done) == ("a1/notification-2", {0, 1})
    assert sink.deliver(1e9) == []


def test_a_digest_that_was_missed_is_sent_at_once_and_a_full_one_too() -> None:
    sink = Sink(digest=DigestSettings(every=Duration(3_600_000), shift=Duration(60_000)))
    sink.outbox.take(record(0, alert_fields(severity="warning"), time_s=3_000.0), 9_000.0)
    assert len(sink.deliver(9_000.0)) == 1
    sink.take(*(alert_fields(f"b{number}", severity="warning") for number in range(199)), now_s=9_000.0)
    assert sink.deliver(9_000.0) == []
    sink.take(alert_fields("last", severity="warning"), now_s=9_000.0)
    assert [len(message.entries) for message in sink.deliver(9_000.0)] == [200]


def test_keys_of_notifications_and_of_revisions_cannot_be_taken_for_each_other() -> None:
    sink = Sink(updates=True)
    sink.take(alert_fields(), updated(revision=2), again(revision=3, notification=2), resolved(revision=4))
    keys = [message.key for message in sink.deliver()]
    assert keys == ["a1/notification-1", "a1/revision-2", "a1/notification-2", "a1/resolved"]


def test_a_message_is_the_same_until_it_is_finished() -> None:
    sink = Sink(rate_limit=RateLimit(1, Duration(60_000)))
    sink.take(alert_fields("a1"))
    first = sink.outbox.next(0.0)
    sink.take(alert_fields("a2"))
    assert sink.outbox.next(1e6) is first
    with pytest.raises(RuntimeError, match="No message"):
        Sink().outbox.waiting.finished(0.0, sent=True)
