"""Alerts: which findings make one problem, how bad it is, and when it is over."""

from __future__ import annotations

from driftline.alerts.lifecycle import AlertBook, CauseState, Observation, Resolution, Step, advance
from driftline.alerts.policy import (
    CRITICAL_FACTOR,
    JOIN_CAUSES,
    PREDICTION_CAUSES,
    cause_of,
    ranked,
    severity_of,
)

__all__ = [
    "CRITICAL_FACTOR",
    "JOIN_CAUSES",
    "PREDICTION_CAUSES",
    "AlertBook",
    "CauseState",
    "Observation",
    "Resolution",
    "Step",
    "advance",
    "cause_of",
    "ranked",
    "severity_of",
]
