"""Figures of models: by window and unit, at two levels of detail, and none left of what is gone."""

from __future__ import annotations

import json
from typing import Literal

import msgspec
import pytest

from driftline.checks.contract.verdict import CheckStatistic
from driftline.config.settings import TelemetrySettings
from driftline.events.alert import AlertEvent
from driftline.events.model_key import ModelKey
from driftline.monitoring.monitor_status import WindowFigures
from driftline.runtime.operations.telemetry import Telemetry
from tests.support.real_broker import ROOT

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
KEY, OTHER = ModelKey("credit-risk", "1"), ModelKey("churn", "1")
ALERT = msgspec.convert(json.loads((ROOT / "schemas/examples/alert.json").read_bytes())[0]["data"], AlertEvent)


def window(size_ms: int, psi: float, columns: tuple[str, ...] = ("age", "income")) -> WindowFigures:
    statistics = [
        statistic
        for number, name in enumerate(columns)
        for statistic in (
            CheckStatistic("distance", "psi", name, "feature", psi + number, None),
            CheckStatistic("distance", "wasserstein", name, "feature", 1_000.0, None),
            CheckStatistic("distribution", "distribution.pearson", name, "feature", 12.0, 0.5),
            CheckStatistic("unusable ratio", "quality", name, "feature", 0.25 + number / 4, 0.5),
        )
    ]
    together = CheckStatistic("multivariate", "multivariate.correlation", "", "feature", 0.75, 0.5)
    return WindowFigures(size_ms, 10 * DAY_MS, 600, (*statistics, together))


def fill(telemetry: Telemetry, key: ModelKey) -> None:
    models = telemetry.models
    assert models.admit(key)
    models.windows(key, (window(HOUR_MS, 0.25), window(DAY_MS, 0.5)))
    performance = CheckStatistic("performance", "accuracy", "", "error", 0.9, None)
    ages = [WindowFigures(HOUR_MS, DAY_MS, 600, (performance,), age_ms=age, coverage=0.5) for age in (HOUR_MS, DAY_MS)]
    estimate = CheckStatistic("estimate", "accuracy", "", "error", 0.8, None)
    models.performance(key, tuple(ages), WindowFigures(HOUR_MS, DAY_MS, 600, (estimate,)))
    models.open_alerts(key, [ALERT, ALERT])
    models.last_seen(key, 1_500, 2_500)
    models.calibrating(key, 2)
    models.unprofiled(key, 12)
    models.expired_joins(key, 3)
    models.learning(key, 100, 24_096)


def filled(detail: Literal["model", "column"] = "column") -> Telemetry:
    telemetry = Telemetry(TelemetrySettings(detail=detail))
    for key in (KEY, OTHER):
        fill(telemetry, key)
    return telemetry


def values(telemetry: Telemetry, key: ModelKey) -> dict[tuple[str, ...], float]:
    """Return name and other labels' values of the series of a model."""
    found = {}
    for metric in telemetry.registry.collect():
        for sample in metric.samples:
            labels = dict(sample.labels)
            if (labels.pop("model", None), labels.pop("model_version", None)) == (key.model, key.version):
                found[sample.name.removeprefix("driftline_"), *labels.values()] = sample.value
    return found


def test_each_family_has_one_unit_and_keeps_windows_and_ages_apart() -> None:
    shown = values(filled(), KEY)
    for expected in (
        {("distance", "1h", "feature", "age", "psi"): 0.25, ("distance", "1d", "feature", "age", "psi"): 0.5},
        {("largest_distance", "1h", "psi"): 1.25, ("largest_distance", "1d", "psi"): 1.5},
        {("unusable_ratio", "1h", "feature", "income"): 0.5, ("largest_unusable_ratio", "1h"): 0.5},
        {("distribution_p_value", "1h", "feature", "age"): 0.5},
        {("multivariate_effect", "1d", "multivariate.correlation"): 0.75},
        {("performance", "1h", "1h", "accuracy"): 0.9, ("performance", "1h", "1d", "accuracy"): 0.9},
        {("label_coverage_ratio", "1h", "1h"): 0.5, ("performance_estimate", "1h", "accuracy"): 0.8},
        {("window_predictions", "1h"): 600.0, ("window_end_timestamp_seconds", "1d"): 10 * DAY_MS / 1000},
        {("last_prediction_timestamp_seconds",): 1.5, ("last_label_timestamp_seconds",): 2.5},
        {("open_alerts", "data drift", "critical"): 1.0, ("open_alerts", "performance", "warning"): 0.0},
        {("unprofiled_events_total",): 12.0, ("expired_joins_total",): 3.0, ("calibrating_window_sizes",): 2.0},
        {("reference_learnt_events",): 100.0, ("reference_wanted_events",): 24_096.0},
    ):
        assert expected.items() <= shown.items()
    assert ("largest_distance", "1h", "wasserstein") not in shown, "columns have units of their own"


def test_detail_model_leaves_columns_out_and_nothing_else() -> None:
    all_of, few = values(filled(), KEY), values(filled("model"), KEY)
    of_columns = {"distance", "unusable_ratio", "distribution_p_value"}
    assert few == {name: value for name, value in all_of.items() if name[0] not in of_columns}
    assert {name[0] for name in all_of} > of_columns


def test_columns_windows_and_metrics_that_are_gone_leave_nothing_behind() -> None:
    telemetry = filled()
    telemetry.models.windows(KEY, (window(HOUR_MS, 0.25, ("age",)),))
    telemetry.models.performance(KEY, ())
    telemetry.models.last_seen(KEY, 1_500, None)
    telemetry.models.learning(KEY, None, None)
    labels = {label for series in values(telemetry, KEY) for label in series}
    assert {"age", "1h"} <= labels
    assert not {"income", "1d", "accuracy", "last_label_timestamp_seconds", "reference_learnt_events"} & labels
    assert "income" in {label for series in values(telemetry, OTHER) for label in series}


def test_a_forgotten_model_leaves_nothing_behind() -> None:
    telemetry = filled()
    telemetry.models.forget(KEY)
    telemetry.models.forget(ModelKey("never heard of", "1"))
    assert values(telemetry, KEY) == {}
    assert values(telemetry, OTHER) != {}
    fill(telemetry, KEY)
    assert values(telemetry, KEY) == values(telemetry, OTHER)


@pytest.mark.parametrize(("totals", "expected"), [((3, 5), 5), ((5, 2, 4), 7)], ids=["rising", "restarted lower"])
def test_a_counter_never_falls(totals: tuple[int, ...], expected: int) -> None:
    telemetry = Telemetry()
    for total in totals:
        telemetry.models.unprofiled(KEY, total)
    assert values(telemetry, KEY)["unprofiled_events_total",] == expected
