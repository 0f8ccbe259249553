"""How many notifications each model made in a month, and when that is said."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from driftline.events.cloudevents import PAGES, epoch_ms
from driftline.events.model_key import ModelKey
from driftline.events.output_record import OutputRecord
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.model_setup import WatermarkReach
from driftline.monitoring.pages.page_accounts import PageAccounts
from driftline.panes.flush_record import PaneDelta
from tests.support.monitor_runs import run, run_with_crashes
from tests.support.monitored import KEY, SETTINGS, flush, mark, one_partition, predictions
from tests.support.pages import DAY_MS, notification, page_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

MARCH, APRIL, MAY, JUNE = (epoch_ms(f"2026-0{month}-01T00:00:00.000Z") for month in (3, 4, 5, 6))
PANE_MS = 10_000


def panes(accounts: PageAccounts, first_ms: int, last_ms: int, key: ModelKey = KEY) -> None:
    for start_ms in (first_ms, last_ms):
        accounts.add(PaneDelta(key, SEGMENT_ALL, start_ms, "", 50, {}, None, []), PANE_MS)


def events(records: Iterable[OutputRecord]) -> list[dict[str, Any]]:
    return [
        json.loads(record.value)
        for record in records
        if record.value is not None and dict(record.headers).get("ce_type") == PAGES.encode()
    ]


def n_notifications(records: Iterable[OutputRecord]) -> int:
    values = [json.loads(each.value) for each in records if each.channel == "alerts" and each.value is not None]
    return sum(each["notify"] for each in values)


def at(accounts: PageAccounts, predictions_ms: int, joins_ms: int | None = None) -> list[dict[str, Any]]:
    joins = None if joins_ms is None else WatermarkReach(joins_ms, joins_ms)
    return events(accounts.advance(WatermarkReach(predictions_ms, predictions_ms), joins))


def test_a_month_is_reported_when_the_watermark_has_passed_its_end() -> None:
    accounts = PageAccounts(page_settings(labels=False))
    panes(accounts, MARCH + DAY_MS, MARCH + 21 * DAY_MS - PANE_MS)
    accounts.count([notification(KEY, MARCH + 2 * DAY_MS), notification(KEY, MARCH + 3 * DAY_MS, severity="critical")])
    accounts.count([notification(KEY, MARCH + 4 * DAY_MS, in_budget=False, cause="data quality")])
    assert at(accounts, APRIL - 1) == []
    (event,) = at(accounts, APRIL)
    assert event["window"]["start"] == "2026-03-01T00:00:00.000Z"
    assert event["window"]["end"] == "2026-04-01T00:00:00.000Z"
    assert event["watched"] == {"from": "2026-03-02T00:00:00.000Z", "to": "2026-03-22T00:00:00.000Z"}
    assert (event["revision"], event["awaits_labels"], event["n"]) == (1, False, 100)
    assert (event["budget_pages"], event["horizon_ms"], event["promised"]) == (2.0, 10 * DAY_MS, 4.0)
    assert (event["paged"], event["paged_within_budget"], event["paged_outside_budget"]) == (3, 2, 1)
    assert event["severities"] == {"critical": 1, "warning": 2}
    assert event["causes"] == {"data drift": 2, "data quality": 1}
    assert at(accounts, MAY) == []


def test_a_month_without_a_notification_is_reported_too() -> None:
    accounts = PageAccounts(page_settings(labels=False))
    panes(accounts, MARCH, MARCH)
    (event,) = at(accounts, APRIL)
    assert (event["paged"], event["severities"]) == (0, {})


def test_what_opens_nothing_new_and_what_is_of_no_model_counts_for_nobody() -> None:
    accounts = PageAccounts(page_settings(labels=False))
    accounts.count(
        [
            notification(KEY, MARCH, notify=False),
            notification(ModelKey("", "labels"), MARCH),
            OutputRecord("alerts", b"a", None, ()),
            OutputRecord("events", b"a", b"{}", ()),
        ]
    )
    assert at(accounts, JUNE) == []


def test_with_labels_a_month_is_reported_at_once_and_again_when_they_have_come() -> None:
    accounts = PageAccounts(page_settings())
    panes(accounts, MARCH, APRIL - PANE_MS)
    accounts.count([notification(KEY, MARCH + DAY_MS), notification(KEY, MARCH + DAY_MS, cause="performance")])
    (first,) = at(accounts, APRIL, MARCH + DAY_MS)
    assert (first["revision"], first["awaits_labels"], first["paged"]) == (1, True, 1)
    accounts.count([notification(KEY, APRIL - 1, cause="labels"), notification(KEY, APRIL, cause="labels")])
    assert at(accounts, APRIL + DAY_MS, APRIL - 1) == []
    (second,) = at(accounts, APRIL + DAY_MS, APRIL)
    assert (second["revision"], second["awaits_labels"], second["paged"]) == (2, False, 3)
    assert second["causes"] == {"data drift": 1, "labels": 1, "performance": 1}


@pytest.mark.parametrize("lag_days", [0, 1, 40])
def test_how_far_labels_are_behind_does_not_show_in_the_events(lag_days: int) -> None:
    found: list[bytes | None] = []
    accounts = PageAccounts(page_settings())
    for day in range(170):
        moment = MARCH + day * DAY_MS
        if day < 100:
            panes(accounts, moment, moment)
        if day < 100 and day % 9 == 0:
            accounts.count([notification(KEY, moment + 1)])
        label_day = day - lag_days
        if 0 <= label_day < 100 and label_day % 7 == 0:
            accounts.count([notification(KEY, MARCH + label_day * DAY_MS + 1, cause="performance")])
        joins_ms = MARCH + label_day * DAY_MS
        found += [
            record.value
            for record in accounts.advance(WatermarkReach(moment, moment), WatermarkReach(joins_ms, joins_ms))
        ]
    told = [msgspec.json.decode(each or b"") for each in found]
    assert sorted((each["window"]["start"][:7], each["revision"], each["paged"]) for each in told) == [
        ("2026-03", 1, 4),
        ("2026-03", 2, 9),
        ("2026-04", 1, 3),
        ("2026-04", 2, 7),
        ("2026-05", 1, 4),
        ("2026-05", 2, 9),
        ("2026-06", 1, 1),
        ("2026-06", 2, 2),
    ]


def test_a_late_notification_is_a_further_revision() -> None:
    accounts = PageAccounts(page_settings(labels=False))
    panes(accounts, MARCH, MARCH)
    at(accounts, APRIL)
    accounts.count([notification(KEY, APRIL - 1)])
    (event,) = at(accounts, APRIL)
    assert (event["revision"], event["paged"]) == (2, 1)


def test_the_present_month_is_known_before_it_is_over() -> None:
    accounts = PageAccounts(page_settings())
    assert accounts.latest_month(KEY) == {}
    accounts.count([notification(KEY, MARCH), notification(KEY, MARCH + 1, severity="critical", cause="performance")])
    assert accounts.latest_month(KEY) == {"critical": 1, "warning": 1}
    panes(accounts, APRIL, APRIL)
    assert accounts.latest_month(KEY) == {}


def test_each_version_has_an_account_of_its_own() -> None:
    accounts = PageAccounts(page_settings(labels=False))
    for version in ("1", "2"):
        panes(accounts, MARCH, MARCH, ModelKey("m", version))
    accounts.count([notification(ModelKey("m", "2"), MARCH + 1)])
    assert [(each["model_version"], each["paged"]) for each in at(accounts, APRIL)] == [("1", 0), ("2", 1)]


def test_months_that_are_over_and_models_that_are_gone_are_forgotten() -> None:
    accounts = PageAccounts(page_settings())
    (months,) = accounts.tables
    for month in (MARCH, APRIL, MAY):
        panes(accounts, month, month)
    at(accounts, JUNE, MAY)
    assert sorted(months[KEY]) == [APRIL, MAY]
    at(accounts, JUNE, JUNE)
    assert sorted(months[KEY]) == [MAY]
    at(accounts, JUNE + 40 * DAY_MS, JUNE + 40 * DAY_MS)
    assert KEY not in months


@pytest.mark.parametrize("with_labels", [False, True])
def test_crashes_and_how_flushes_are_cut_change_no_event(with_labels: bool) -> None:  # noqa: FBT001
    settings = SETTINGS if with_labels else msgspec.structs.replace(SETTINGS, labels=None)
    items = predictions(APRIL - 300_000, 600)
    items = [replace(item, x=item.x + (9 if 100 <= index < 450 else 0)) for index, item in enumerate(items)]
    traffic = one_partition(items)
    records = [flush(traffic, start, start + 20) for start in range(0, 600, 20)]
    records += [mark(APRIL + 600_000), mark(MAY)]
    whole = run(records, settings, traffic.published).outputs
    found = events(whole)
    assert sorted((each["window"]["start"][:7], each["n"], each["awaits_labels"]) for each in found) == [
        ("2026-03", 300, with_labels),
        ("2026-04", 300, with_labels),
    ]
    assert sum(each["paged"] for each in found) == n_notifications(whole) > 0
    for seed in range(3):
        crashed = run_with_crashes(records, settings, traffic.published, random.Random(seed), 4)
        assert crashed.outputs == whole
    at_once = run([flush(traffic, 0, 600), *records[-2:]], settings, traffic.published).outputs
    assert sorted(map(str, events(at_once))) == sorted(map(str, found))
