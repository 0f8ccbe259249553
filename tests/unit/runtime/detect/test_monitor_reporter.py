"""What the log and the metrics say of a model that learns its reference from the stream."""

from __future__ import annotations

import json
import time

import msgspec
import numpy as np
import pytest
from structlog.testing import capture_logs

from driftline.config.model import BootstrapSettings, ModelSettings
from driftline.config.settings import Settings, TelemetrySettings
from driftline.events.alert import AlertEvent
from driftline.events.model_key import ModelKey
from driftline.events.operations import MeasureSummary
from driftline.events.source import LABEL_STREAM
from driftline.monitoring.monitor_status import ModelStatus, MonitorStatus, OperationsStatus, WindowFigures
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.runtime.detect.monitor_reporter import MonitorReporter
from driftline.runtime.operations.telemetry import Telemetry
from tests.support.alert_runs import HOUR, AlertRun, Seen, dropped, finding
from tests.support.real_broker import ROOT

KEY = ModelKey("m", "1")
OLD = ModelKey("m", "0")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ALERT = msgspec.convert(json.loads((ROOT / "schemas/examples/alert.json").read_bytes())[0]["data"], AlertEvent)
SETTINGS = Settings(defaults=ModelSettings(bootstrap=BootstrapSettings(sample=300, events=700)))


def status(
    error: str | None = None,
    n_unprofiled: int = 0,
    calibrating_ms: tuple[int, ...] = (),
    *,
    keys: tuple[ModelKey, ...] = (KEY,),
    now_ms: int | None = None,
    seen_ms: int | None = None,
    alerts: tuple[AlertEvent, ...] = (),
) -> MonitorStatus:
    model = ModelStatus(
        profile_id=None,
        bootstrap_error=error,
        n_unprofiled=n_unprofiled,
        n_expired=3,
        calibrating_ms=calibrating_ms,
        open_alerts=alerts,
        last_prediction_ms=seen_ms,
        windows=(WindowFigures(HOUR_MS, HOUR_MS, 600, ()),),
    )
    return MonitorStatus(
        partition=0,
        as_of=1,
        predictions_ms=now_ms,
        labels_ms=None,
        joins_ms=None,
        n_open_panes=0,
        n_after_idle=0,
        models=dict.fromkeys(keys, model),
    )


def test_gathering_is_said_once_with_the_events_it_needs() -> None:
    reporter = MonitorReporter(Telemetry(), SETTINGS, Profiles())
    with capture_logs() as logs:
        reporter.show(status())
        reporter.show(status())
    assert [(line["log_level"], line["model"], line["events_needed"]) for line in logs] == [("info", "m@1", 1_000)]
    assert "collecting events to learn one" in logs[0]["event"]


def test_a_model_whose_reference_is_known_is_not_said_to_learn_one() -> None:
    table = ReferenceTable(50, {"x": np.linspace(0, 1, 50)}, prediction=[0, 1] * 25)
    profiles = Profiles([build_profile(KEY, table, ModelSettings(), 0, "training")])
    with capture_logs() as logs:
        MonitorReporter(Telemetry(), SETTINGS, profiles).show(status())
    assert logs == []


def test_where_learning_is_off_a_reference_is_asked_for() -> None:
    defaults = ModelSettings(bootstrap=BootstrapSettings(enabled=False))
    settings = msgspec.structs.replace(SETTINGS, defaults=defaults)
    with capture_logs() as logs:
        MonitorReporter(Telemetry(), settings, Profiles()).show(status())
    assert [line["log_level"] for line in logs] == ["warning"]
    assert "bootstrap is disabled" in logs[0]["event"]


def test_each_new_reason_why_a_sample_made_no_reference_is_a_warning() -> None:
    reporter = MonitorReporter(Telemetry(), SETTINGS, Profiles())
    with capture_logs() as logs:
        for reason in ("three classes", "three classes", "no prediction", None, "no prediction"):
            reporter.show(status(reason))
    warnings = [line["reason"] for line in logs if line["log_level"] == "warning"]
    assert warnings == ["three classes", "no prediction", "no prediction"]


def test_calibration_is_said_when_it_begins_and_when_it_ends_and_is_a_gauge() -> None:
    telemetry, labels = Telemetry(), {"model": "m", "model_version": "1"}
    table = ReferenceTable(50, {"x": np.linspace(0, 1, 50)}, prediction=[0, 1] * 25)
    reporter = MonitorReporter(
        telemetry, SETTINGS, Profiles([build_profile(KEY, table, ModelSettings(), 0, "training")])
    )
    with capture_logs() as logs:
        for sizes in ((3_600_000, 86_400_000), (3_600_000, 86_400_000), (86_400_000,)):
            reporter.show(status(calibrating_ms=sizes))
    said = [(line["event"].split(":")[0], line["window"], line.get("span")) for line in logs]
    assert said == [("calibrating", "1h", "1d"), ("calibrating", "1d", "8d"), ("calibrated", "1h", None)]
    assert telemetry.registry.get_sample_value("driftline_calibrating_window_sizes", labels) == 1.0


def test_unprofiled_events_are_a_counter_that_goes_with_the_partition() -> None:
    telemetry = Telemetry()
    reporter = MonitorReporter(telemetry, SETTINGS, Profiles())
    labels = {"model": "m", "model_version": "1"}
    reporter.show(status(n_unprofiled=7))
    reporter.show(status(n_unprofiled=9))
    assert telemetry.registry.get_sample_value("driftline_unprofiled_events_total", labels) == 9.0
    assert telemetry.registry.get_sample_value("driftline_expired_joins_total", labels) == 3.0
    reporter.forget(0)
    assert telemetry.registry.get_sample_value("driftline_unprofiled_events_total", labels) is None
    assert telemetry.registry.get_sample_value("driftline_expired_joins_total", labels) is None
    with capture_logs() as logs:
        reporter.show(status())
    assert len(logs) == 1, "whoever takes a partition over says it again"


def shown(telemetry: Telemetry) -> set[str]:
    """Return the versions that have figures."""
    samples = (sample for metric in telemetry.registry.collect() for sample in metric.samples)
    return {sample.labels["model_version"] for sample in samples if "model_version" in sample.labels}


def test_a_version_without_predictions_and_labels_for_its_horizon_has_no_figures() -> None:
    telemetry = Telemetry()
    reporter = MonitorReporter(telemetry, SETTINGS, Profiles())
    horizon_ms = int(SETTINGS.defaults.labels.horizon)
    reporter.show(status(now_ms=horizon_ms, seen_ms=0))
    assert shown(telemetry) == {"1"}
    reporter.show(status(now_ms=horizon_ms + 1, seen_ms=0, alerts=(ALERT,)))
    assert shown(telemetry) == {"1"}, "an open alert is not to be missed"
    reporter.show(status(now_ms=horizon_ms + 1, seen_ms=0))
    assert shown(telemetry) == set()
    reporter.show(status(now_ms=horizon_ms + 2, seen_ms=horizon_ms))
    assert shown(telemetry) == {"1"}, "it is back"


def test_a_model_that_a_status_no_longer_names_has_no_figures() -> None:
    telemetry = Telemetry()
    reporter = MonitorReporter(telemetry, SETTINGS, Profiles())
    reporter.show(status(keys=(KEY, OLD)))
    assert shown(telemetry) == {"0", "1"}
    reporter.show(status())
    assert shown(telemetry) == {"1"}


def test_models_beyond_the_cap_are_counted_and_said_once() -> None:
    telemetry = Telemetry(TelemetrySettings(max_models=2))
    reporter = MonitorReporter(telemetry, SETTINGS, Profiles())
    keys = tuple(ModelKey("m", str(number)) for number in range(4))
    with capture_logs() as logs:
        for _ in range(2):
            reporter.show(status(keys=keys, calibrating_ms=(HOUR_MS,)))
    said = [line for line in logs if "max_models" in line]
    assert [(line["max_models"], line["first_without_metrics"]) for line in said] == [(2, "m@2")]
    assert shown(telemetry) == {"0", "1"}
    value = telemetry.registry.get_sample_value
    assert (value("driftline_models"), value("driftline_models_not_shown")) == (2.0, 2.0)
    reporter.show(status(keys=keys[1:]))
    assert shown(telemetry) == {"1", "2"}, "its place is free"
    assert (value("driftline_models"), value("driftline_models_not_shown")) == (2.0, 1.0)


def test_an_input_topic_as_such_has_open_alerts_alone_whatever_the_cap() -> None:
    telemetry = Telemetry(TelemetrySettings(max_models=1))
    reporter = MonitorReporter(telemetry, SETTINGS, Profiles())
    reporter.show(status(keys=(KEY, LABEL_STREAM), alerts=(ALERT,)))
    of_stream = [
        sample
        for metric in telemetry.registry.collect()
        for sample in metric.samples
        if sample.labels.get("model_version") == LABEL_STREAM.version
    ]
    assert {sample.name for sample in of_stream} == {"driftline_open_alerts"}
    assert sum(sample.value for sample in of_stream) == 1
    assert telemetry.registry.get_sample_value("driftline_models_not_shown") == 0.0


def test_how_far_detection_has_come_is_a_delay_of_the_panes_topic() -> None:
    telemetry = Telemetry()
    MonitorReporter(telemetry, SETTINGS, Profiles()).show(status(now_ms=DAY_MS))
    labels = {"topic_kind": "panes", "topic": SETTINGS.kafka.topic("panes"), "partition": "0"}
    delay_s = telemetry.registry.get_sample_value("driftline_watermark_delay_seconds", labels)
    assert delay_s == pytest.approx(time.time() - DAY_MS / 1000, abs=60)


def test_how_a_model_predicts_is_shown_in_base_units() -> None:
    telemetry, labels = Telemetry(), {"model": "m", "model_version": "1"}
    summary = MeasureSummary(n=10, mean=20.0, p50=18.0, p95=40.0, p99=50.0, maximum=60.0, n_unusable=0)
    made = OperationsStatus(
        window="1h",
        per_second=2.0,
        failed_share=0.1,
        uptime_share=None,
        latency_ms=summary,
        measures={"memory_bytes": summary},
    )
    shown = status()
    model = msgspec.structs.replace(shown.models[KEY], operations=made, silent=False)
    reporter = MonitorReporter(telemetry, SETTINGS, Profiles())
    reporter.show(msgspec.structs.replace(shown, models={KEY: model}))
    values = telemetry.registry.get_sample_value
    hour = {**labels, "window": "1h"}
    assert values("driftline_model_latency_seconds", {**hour, "quantile": "0.95"}) == 0.04
    assert values("driftline_model_mean_latency_seconds", hour) == 0.02
    assert values("driftline_model_measure", {**hour, "name": "memory_bytes", "quantile": "0.5"}) == 18.0
    assert values("driftline_model_uptime_ratio", hour) is None
    assert values("driftline_model_silent", labels) == 0
    reporter.forget(0)
    assert values("driftline_model_failed_ratio", hour) is None


def test_alerts_of_one_incident_are_one_open_problem_with_the_worst_severity() -> None:
    run = AlertRun()
    (data,) = run.predict(Seen(HOUR, (finding(HOUR),)))
    (performance,) = run.join(dropped(HOUR, 9.0))
    assert (data.severity, performance.severity) == ("warning", "critical")
    telemetry, labels = Telemetry(), {"model": "m", "model_version": "1"}
    reporter, quiet = MonitorReporter(telemetry, SETTINGS, Profiles()), status()
    model = msgspec.structs.replace(quiet.models[KEY], open_alerts=(data, performance))
    reporter.show(msgspec.structs.replace(quiet, models={KEY: model}))
    counts = [
        telemetry.registry.get_sample_value(
            "driftline_open_alerts", {**labels, "cause": "data drift", "severity": severity}
        )
        for severity in ("warning", "critical")
    ]
    assert counts == [0.0, 1.0]
