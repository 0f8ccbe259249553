"""Whatever comes out in whatever window: pages never exceed findings / k, and no restart shows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from driftline.alerts import PREDICTION_CAUSES, AlertRules, ModelAlerts, OpeningRule, advance
from driftline.alerts.policy import check_key
from driftline.alerts.unused_findings import key_of
from tests.support.examples import examples
from tests.unit.alerts.test_lifecycle import DAY, HOUR, found, observed

if TYPE_CHECKING:
    from driftline.events.alert import AlertEvent
    from driftline.events.evidence import Severity
    from driftline.events.finding import FindingEvent

COLUMNS = ("a", "b", "c")

Seen = tuple[int, list[tuple[str, float]], set[str]]
"""Size of a window, (column, effect) of its findings, and columns whose effect is a little below the gate."""

seen = st.tuples(
    st.sampled_from([HOUR, HOUR, HOUR, DAY]),
    st.lists(st.tuples(st.sampled_from(COLUMNS), st.sampled_from([0.1, 0.2, 0.3, 1.0, 9.0])), max_size=3),
    st.sets(st.sampled_from(COLUMNS)),
)
histories = st.lists(seen, max_size=60)
openings = st.integers(1, 4).flatmap(lambda k: st.tuples(st.just(k), st.integers(k, 6)))


def windows_of(history: list[Seen]) -> list[tuple[int, int, list[FindingEvent]]]:
    """Return (end, size, findings) of each window; a column has one finding of its check at most."""
    windows = []
    for i, (size_ms, columns, _) in enumerate(history, 1):
        findings = []
        for column, effect in dict(columns).items():
            severity: Severity = "critical" if effect >= 0.25 else "warning"
            findings.append(found(i * DAY, column, effect=effect, severity=severity))
        windows.append((i * DAY, size_ms, findings))
    return windows


def run(history: list[Seen], rules: AlertRules, restarts: set[int]) -> tuple[list[AlertEvent], ModelAlerts]:
    book = ModelAlerts()
    records: list[AlertEvent] = []
    for i, (end_ms, size_ms, findings) in enumerate(windows_of(history)):
        lingering = frozenset(check_key("distribution.pearson", "feature", column) for column in history[i][2])
        observation = observed(end_ms, size_ms)._replace(lingering=lingering)
        step = advance(book, observation, findings, PREDICTION_CAUSES, rules)
        book = step.alerts
        if i in restarts:
            book = msgspec.msgpack.decode(msgspec.msgpack.encode(book), type=ModelAlerts)
        records += step.records
    return records, book


@given(histories, openings, st.integers(1, 3))
@examples(150)
def test_pages_never_exceed_findings_over_k(history: list[Seen], opening: tuple[int, int], clean: int) -> None:
    rules = AlertRules(resolve_after=clean, sizes=(HOUR, DAY), opening=OpeningRule(*opening), remind_after_ms=5 * DAY)
    records, book = run(history, rules, set())
    n_findings: Counter[str] = Counter()
    for _, size_ms, findings in windows_of(history):
        n_findings.update(key_of(finding, size_ms) for finding in findings)
    n_pages = sum(record.notify for record in records)
    # A page takes k findings of one check, so a check can make at most findings // k.
    assert n_pages <= sum(n // opening[0] for n in n_findings.values())
    assert sum(record.revision == 1 for record in records) <= n_pages
    kept = [numbers for entries in book.signals.tally.found.values() for numbers in entries.values()]
    assert all(len(numbers) <= opening[0] for numbers in kept)
    assert len(kept) <= len(n_findings)


@given(histories, openings, st.sets(st.integers(0, 59)))
@examples(60)
def test_restarts_do_not_show(history: list[Seen], opening: tuple[int, int], restarts: set[int]) -> None:
    rules = AlertRules(resolve_after=2, sizes=(HOUR, DAY), opening=OpeningRule(*opening), remind_after_ms=5 * DAY)
    assert run(history, rules, restarts) == run(history, rules, set())


@given(histories, openings)
@examples(60)
def test_a_record_says_how_many_pages_came_before(history: list[Seen], opening: tuple[int, int]) -> None:
    rules = AlertRules(resolve_after=2, sizes=(HOUR, DAY), opening=OpeningRule(*opening))
    by_alert: dict[str, list[AlertEvent]] = {}
    for record in run(history, rules, set())[0]:
        by_alert.setdefault(record.alert_id, []).append(record)
    for records in by_alert.values():
        assert [record.revision for record in records] == list(range(1, len(records) + 1))
        n_pages = 0
        for record in records:
            n_pages += record.notify
            assert record.notification == n_pages
        assert records[0].notify
