"""Incidents of invented fleets of models, for tests of groups."""

from __future__ import annotations

from typing import Any

from driftline.alerts.groups import Incident
from driftline.alerts.onsets import Interval
from driftline.events.cloudevents import rfc3339
from tests.support.alerts import alert_fields

HOUR = 3_600_000
SHARED = frozenset({"predictions-0", "predictions-1"})


def incident(number: int, **changes: Any) -> Incident:  # noqa: ANN401  # any field of an incident
    """Return the incident of a model: incomes missing since the first hour, unless changed."""
    lead = changes.get("lead", "income")
    fields: dict[str, Any] = {
        "alert_id": f"a{number:03}",
        "model": f"model-{number}",
        "model_version": "1",
        "segment": "all",
        "opened_at": rfc3339(HOUR),
        "onset": Interval(0, HOUR),
        "root": "missing values",
        "kind": "data quality",
        "lead": lead,
        "columns": frozenset(() if lead is None else (lead,)),
        "partitions": SHARED,
    }
    return Incident(**fields | changes)


def fleet_alert(number: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any field of an alert
    """Return an alert as it stands in the topic: a model's incomes are missing, unless changed."""
    column = changes.pop("column", "income")
    missing = {"message": f"{column}: missing 3 % -> 43 %", "column": column, "severity": "critical", "role": "feature"}
    return alert_fields(
        f"a{number:03}",
        **{
            "incident": f"a{number:03}",
            "model": f"model-{number}",
            "model_version": "1",
            "cause": "data quality",
            "root": "missing values",
            "kind": "data quality",
            "title": f"{column}: missing 3 % → 43 %",
            "message": f"{column}: missing 3 % -> 43 %",
            "onset": {"from": "2026-03-01T12:00:00.000Z", "to": "2026-03-01T13:00:00.000Z"},
            "offsets": {"predictions": {"0": [0, 9], "1": [0, 9]}},
            "findings": [missing],
            **changes,
        },
    )


def fleet_resolved(number: int, revision: int = 2, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # as above
    """Return the resolution of :func:`fleet_alert`."""
    moment = "2026-03-01T15:00:00.000Z"
    ended = {"state": "resolved", "notify": False, "resolved_at": moment, "updated_at": moment}
    return fleet_alert(number, revision=revision, **ended, **changes)
