"""What telemetry shows of the detect stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.checks.contract.verdict import CheckStatistic
from driftline.events.alert import AlertEvent
from driftline.events.model_key import ModelKey

if TYPE_CHECKING:
    from driftline.alerts import ModelAlerts


class ModelStatus(Struct, frozen=True, kw_only=True):
    """One model."""

    profile_id: str | None
    """Under which panes are counted at present; None while a sample is gathered, and between two profiles."""
    bootstrap_error: str | None
    """Why the last sample did not make a profile."""
    n_unprofiled: int
    """Events left out, as they had been sketched under another profile or none."""
    n_expired: int
    """Contributions of labels to performance windows after their last revision, since this process took over."""
    calibrating_ms: tuple[int, ...]
    """Sizes of verdict windows that do not page yet, as it is still being learnt how much unchanged data vary."""
    statistics: tuple[CheckStatistic, ...]
    """The last number of each check, since this process took the partition over."""
    open_alerts: tuple[AlertEvent, ...]
    coverage: float | None
    """Share of labelled predictions in the last revision of a performance window."""


def alerts_status(*alerts: ModelAlerts) -> ModelStatus:
    """Return the status of what is no model and has alerts alone."""
    return ModelStatus(
        profile_id="",
        bootstrap_error=None,
        n_unprofiled=0,
        n_expired=0,
        calibrating_ms=(),
        statistics=(),
        open_alerts=tuple(state.alert for each in alerts for state in each.open.values()),
        coverage=None,
    )


class MonitorStatus(Struct, frozen=True, kw_only=True):
    """One partition of the panes topic."""

    partition: int
    as_of: int
    """Offset of the last record applied; -1 before the first."""
    predictions_ms: int | None
    labels_ms: int | None
    joins_ms: int | None
    """Watermarks; None is minus infinity."""
    n_open_panes: int
    n_after_idle: int
    """Events that came for panes that an idle mark had closed."""
    models: dict[ModelKey, ModelStatus]
