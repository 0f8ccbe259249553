"""Alerts: which findings make one problem, how bad it is, and when it is over."""

from __future__ import annotations

from driftline.alerts.lifecycle import AlertRules, CauseState, ModelAlerts, Step, advance
from driftline.alerts.policy import (
    CRITICAL_FACTOR,
    INTAKE_CAUSES,
    JOIN_CAUSES,
    LABEL_CAUSES,
    OPERATION_CAUSES,
    PREDICTION_CAUSES,
    SILENCE_CAUSES,
    cause_of,
    ranked,
    severity_of,
)
from driftline.alerts.records import Observation
from driftline.alerts.unused_findings import OpeningRule

__all__ = [
    "CRITICAL_FACTOR",
    "INTAKE_CAUSES",
    "JOIN_CAUSES",
    "LABEL_CAUSES",
    "OPERATION_CAUSES",
    "PREDICTION_CAUSES",
    "SILENCE_CAUSES",
    "AlertRules",
    "CauseState",
    "ModelAlerts",
    "Observation",
    "OpeningRule",
    "Step",
    "advance",
    "cause_of",
    "ranked",
    "severity_of",
]
