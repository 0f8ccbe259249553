"""Notifications for the accounts of pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.model import AlertSettings, Budget, ModelSettings
from driftline.config.settings import Settings
from driftline.events.cloudevents import rfc3339
from driftline.events.output_record import OutputRecord

if TYPE_CHECKING:
    from driftline.events.model_key import ModelKey

DAY_MS = 86_400_000


def page_settings(*, labels: bool = True) -> Settings:
    """Return settings whose budget is two pages in ten days."""
    budget = Budget(2.0, Duration(10 * DAY_MS))
    defaults = ModelSettings(alerts=AlertSettings(false_alarm_budget=budget))
    return Settings(labels=LabelInput() if labels else None, defaults=defaults)


def notification(key: ModelKey, time_ms: int, **changes: Any) -> OutputRecord:  # noqa: ANN401  # any field of an alert
    """Return the record of an alert that notifies."""
    fields = {
        "alert_id": f"{key}-{time_ms}",
        "model": key.model,
        "model_version": key.version,
        "notify": True,
        "in_budget": True,
        "severity": "warning",
        "cause": "data drift",
        "updated_at": rfc3339(time_ms),
        **changes,
    }
    return OutputRecord("alerts", fields["alert_id"].encode(), json.dumps(fields).encode(), ())
