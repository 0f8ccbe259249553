"""What metrics and the log say of a retraining policy and of proposals."""

from __future__ import annotations

import msgspec
from structlog.testing import capture_logs

from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.monitoring.monitor_status import MissingProposal, ModelStatus, MonitorStatus, RetrainingStatus
from driftline.profiles.profiles import Profiles
from driftline.runtime.detect.monitor_reporter import MonitorReporter
from driftline.runtime.operations.telemetry import Telemetry

KEY, LABELS = ModelKey("m", "1"), {"model": "m", "model_version": "1"}
MODEL = ModelStatus(
    profile_id="p", bootstrap_error=None, n_unprofiled=0, n_expired=0, calibrating_ms=(), open_alerts=()
)
PARTITION = MonitorStatus(
    partition=0, as_of=1, predictions_ms=None, labels_ms=None, joins_ms=None, n_open_panes=0, n_after_idle=0, models={}
)


def shown(reporter: MonitorReporter, waiting_for: str, n: int, reason: str) -> None:
    waiting = RetrainingStatus(waiting_for=waiting_for, incident="a", since_ms=1, n_labelled=n, n_wanted=1_000)  # type: ignore[arg-type]  # each of them is one
    missing = MissingProposal(reason, f"{reason} in words")  # type: ignore[arg-type]  # each of them is one
    model = msgspec.structs.replace(MODEL, retraining=waiting, proposals={"threshold": missing})
    reporter.show(msgspec.structs.replace(PARTITION, models={KEY: model}))


def test_what_it_waits_for_is_a_gauge_and_a_line_at_each_change() -> None:
    telemetry = Telemetry()
    reporter, values = MonitorReporter(telemetry, Settings(), Profiles()), telemetry.registry.get_sample_value
    with capture_logs() as logs:
        shown(reporter, "time", 10, "labels")
        shown(reporter, "time", 20, "labels")
        shown(reporter, "labels", 30, "chance")
    lines = [line for line in logs if line["event"] == "retraining waits"]
    assert [(line["waiting_for"], line["labelled"]) for line in lines] == [("time", 10), ("labels", 30)]
    assert [line["reason"] for line in logs if line["event"] == "no proposal"] == ["labels in words", "chance in words"]
    assert values("driftline_retraining_waiting", {**LABELS, "waiting_for": "labels"}) == 1
    assert values("driftline_retraining_waiting", {**LABELS, "waiting_for": "time"}) is None
    assert values("driftline_retraining_labelled_predictions", LABELS) == 30
    assert values("driftline_proposal_missing", {**LABELS, "proposal": "threshold", "missing": "chance"}) == 1
    reporter.forget(0)
    assert values("driftline_retraining_wanted_predictions", LABELS) is None
