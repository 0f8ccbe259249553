"""A backtest counts problems that notified, not alerts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from driftline.runtime.files.backtest import Backtest
from tests.golden.stream import N_PARTITIONS, SETTINGS, profiles, write_input

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.events.output_record import OutputRecord


def test_drift_and_the_accuracy_that_falls_with_it_are_one_alert(tmp_path: Path) -> None:
    predictions, labels = tmp_path / "predictions.ndjson", tmp_path / "labels.ndjson"
    write_input(predictions, labels)
    records: list[OutputRecord] = []
    totals = Backtest(SETTINGS, profiles(), N_PARTITIONS).run(predictions, labels, records.append)
    every = [json.loads(record.value) for record in records if record.channel == "alerts" and record.value]
    alerts = [alert for alert in every if alert["cause"] != "data quality"]
    assert {alert["title"] for alert in every if alert not in alerts} == {"x: missing 0 % → 2.1 %"}, "a change as well"
    assert len({alert["alert_id"] for alert in alerts}) == 2
    assert len({alert["incident"] for alert in alerts}) == 1
    assert sum(alert["notify"] for alert in alerts) == 1
    assert (totals.n_alerts(), totals.n_alerts("critical")) == (2, 1)
