"""What a sink of the fleet's set hears and what it holds back; ten models may expect 10.3 false alarms in March."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.alerts.fleet import Fleet
from driftline.config.durations import Duration
from driftline.config.notify_settings import NotifySettings, RouteSettings, SinkSettings, WebhookSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import FleetSettings, Settings
from driftline.notify.fleet_gate import FleetGate, standing_of
from driftline.notify.outbox import Outbox
from driftline.notify.progress import Progress
from driftline.notify.routing import Router
from driftline.runtime.encodings.event_decoder import EventDecoder
from driftline.runtime.notify.session import RawRecord, Session
from tests.support.alerts import alert, alert_fields, resolved, updated

Fields = dict[str, Any]
SETTINGS = Settings(fleet=FleetSettings(models=10))
ONE_NEEDS = 10 * 31 / 30 / 0.1
"""The e-value that a single incident needs."""


def evidence(e_value: float, month: str = "2026-03", *without: str) -> Fields:
    return {"months": [{"month": month, "e_value": e_value}], "without": list(without)}


def opened(alert_id: str, e_value: float, **changes: Any) -> Fields:  # noqa: ANN401  # any field of an alert
    model = {"model": f"model-{alert_id}", "incident": alert_id}
    return alert_fields(alert_id, **(model | {"evidence": evidence(e_value)} | changes))


def later(alert_id: str, e_value: float, revision: int = 2, **changes: Any) -> Fields:  # noqa: ANN401  # as above
    return updated(alert_id, revision, model=f"model-{alert_id}", evidence=evidence(e_value), **changes)


def over(alert_id: str, e_value: float, revision: int = 3) -> Fields:
    return resolved(alert_id, revision, model=f"model-{alert_id}", evidence=evidence(e_value))


class Sink:
    """A session of a sink of the fleet's set, whose messages are delivered at once."""

    def __init__(
        self,
        progress: Progress | None = None,
        models: int = 10,
        *,
        updates: bool = False,
        severities: tuple[Any, ...] = (),
    ) -> None:
        webhook = WebhookSettings(url="http://localhost")
        sink = SinkSettings(webhook=webhook, fleet=True, updates=updates)
        routes = (RouteSettings(("sink",), group_wait=Duration(0), severities=severities),)
        gate = FleetGate(Fleet(Settings(fleet=FleetSettings(models=models))))
        self.outbox = Outbox("sink", sink, Router(NotifySettings({"sink": sink}, routes)), gate)
        self.session = Session(self.outbox, {0: progress or Progress(0, 0)}, EventDecoder(None, Credentials()))
        self.offset = 0

    def read(self, fields: Fields | None, offset: int | None = None, key: str = "a1") -> None:
        at = self.offset if offset is None else offset
        value = None if fields is None else json.dumps(fields).encode()
        key = key if fields is None else fields["alert_id"]
        assert self.session.read(RawRecord(0, at, key.encode(), value, float(at)), 0.0) is None
        self.offset = at + 1

    def deliver(self, n: int | None = None) -> list[str]:
        told: list[str] = []
        while (n is None or len(told) < n) and self.outbox.next(0.0) is not None:
            told += [entry.key for entry in self.session.finished(0.0, sent=True).entries]
        return told

    def tell(self, *records: Fields) -> list[str]:
        for fields in records:
            self.read(fields)
        return self.deliver()


def test_an_alert_is_held_back_until_its_evidence_is_enough() -> None:
    sink = Sink()
    assert sink.tell(opened("a1", 3.0)) == []
    assert (sink.outbox.held_back, sink.session.n_held) == (frozenset({"a1"}), 1)
    assert sink.tell(later("a1", ONE_NEEDS * 0.99)) == []
    assert sink.outbox.n_records_held_back == sink.session.n_held == 2
    assert sink.tell(later("a1", ONE_NEEDS * 1.01, 3)) == ["a1/notification-1"]
    assert (sink.outbox.held_back, sink.session.n_held) == (frozenset(), 0)
    assert sink.tell(over("a1", ONE_NEEDS * 1.01, 4)) == ["a1/resolved"]


def test_others_may_bring_it_into_the_set() -> None:
    sink = Sink()
    assert sink.tell(opened("a1", ONE_NEEDS * 0.6)) == []
    assert sink.tell(opened("a2", ONE_NEEDS * 0.6)) == ["a1/notification-1", "a2/notification-1"]
    assert sink.session.n_held == 0


def test_what_is_over_before_is_not_told() -> None:
    sink = Sink()
    assert sink.tell(opened("a1", 3.0), over("a1", 3.0)) == []
    assert (sink.outbox.held_back, sink.session.n_held) == (frozenset(), 0)
    assert sink.tell(opened("a2", 3.0), resolved("a2", 2, model="model-a2", evidence=None)) == []
    assert sink.tell(over("unknown", 3.0)) == []
    assert sink.session.n_held == 0


def test_what_was_told_is_told_to_its_end_though_the_set_becomes_smaller() -> None:
    sink = Sink(models=1)
    assert sink.tell(opened("a1", 11.0)) == ["a1/notification-1"]
    more = [opened(f"b{number}", 0.1) for number in range(30)]
    assert sink.tell(*more) == [], "thirty further models raise what one incident needs to 310"
    assert sink.tell(later("a1", 11.0, 2, notification=2) | {"notify": True}) == ["a1/notification-2"]
    assert sink.tell(over("a1", 11.0)) == ["a1/resolved"]


@pytest.mark.parametrize(
    "fields",
    [
        {"evidence": None},
        {"evidence": evidence(3.0, "2026-03", "configured limit")},
        {"evidence": {"months": [], "without": ["fixed threshold"]}},
        {"evidence": evidence(3.0, "2026-3")},
    ],
)
def test_the_bound_is_not_about_what_has_no_e_value(fields: Fields) -> None:
    assert Sink().tell(opened("a1", 3.0, **fields)) == ["a1/notification-1"]


def test_what_follows_from_an_incident_is_evidence_of_it() -> None:
    sink = Sink()
    assert sink.tell(opened("a1", 3.0)) == []
    follows = opened("p1", ONE_NEEDS, incident="a1", notify=False, notification=0, model="model-a1")
    assert sink.tell(follows) == ["a1/notification-1"]
    assert sink.session.n_held == 0


def test_a_limit_that_an_incident_exceeds_lets_it_pass() -> None:
    sink = Sink()
    assert sink.tell(opened("a1", 3.0)) == []
    beside = opened("p1", 1.0, incident="a1", notify=False, notification=0)
    assert sink.tell(beside | {"evidence": evidence(1.0, "2026-03", "configured limit")}) == ["a1/notification-1"]


def test_what_is_deleted_from_the_topic_is_done() -> None:
    sink = Sink()
    sink.tell(opened("a1", 3.0))
    sink.read(None, key="a1")
    assert (sink.outbox.held_back, sink.session.n_held) == (frozenset(), 0)


def test_evidence_of_the_month_before_counts_on() -> None:
    sink = Sink()
    both = {"months": [{"month": "2026-03", "e_value": 500.0}, {"month": "2026-04", "e_value": 0.2}], "without": []}
    assert sink.tell(opened("a1", 0.0, evidence=both)) == ["a1/notification-1"]


def test_at_the_first_start_resolved_alerts_count_for_the_set_and_are_not_told() -> None:
    sink = Sink(Progress(0, 3))
    for fields in (opened("a1", ONE_NEEDS * 0.6), over("a2", ONE_NEEDS * 0.6, 1), opened("a3", 1.0)):
        sink.read(fields)
    sink.session.at_end(0, 3, 0.0)
    assert sink.deliver() == ["a1/notification-1"]
    assert sink.outbox.held_back == {"a3"}


def test_what_no_route_leads_to_the_sink_is_not_held_back_and_counts_for_the_set() -> None:
    sink = Sink(severities=("critical",))
    assert sink.tell(opened("a1", ONE_NEEDS * 0.6)) == []
    assert sink.tell(opened("a2", 3.0, severity="warning"), over("a2", 3.0) | {"severity": "warning"}) == []
    assert sink.session.n_held == 1
    assert sink.tell(opened("a3", ONE_NEEDS * 0.6, severity="warning")) == ["a1/notification-1"]
    assert sink.tell(opened("a4", 3.0, severity="warning"), later("a4", 3.0, severity="critical")) == []
    assert sink.outbox.held_back == {"a4"}


def test_updates_are_of_what_has_passed() -> None:
    sink = Sink(updates=True)
    assert sink.tell(opened("a1", 3.0), later("a1", 4.0)) == []
    assert sink.tell(later("a1", 500.0, 3), later("a1", 600.0, 4)) == ["a1/notification-1", "a1/revision-4"]


LIFE = [
    opened("a1", ONE_NEEDS * 0.4),
    opened("a2", 2.0),
    later("a2", 3.0),
    opened("a3", ONE_NEEDS * 2),
    later("a1", ONE_NEEDS * 0.45),
    over("a2", 3.0),
    opened("a4", ONE_NEEDS * 0.4),
    opened("a5", 1.0),
    over("a3", ONE_NEEDS * 2, 2),
    later("a1", ONE_NEEDS * 0.5, 3, notification=2) | {"notify": True},
    over("a1", ONE_NEEDS * 0.5, 4),
    later("a5", 2.0),
    over("a4", ONE_NEEDS * 0.4, 2),
]
TOLD = [
    "a3/notification-1",
    "a1/notification-1",
    "a4/notification-1",
    "a3/resolved",
    "a1/notification-2",
    "a1/resolved",
    "a4/resolved",
]
"""With the third of them all three are in the set: of three each needs a third of what one needs alone."""


def test_without_a_kill_all_in_the_set_is_told_once_in_order() -> None:
    sink = Sink()
    assert sink.tell(*LIFE) == TOLD
    assert sink.outbox.held_back == {"a5"}


class Run:
    """Sinks one after the other, each of which goes on from what the one before committed."""

    def __init__(self, *, compact: bool) -> None:
        self.told: list[str] = []
        self._compact = compact
        self._present = set(range(len(LIFE)))
        self._committed: tuple[int, str | None] = (0, None)
        self.sink = Sink(Progress.restored(*self._committed))

    def read_to(self, end: int) -> None:
        for offset in range(self.sink.offset, end):
            if offset in self._present:
                self.sink.read(LIFE[offset], offset)
        self.sink.offset = end
        self.sink.session.at_end(0, end, 0.0)

    def commit(self) -> None:
        for _, offset, metadata in self.sink.session.to_commit():
            self._committed = (offset, metadata)

    def kill(self, written: int) -> None:
        if self._compact:
            latest = {LIFE[offset]["alert_id"]: offset for offset in range(written)}
            self._present -= set(range(written)) - set(latest.values())
        self.sink = Sink(Progress.restored(*self._committed))


@given(
    steps=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans(), st.booleans()), max_size=12),
    compact=st.booleans(),
)
def test_kills_lose_nothing_and_tell_nothing_that_is_not_in_the_set(
    steps: list[tuple[int, int, bool, bool]], *, compact: bool
) -> None:
    run, written, every = Run(compact=compact), 0, len(LIFE)
    for n_read, n_send, commits, is_killed in [*steps, (every, every, True, True), (0, every, False, False)]:
        written = min(every, written + n_read)
        run.read_to(written)
        run.told += run.sink.deliver(n_send)
        if commits:
            run.commit()
        if is_killed:
            run.kill(written)
    assert not [key for key in run.told if key.startswith(("a2", "a5"))]
    assert run.sink.outbox.held_back == {"a5"}
    if not compact:
        assert set(run.told) == set(TOLD)
        for alert_id in ("a1", "a3", "a4"):
            first = [run.told.index(key) for key in TOLD if key.startswith(alert_id)]
            assert first == sorted(first)


def test_numbers_that_are_none_are_left_out() -> None:
    months = [{"month": "2026-03", "e_value": -1.0}, {"month": "2026-13", "e_value": 1.0}, {"month": "2026-04"}]
    standing = standing_of(alert(evidence={"months": months, "without": []}))
    assert (standing.e_values, standing.is_comparable) == ((("2026-04", 0.0),), True)
