"""An alert opens after k findings of one check in n windows, and these findings are used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from driftline.alerts import PREDICTION_CAUSES, AlertRules, ModelAlerts, OpeningRule, advance
from tests.unit.alerts.test_lifecycle import DAY, HOUR, found, observed

if TYPE_CHECKING:
    from driftline.events.finding import FindingEvent


def rules(k: int, n: int) -> AlertRules:
    return AlertRules(resolve_after=2, sizes=(HOUR, DAY), opening=OpeningRule(k, n))


def opened_at(hours: dict[int, list[FindingEvent]], rule: AlertRules) -> list[int]:
    """Return the hours in which an alert opened, for the first time or again."""
    book, opened = ModelAlerts(), []
    for hour in range(1, max(hours) + 1):
        step = advance(book, observed(hour * HOUR), hours.get(hour, []), PREDICTION_CAUSES, rule)
        book = msgspec.msgpack.decode(msgspec.msgpack.encode(step.alerts), type=ModelAlerts)
        opened += [hour for alert in step.records if alert.notify and alert.notified_for in {"opened", "reopened"}]
    return opened


@pytest.mark.parametrize(
    ("k", "n", "hours", "expected"),
    [
        (2, 3, (1, 2), [2]),
        (2, 3, (1, 3), [3]),
        (2, 3, (1, 4), []),
        (3, 5, (1, 3, 5), [5]),
        (3, 5, (1, 3, 6), []),
        (3, 5, (1, 3, 6, 7), [7]),
        (1, 1, (4,), [4]),
    ],
)
def test_k_findings_in_n_windows_open_an_alert(k: int, n: int, hours: tuple[int, ...], expected: list[int]) -> None:
    assert opened_at({hour: [found(hour * HOUR)] for hour in hours}, rules(k, n)) == expected


def test_an_opening_uses_its_findings_up() -> None:
    hours = (1, 2, 5, 7)  # opens in 2, is clean in 3 and 4, and another column needs two of its own
    findings = {hour: [found(hour * HOUR, "income" if hour < 5 else "age")] for hour in hours}
    assert opened_at(findings, rules(2, 10)) == [2, 7]


def test_each_column_check_and_size_counts_for_itself() -> None:
    two = rules(2, 4)
    other_check = msgspec.structs.replace(found(3 * HOUR), check="distribution.other")
    mixed = {1: [found(HOUR)], 2: [found(2 * HOUR, "age")], 3: [other_check]}
    assert opened_at(mixed, two) == []
    assert opened_at({**mixed, 4: [found(4 * HOUR, "age")]}, two) == [4]
    book = advance(ModelAlerts(), observed(DAY, DAY), [found(DAY)], PREDICTION_CAUSES, two).alerts
    assert advance(book, observed(DAY + HOUR), [found(DAY + HOUR)], PREDICTION_CAUSES, two).records == ()


def test_causes_count_for_themselves() -> None:
    absent = found(2 * HOUR, family="quality")
    assert opened_at({1: [found(HOUR)], 2: [absent], 3: [found(3 * HOUR, family="quality")]}, rules(2, 2)) == [3]


def test_the_opening_shows_all_findings_of_its_cause() -> None:
    book = advance(ModelAlerts(), observed(HOUR), [found(HOUR)], PREDICTION_CAUSES, rules(2, 2)).alerts
    both = [found(2 * HOUR), found(2 * HOUR, "age")]
    (alert,) = advance(book, observed(2 * HOUR), both, PREDICTION_CAUSES, rules(2, 2)).records
    assert (alert.n_findings, alert.title) == (2, "age: distribution changed and 1 more column")


def test_information_counts_for_nothing() -> None:
    info = [found(hour * HOUR, severity="info") for hour in (1, 2, 3)]
    assert opened_at({hour: [each] for hour, each in enumerate(info, 1)}, rules(1, 1)) == []
