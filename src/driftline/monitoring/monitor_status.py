"""What telemetry shows of the detect stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from driftline.checks.contract.verdict import CheckStatistic
from driftline.events.alert import AlertEvent
from driftline.events.model_key import ModelKey
from driftline.events.operations import MeasureSummary
from driftline.events.proposal import ProposalKind
from driftline.events.retraining import WaitingFor

if TYPE_CHECKING:
    from driftline.alerts import ModelAlerts


class LearningStatus(Struct, frozen=True, kw_only=True):
    """How far a model's reference has been learnt from the stream, where none was published."""

    phase: Literal["off", "sample", "reference"]
    """``off``: learning is disabled, so the model waits for a published reference. ``sample``: events are collected
    that fix columns and bins. ``reference``: further events are counted on them, which will be the reference."""
    n_learnt: int
    """Events in closed panes that count towards the reference, those of the sample among them."""
    n_wanted: int
    """Events that are needed in all; checks begin after them."""
    n_waiting: int
    """Events in panes that have not closed yet."""
    since_ms: int | None
    """Start of the first pane that the rate of events is taken from; None before the first has closed."""
    until_ms: int | None
    """End of the last pane that closed, in event time."""
    error: str | None
    """Why the last sample did not make a profile, after which collecting began anew."""

    def expected_ms(self) -> int | None:
        """Return the event time at which the last event wanted is expected, None where that cannot be told.

        It goes by the rate of events in event time so far.

        Examples
        --------
        >>> status = LearningStatus(
        ...     phase="sample", n_learnt=100, n_wanted=400, n_waiting=0, since_ms=0, until_ms=1_000, error=None
        ... )
        >>> status.expected_ms()
        4000
        """
        if self.since_ms is None or self.until_ms is None or self.n_learnt <= 0 or self.phase == "off":
            return None
        elapsed_ms = self.until_ms - self.since_ms
        return self.until_ms + round((self.n_wanted - self.n_learnt) * elapsed_ms / self.n_learnt)


class WindowFigures(Struct, frozen=True):
    """The numbers of one evaluated window."""

    size_ms: int
    end_ms: int
    n: int
    """Predictions in it."""
    statistics: tuple[CheckStatistic, ...]
    age_ms: int | None = None
    """Of performance: how long after the window's end it was evaluated."""
    coverage: float | None = None
    """Of performance: fraction of the window's predictions that have a label."""


class OperationsStatus(Struct, frozen=True, kw_only=True):
    """How a model made its predictions in the last window that has closed."""

    window: str
    """Its size as a duration."""
    per_second: float
    failed_share: float
    uptime_share: float | None
    """None where no limit of silence is configured."""
    latency_ms: MeasureSummary | None
    measures: dict[str, MeasureSummary]


class RetrainingStatus(Struct, frozen=True, kw_only=True):
    """What a retraining policy waits for."""

    waiting_for: WaitingFor = "alert"
    incident: str | None = None
    since_ms: int | None = None
    """Event time from which it waits for this; None before the first decision."""
    until_ms: int | None = None
    n_labelled: int = 0
    """Labelled predictions since the onset of the incident."""
    n_wanted: int = 0


MissingReason = Literal[
    "task", "labels", "scores", "decisions", "baseline", "chance", "gate", "not restored", "cooldown"
]


class MissingProposal(Struct, frozen=True, array_like=True):
    """Why there is no proposal of a kind."""

    reason: MissingReason
    words: str


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
    windows: tuple[WindowFigures, ...] = ()
    """The last evaluated window of each size, since this process took the partition over; as the next two."""
    estimate: WindowFigures | None = None
    """The last window whose performance was estimated."""
    performance: tuple[WindowFigures, ...] = ()
    """The last performance window evaluated at each age."""
    last_prediction_ms: int | None = None
    """Event time of the newest predictions, to the pane."""
    last_label_ms: int | None = None
    """Time of the newest labels that joined a prediction, to the pane."""
    open_alerts: tuple[AlertEvent, ...]
    learning: LearningStatus | None = None
    """How far a reference has been learnt; None once there is one."""
    operations: OperationsStatus | None = None
    """None where no event says anything of how it was made."""
    month_notifications: dict[str, int] = {}
    """Notifications in the month of event time that the model has come to, by severity."""
    silent: bool | None = None
    """Whether the model, in all its versions, is silent; None where no limit is configured."""
    retraining: RetrainingStatus | None = None
    """None where no retraining is to be requested."""
    proposals: dict[ProposalKind, MissingProposal] = {}
    """Why there is no proposal of each kind that is wanted."""


def alerts_status(*alerts: ModelAlerts) -> ModelStatus:
    """Return the status of what is no model and has alerts alone."""
    return ModelStatus(
        profile_id="",
        bootstrap_error=None,
        n_unprofiled=0,
        n_expired=0,
        calibrating_ms=(),
        open_alerts=tuple(state.alert for each in alerts for state in each.open.values()),
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
