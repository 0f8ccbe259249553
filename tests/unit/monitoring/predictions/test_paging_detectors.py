"""Detectors in budget mode, through the pipeline: they page once the variance is known, others never do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from msgspec import structs

from driftline.alerts import ModelAlerts
from driftline.checks.columns.detector_findings import DetectedChange, examine_detection
from driftline.config.durations import Duration
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings, WindowSettings
from driftline.monitoring.alerting import settled
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.profile_monitor import ProfileMonitor
from tests.support.windows import HOUR, KEY, budget_of, profile_of, table_of, window_of

if TYPE_CHECKING:
    from driftline.monitoring.predictions.column_detectors import ColumnDetection

Paging = Literal["cusum", "mixture"]
PROFILE = profile_of(table_of(20_000))
MINUTE = 60_000
ALARMS = 0.01


def settings(*paging: Paging, dispersion: DispersionSettings) -> ModelSettings:
    return ModelSettings(
        windows=WindowSettings(verdict=(Duration(HOUR),), display=Duration(HOUR), hop=Duration(HOUR)),
        checks=CheckSettings(detectors=(), paging_detectors=paging, dispersion=dispersion),
    )


def found_of(given: ModelSettings, n_quiet: int, n_shifted: int) -> list[tuple[int, ColumnDetection]]:
    """Return what is found in quiet panes of 100 events and shifted ones after them, with the pane's number."""
    watch = ProfileMonitor(PROFILE, given, MINUTE, ALARMS)
    found = []
    for number in range(n_quiet + n_shifted):
        due = watch.due_ms()
        while due is not None and due <= number * MINUTE:
            watch.close(due)
            due = watch.due_ms()
        table = table_of(100, number, mean=0.5 if number >= n_quiet else 0.0)
        sketch = window_of(PROFILE, table).sketch
        pane = ClosedPane(number * MINUTE, (number + 1) * MINUTE, sketch, {}, frozenset())
        found += [(number, each) for each in watch.add(pane)]
    return found


@pytest.mark.parametrize("name", ["cusum", "mixture"])
def test_a_shift_is_found_and_opens_an_alert(name: Paging) -> None:
    given = settings(name, dispersion=DispersionSettings(mode="independent"))
    number, first = found_of(given, 60, 60)[0]
    assert number >= 60
    assert (first.detector, PROFILE.columns[first.column].name) == (f"paging_{name}", "x")
    context = structs.replace(budget_of(given), settings=given)
    change = DetectedChange(
        key=KEY,
        segment="all",
        start_ms=number * MINUTE,
        end_ms=(number + 1) * MINUTE,
        detector=first.detector,
        column=first.column,
        detection=first.detection,
        since_ms=first.since_ms,
        n=first.n,
        offsets={"predictions": {0: (1, 2)}},
    )
    verdict = examine_detection(PROFILE, change, context)
    _, records, _ = settled(verdict, ModelAlerts(), context)
    (finding,) = verdict.findings
    assert finding.severity == "warning"
    assert finding.level is not None
    assert (finding.level.in_budget, finding.level.level) == (True, context.detector_alarms(PROFILE.layout.n_numeric))
    assert finding.level.derivation.startswith(
        "1 per 30d, share 0.495 for detectors: 0.495 false pages / (2 columns x 1 "
    )
    assert [record.channel for record in records] == ["events", "alerts"]
    alert = json.loads(records[1].value or b"")
    assert (alert["state"], alert["cause"], alert["notify"]) == ("open", "data drift", True)


def test_before_the_variance_is_known_nothing_pages() -> None:
    learning = DispersionSettings(panes=600, span=Duration(10 * HOUR))
    assert found_of(settings("cusum", dispersion=learning), 60, 60) == []


def test_once_production_has_shown_the_variance_a_shift_is_found() -> None:
    learning = DispersionSettings(panes=100, span=Duration(HOUR))
    found = found_of(settings("cusum", dispersion=learning), 540, 40)
    assert found
    assert min(number for number, _ in found) >= 540
    assert np.isfinite(found[0][1].detection.statistic)
