from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from driftline.events.output_record import OutputRecord, tombstone
from driftline.runtime.detect.alert_log import log_alert

ALERT = {
    "alert_id": "a1",
    "state": "open",
    "revision": 1,
    "notify": True,
    "notified_for": "opened",
    "model": "credit",
    "model_version": "3",
    "severity": "warning",
    "title": "income: mean 52,000 → 70,200",
    "sentence": "Since 12:10 incomes are higher.",
    "cause": "data drift",
}
FIELDS = {
    "model": "credit@3",
    "title": "income: mean 52,000 → 70,200",
    "severity": "warning",
    "alert": "a1",
    "sentence": "Since 12:10 incomes are higher.",
    "log_level": "info",
}


def logged(output: OutputRecord) -> list[dict[str, object]]:
    with capture_logs() as lines:
        log_alert(output)
    return [dict(line) for line in lines]


def output(**more: object) -> OutputRecord:
    return OutputRecord("alerts", b"a1", json.dumps({**ALERT, **more}).encode(), ())


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({}, {"event": "alert opened"}),
        ({"notify": False, "notified_for": "none"}, {"event": "alert opened"}),
        (
            {"revision": 4, "severity": "critical", "notified_for": "more severe"},
            {"event": "alert notifies again", "severity": "critical", "reason": "more severe"},
        ),
        ({"revision": 5, "notify": False, "state": "resolved"}, {"event": "alert resolved"}),
        ({"model_version": ""}, {"event": "alert opened", "model": "credit"}),
    ],
)
def test_what_happens_to_an_alert_is_one_line(more: dict[str, object], line: dict[str, object]) -> None:
    assert logged(output(**more)) == [{**FIELDS, **line}]


def test_updates_and_other_outputs_are_not_logged() -> None:
    assert logged(output(revision=2, notify=False)) == []
    assert logged(tombstone("a1")) == []
    assert logged(OutputRecord("events", b"m", b"{}", ())) == []
