"""Importances given when a profile is built rank findings and alerts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from driftline import build_profile_from_frame
from driftline.config.durations import Duration
from driftline.config.model import AlertSettings, CheckSettings, DispersionSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.events.output_record import OutputRecord

MINUTE_MS = 60_000
START_MS = 1_767_571_200_000
SETTINGS = ModelSettings(
    windows=WindowSettings(
        verdict=(Duration(10 * MINUTE_MS),), display=Duration(10 * MINUTE_MS), hop=Duration(10 * MINUTE_MS)
    ),
    checks=CheckSettings(dispersion=DispersionSettings(mode="independent"), sequential=False),
)


def outputs(
    path: Path, importances: dict[str, float], min_importance: float = 0.05
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return findings and alerts of traffic in which ``small`` moved less than ``large``."""
    rng = np.random.default_rng(1)
    frame = pa.table({name: rng.normal(0, 1, 5_000) for name in ("small", "large", "steady")})
    profile = build_profile_from_frame(frame, "m", importances=importances)
    shifts = {"small": 0.8, "large": 1.5, "steady": 0.0}
    lines = []
    for i in range(4_000):
        features = {name: rng.normal(shift, 1) for name, shift in shifts.items()}
        event = {"prediction_id": f"p{i}", "model": "m", "ts": START_MS + i * 500, "features": features}
        lines.append(json.dumps(event))
    path.write_text("\n".join(lines), encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = {"finding": [], "alert": []}

    def emit(output: OutputRecord) -> None:
        kind = dict(output.headers).get("ce_type", b"").decode().split(".")[2:3]
        if kind and kind[0] in found:
            found[kind[0]].append(json.loads(output.value or b"null"))

    alerts = AlertSettings(min_importance=min_importance)
    settings = msgspec.structs.replace(Settings(), defaults=SETTINGS.replace(alerts=alerts))
    Backtest(settings, Profiles([profile]), 1).run(path, None, emit)
    return found["finding"], found["alert"]


def first_column(alert: dict[str, Any]) -> str:
    return str(alert["findings"][0]["column"])


def test_importances_reach_findings_and_the_ranking_of_alerts(tmp_path: Path) -> None:
    findings, alerts = outputs(tmp_path / "plain.ndjson", {})
    assert {finding["importance"] for finding in findings if finding["column"]} == {1.0}
    assert first_column(alerts[0]) == "large"
    findings, alerts = outputs(tmp_path / "weighed.ndjson", {"small": 100.0, "steady": 5.0})
    weights = {finding["column"]: finding["importance"] for finding in findings if finding["column"]}
    assert weights["small"] == 100.0
    assert weights["large"] == 1.0
    assert first_column(alerts[0]) == "small"


def of_distributions(alert: dict[str, Any]) -> dict[str, str]:
    """Return the severities of the tests of columns' distributions."""
    return {each["column"]: each["severity"] for each in alert["findings"] if each["check"] == "distribution.pearson"}


def test_severity_is_weighed_by_the_importance_relative_to_the_greatest(tmp_path: Path) -> None:
    _, (plain, *_) = outputs(tmp_path / "plain.ndjson", {})
    severities = of_distributions(plain)
    assert severities == {"large": "critical", "small": "critical"}
    findings, (alert, *_) = outputs(tmp_path / "weighed.ndjson", {"large": 0.2, "small": 0.05, "steady": 1.0})
    severities = of_distributions(alert)
    assert severities == {"large": "critical", "small": "warning"}, "a twentieth of the greatest still opens alerts"
    tested = [each for each in findings if each["check"] == "distribution.pearson"]
    effects = {each["column"]: each["effect"]["corrected"] / each["effect"]["gate"] for each in tested}
    assert effects["large"] * 0.2 >= 2.5 > effects["small"] * 0.05


def test_drift_of_a_column_of_no_importance_opens_no_alert_but_is_shown_in_one(tmp_path: Path) -> None:
    findings, alerts = outputs(tmp_path / "one.ndjson", {"large": 0.01, "small": 0.01, "steady": 1.0})
    assert {(each["column"], each["severity"]) for each in findings} == {("large", "info"), ("small", "info")}
    assert not any(each["level"]["in_budget"] for each in findings)
    assert "little importance" in findings[0]["level"]["derivation"]
    assert alerts == []
    _, (alert, *_) = outputs(tmp_path / "both.ndjson", {"large": 1.0, "small": 0.01})
    assert of_distributions(alert) == {"large": "critical", "small": "info"}
    assert alert["findings"][-1]["column"] == "small"
    assert alert["title"].startswith("large: mean ")
    assert "more column" not in alert["title"]
    _, wanted = outputs(tmp_path / "all.ndjson", {"large": 0.01, "small": 0.01, "steady": 1.0}, min_importance=0.0)
    assert wanted, "with a limit of 0 all of them open alerts"
