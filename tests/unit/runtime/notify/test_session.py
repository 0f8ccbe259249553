"""A run that is stopped anywhere and goes on from what was committed tells the same, in order, with repetitions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.durations import Duration
from driftline.config.notify_settings import (
    DigestSettings,
    NotifySettings,
    RouteSettings,
    SinkSettings,
    WebhookSettings,
)
from driftline.config.secrets import Credentials
from driftline.notify.outbox import Outbox
from driftline.notify.progress import Progress
from driftline.notify.routing import Router
from driftline.runtime.encodings.event_decoder import EventDecoder
from driftline.runtime.notify.session import RawRecord, Session
from tests.support.alerts import alert_fields, resolved, updated
from tests.support.fleets import fleet_alert, fleet_resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

Fields = dict[str, Any]


def raw(offset: int, fields: Fields | bytes | None, key: bytes = b"a1") -> RawRecord:
    value = json.dumps(fields).encode() if isinstance(fields, dict) else fields
    return RawRecord(0, offset, key, value, float(offset))


def session(progress: Progress, *, digest: bool = False, group_wait_s: int = 0) -> Session:
    webhook = WebhookSettings(url="http://localhost")
    sink = SinkSettings(webhook=webhook, digest=DigestSettings(every=Duration(3_600_000)) if digest else None)
    routes = (RouteSettings(("sink",), group_wait=Duration(1_000 * group_wait_s)),)
    outbox = Outbox("sink", sink, Router(NotifySettings({"sink": sink}, routes)))
    return Session(outbox, {0: progress}, EventDecoder(None, Credentials()))


def delivered(found: Session, now_s: float, n: int | None = None) -> list[str]:
    keys: list[str] = []
    while (n is None or len(keys) < n) and found.outbox.next(now_s) is not None:
        keys += [entry.key for entry in found.finished(now_s, sent=True).entries]
    return keys


def committed(found: Session) -> tuple[int, str]:
    ((_, offset, metadata),) = found.to_commit()
    return offset, metadata


LIFE = [
    alert_fields("a1"),
    alert_fields("a2", severity="warning"),
    updated("a1"),
    resolved("a1"),
    updated("a2", severity="warning"),
    alert_fields("a3"),
    alert_fields("a2", severity="critical", revision=3, notification=2, notified_for="more severe"),
    resolved("a2", revision=4),
    resolved("a3", revision=2),
]
TOLD = ["a1/notification-1", "a2/notification-1", "a1/resolved", "a3/notification-1", "a2/notification-2"]


class Life:
    """The life of three alerts, read by sessions one after the other, each of which goes on from what was committed."""

    def __init__(self, *, digest: bool, compact: bool) -> None:
        self.told: list[str] = []
        self._digest, self._compact = digest, compact
        self._present = set(range(len(LIFE)))
        self._stored: tuple[int, str | None] = (0, None)
        self._begin()

    def _begin(self) -> None:
        self.session = session(Progress.restored(*self._stored), digest=self._digest)
        self._position = 0

    def read_to(self, end: int) -> None:
        for offset in range(self._position, end):
            if offset in self._present:
                assert self.session.read(raw(offset, LIFE[offset]), 0.0) is None
        self._position = end
        self.session.at_end(0, end, 0.0)

    def deliver(self, n: int | None = None, now_s: float = 0.0) -> None:
        self.told += delivered(self.session, now_s, n)

    def commit(self) -> None:
        for _, offset, metadata in self.session.to_commit():
            self._stored = (offset, metadata)

    def kill(self) -> None:
        """End the session; with compaction, only the latest record of each alert is left for the next one."""
        if self._compact:
            self._present -= superseded(range(self._position))
        self._begin()


@given(
    steps=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans(), st.booleans()), max_size=12),
    digest=st.booleans(),
    compact=st.booleans(),
)
def test_nothing_is_lost_by_kills_whenever_they_come(
    steps: list[tuple[int, int, bool, bool]], *, digest: bool, compact: bool
) -> None:
    life, written = Life(digest=digest, compact=compact), 0
    for n_read, n_send, commits, is_killed in steps:
        written = min(len(LIFE), written + n_read)
        life.read_to(written)
        life.deliver(n_send)
        if commits:
            life.commit()
        if is_killed:
            life.kill()
    life.read_to(len(LIFE))
    life.deliver()
    life.deliver(now_s=1e9)
    assert (committed(life.session)[0], life.session.n_held) == (len(LIFE), 0)
    assert {key for key in life.told if key.endswith("resolved")} == {f"a{number}/resolved" for number in (1, 2, 3)}
    if not compact and not digest:
        every = [*TOLD, "a2/resolved", "a3/resolved"]
        assert set(life.told) == set(every)
        for alert_id in ("a1", "a2", "a3"):
            first = [life.told.index(key) for key in every if key.startswith(alert_id)]
            assert first == sorted(first)


def superseded(offsets: Sequence[int]) -> set[int]:
    latest = {LIFE[offset]["alert_id"]: offset for offset in offsets}
    return set(offsets) - set(latest.values())


def test_without_a_kill_everything_is_told_once_in_order() -> None:
    found = session(Progress(0, 0))
    for offset, fields in enumerate(LIFE):
        found.read(raw(offset, fields), 0.0)
    assert delivered(found, 0.0) == [*TOLD, "a2/resolved", "a3/resolved"]
    assert committed(found)[0] == len(LIFE)


def test_at_the_first_start_only_what_is_open_is_told() -> None:
    found = session(Progress(0, 7))
    for offset, fields in enumerate(LIFE[:7]):
        found.read(raw(offset, fields), 0.0)
    assert found.in_history
    assert delivered(found, 0.0) == []
    found.at_end(0, 7, 0.0)
    assert not found.in_history
    stored = committed(found)
    assert stored[0] == 1
    again = session(Progress.restored(*stored))
    for offset, fields in enumerate(LIFE):
        again.read(raw(offset, fields), 0.0)
    expected = ["a3/notification-1", "a2/notification-2", "a2/resolved", "a3/resolved"]
    assert delivered(again, 0.0) == expected
    assert delivered(found, 0.0) == expected[:2]


def test_a_crash_before_anything_is_sent_does_not_make_news_history() -> None:
    found = session(Progress(0, 1, is_new=True))
    assert found.is_new
    stored = committed(found)
    found.committed(0, *stored)
    assert not found.is_new
    again = session(Progress.restored(*stored))
    for offset, fields in enumerate([resolved("over"), alert_fields("a1"), resolved("a1")]):
        again.read(raw(offset, fields), 0.0)
    assert delivered(again, 0.0) == ["a1/notification-1", "a1/resolved"]


def test_what_was_sent_while_something_else_waits_is_not_sent_again() -> None:
    found = session(Progress(0, 0), digest=True)
    found.read(raw(0, alert_fields("mild", severity="warning")), 0.0)
    found.read(raw(1, alert_fields("bad")), 0.0)
    assert delivered(found, 0.0) == ["bad/notification-1"]
    again = session(Progress.restored(*committed(found)), digest=True)
    again.read(raw(0, alert_fields("mild", severity="warning")), 0.0)
    again.read(raw(1, alert_fields("bad")), 0.0)
    assert delivered(again, 0.0) == []
    assert delivered(again, 3_600.0) == ["mild/notification-1"]


def test_nothing_is_committed_before_what_is_done_is_known() -> None:
    first = session(Progress(0, 0), digest=True)
    first.read(raw(0, alert_fields(severity="warning")), 0.0)
    again = session(Progress.restored(*committed(first)), digest=True)
    assert list(again.to_commit()) == []
    assert not again.is_caught_up
    again.at_end(0, 1, 0.0)
    assert committed(again)[0] == 1


@pytest.mark.parametrize("value", [b"{", b"\xff", b'{"alert_id": 1}'])
def test_what_cannot_be_read_is_held_until_it_is_done_and_the_stream_goes_on(value: bytes) -> None:
    found = session(Progress(0, 0))
    assert found.read(raw(0, alert_fields()), 0.0) is None
    delivered(found, 0.0)
    problem = found.read(raw(1, value), 0.0)
    assert problem is not None
    assert "no alert" in problem
    assert committed(found)[0] == 1
    found.done([(0, 1)])
    assert found.read(raw(2, resolved()), 0.0) is None
    assert delivered(found, 0.0) == ["a1/resolved"]
    assert committed(found)[0] == 3
    again = session(Progress.restored(*committed(found)))
    assert again.read(raw(1, value), 0.0) is None


def test_an_alert_that_was_deleted_from_the_topic_is_forgotten() -> None:
    found = session(Progress(0, 0))
    found.read(raw(0, alert_fields()), 0.0)
    delivered(found, 0.0)
    assert [alert.alert_id for alert in found.outbox.open_alerts()] == ["a1"]
    found.read(raw(1, None), 0.0)
    assert list(found.outbox.open_alerts()) == []
    assert committed(found)[0] == 2


FLEET = [
    *(fleet_alert(number) for number in range(3)),
    alert_fields("other"),
    fleet_alert(1, revision=2, notification=2, notified_for="far greater effect"),
    fleet_alert(3),
    fleet_resolved(0),
    fleet_resolved(1, 3, notification=2),
    fleet_resolved(3),
    resolved("other", revision=2),
    fleet_resolved(2),
]
FLEET_TOLD = [
    "a000/notification-1",
    "other/notification-1",
    "a001/notification-2",
    "other/resolved",
    "a000/page-resolved",
]


def sent(found: Session, now_s: float, n: int | None = None) -> list[str]:
    keys: list[str] = []
    while (n is None or len(keys) < n) and found.outbox.next(now_s) is not None:
        keys.append(found.finished(now_s, sent=True).key)
    return keys


@given(
    n_read=st.integers(0, len(FLEET)),
    n_sent=st.integers(0, len(FLEET_TOLD)),
    group_wait_s=st.sampled_from([0, 30]),
    commits=st.booleans(),
)
def test_a_restart_finds_the_pages_of_many_models_again_and_makes_no_second_one(
    n_read: int, n_sent: int, group_wait_s: int, *, commits: bool
) -> None:
    first = session(Progress(0, 0), group_wait_s=group_wait_s)
    for offset, fields in enumerate(FLEET[:n_read]):
        first.read(raw(offset, fields), 0.0)
    told = sent(first, 30.0, n_sent)
    again = session(
        Progress.restored(*committed(first)) if commits and list(first.to_commit()) else Progress(0, 0),
        group_wait_s=group_wait_s,
    )
    for offset, fields in enumerate(FLEET):
        again.read(raw(offset, fields), 100.0)
    told += sent(again, 200.0)
    assert set(told) == set(FLEET_TOLD)
    repeated = [key for key in set(told) if told.count(key) > 1]
    assert not commits or not repeated
