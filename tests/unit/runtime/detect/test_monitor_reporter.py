"""What the log and the metrics say of a model that learns its reference from the stream."""

from __future__ import annotations

import msgspec
import numpy as np
from structlog.testing import capture_logs

from driftline.config.model import BootstrapSettings, ModelSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.monitoring.monitor_status import ModelStatus, MonitorStatus
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.runtime.detect.monitor_reporter import MonitorReporter
from driftline.runtime.operations.telemetry import Telemetry
from tests.support.alerts import HOUR, AlertRun, Seen, dropped, finding

KEY = ModelKey("m", "1")
SETTINGS = Settings(defaults=ModelSettings(bootstrap=BootstrapSettings(sample=300, events=700)))


def status(error: str | None = None, n_unprofiled: int = 0, calibrating_ms: tuple[int, ...] = ()) -> MonitorStatus:
    model = ModelStatus(
        profile_id=None,
        bootstrap_error=error,
        n_unprofiled=n_unprofiled,
        n_expired=3,
        calibrating_ms=calibrating_ms,
        statistics=(),
        open_alerts=(),
        coverage=None,
    )
    return MonitorStatus(
        partition=0,
        as_of=1,
        predictions_ms=None,
        labels_ms=None,
        joins_ms=None,
        n_open_panes=0,
        n_after_idle=0,
        models={KEY: model},
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


def test_unprofiled_events_are_a_gauge_that_goes_with_the_partition() -> None:
    telemetry = Telemetry()
    reporter = MonitorReporter(telemetry, SETTINGS, Profiles())
    labels = {"model": "m", "model_version": "1"}
    reporter.show(status(n_unprofiled=7))
    assert telemetry.registry.get_sample_value("driftline_unprofiled_events", labels) == 7.0
    assert telemetry.registry.get_sample_value("driftline_expired_joins", labels) == 3.0
    reporter.forget(0)
    assert telemetry.registry.get_sample_value("driftline_unprofiled_events", labels) is None
    assert telemetry.registry.get_sample_value("driftline_expired_joins", labels) is None
    with capture_logs() as logs:
        reporter.show(status())
    assert len(logs) == 1, "whoever takes a partition over says it again"


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
        telemetry.registry.get_sample_value("driftline_open_alerts", {**labels, "severity": severity})
        for severity in ("warning", "critical")
    ]
    assert counts == [0.0, 1.0]
