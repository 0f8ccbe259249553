"""A backtest over simulated traffic shows when the model failed, was slow and was silent."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from driftline.config.durations import Duration
from driftline.profiles.profiles import Profiles
from driftline.runtime.demo.simulation import write_files
from driftline.runtime.files.backtest import Backtest
from driftline.simulation.scenario import OperationDrift, Scenario
from tests.support.operations import MINUTE_MS, START_MS, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.events.output_record import OutputRecord

TITLES = {
    "failures": "failed predictions 0.2 % → ",
    "slowness": "latency p95 38",
    "silence": "no predictions for 2m",
}


@pytest.mark.parametrize("drift", TITLES)
def test_it_is_shown_and_its_end_too(drift: OperationDrift, tmp_path: Path) -> None:
    scenario = Scenario(
        start_ms=START_MS,
        duration_ms=40 * MINUTE_MS,
        rate=4.0,
        drift=(drift,),
        drift_at_ms=START_MS + 25 * MINUTE_MS,
        drift_until_ms=START_MS + 30 * MINUTE_MS,
    )
    path = tmp_path / "predictions.ndjson"
    write_files(scenario, path, None)
    outputs: list[OutputRecord] = []
    backtest = Backtest(settings_of(silence=Duration(2 * MINUTE_MS)), Profiles(), 2)
    totals = backtest.run(path, None, outputs.append, close=True)
    assert totals.n_dead_letters == 0
    said = [
        (dict(each.headers)["ce_type"].split(b".")[2], json.loads(each.value))
        for each in outputs
        if each.value is not None
    ]
    alerts = [event for kind, event in said if kind == b"alert"]
    assert alerts
    assert all(event["title"].startswith(TITLES[drift]) for event in alerts)
    assert Counter(event["state"] for event in alerts)["resolved"] == 1, "nothing is silent after the last record"
    windows = [event for kind, event in said if kind == b"operations"]
    assert len(windows) == 40
    assert sum(event["n"] for event in windows) == totals.n_predictions
