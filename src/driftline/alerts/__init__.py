"""Alerts: which findings make one problem, how bad it is, and when it is over."""

from __future__ import annotations

from driftline.alerts.incidents import Incidents, ProblemStep, incident_at, step_of
from driftline.alerts.lifecycle import ModelAlerts, Step, advance
from driftline.alerts.observation import Observation
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
from driftline.alerts.problems import ProblemState
from driftline.alerts.signals import AlertRules
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
    "Incidents",
    "ModelAlerts",
    "Observation",
    "OpeningRule",
    "ProblemState",
    "ProblemStep",
    "Step",
    "advance",
    "cause_of",
    "incident_at",
    "ranked",
    "severity_of",
    "step_of",
]
