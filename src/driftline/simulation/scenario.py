"""What is simulated: how much, from when on, and what drifts."""

from __future__ import annotations

from typing import Final, Literal, get_args

from msgspec import Struct

from driftline.errors import ParameterError

DataDrift = Literal["income-shift", "new-category", "missing", "concept"]
OperationDrift = Literal["failures", "slowness", "silence"]
DriftKind = DataDrift | OperationDrift
OPERATION_KINDS: Final[tuple[OperationDrift, ...]] = get_args(OperationDrift)
"""failures: 8 % of the predictions fail; slowness: the model takes 2.5 times as long; silence: it makes no predictions.
"""
DRIFT_KINDS: Final[tuple[DataDrift, ...]] = get_args(DataDrift)
"""income-shift: incomes grow by 35 %; new-category: 15 % of the applicants come from a region never seen before;
missing: a tenth of the tenures is null; concept: high debt, which meant risk, now means the opposite, so accuracy
falls while the features stay as they were."""
MAX_EVENTS: Final = 1 << 40


class Scenario(Struct, frozen=True, kw_only=True):
    """A stretch of traffic; equal scenarios give equal bytes."""

    start_ms: int
    """Event time of the beginning, in milliseconds since the epoch."""
    duration_ms: int
    """Length in event time."""
    rate: float = 100.0
    """Predictions per second of event time, on average."""
    seed: int = 42
    model: str = "credit-risk"
    version: str = "3"
    label_delay_ms: int = 600_000
    """Mean of the exponential delay between a prediction and its label."""
    drift: tuple[DriftKind, ...] = ()
    """What drifts; nothing by default."""
    drift_at_ms: int | None = None
    drift_until_ms: int | None = None
    """Event times, here and before; None stands for the start and for the end."""
    seasonal: bool = False
    """Whether traffic swings over the day (by 60 %, with its peak at 15:00 UTC, when branches are open)."""
    missing_ratio: float = 0.01
    """Share of incomes, tenures and employments that are always missing."""
    operations: bool = False
    """Whether predictions say how long they took, and why they failed; they also do where that drifts."""

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if self.duration_ms <= 0:
            raise ParameterError("a duration above zero", self.duration_ms, "$.duration_ms")
        if not 0 < self.rate * self.duration_ms / 1000 < MAX_EVENTS:
            raise ParameterError("a rate above zero", self.rate, "$.rate")
        if self.seed < 0:
            raise ParameterError("a seed of at least 0", self.seed, "$.seed")
        if self.label_delay_ms < 0:
            raise ParameterError("a delay of at least 0", self.label_delay_ms, "$.label_delay_ms")
        if not 0 <= self.missing_ratio < 1:
            raise ParameterError("a share in [0, 1)", self.missing_ratio, "$.missing_ratio")
        for kind in self.drift:
            if kind not in (*DRIFT_KINDS, *OPERATION_KINDS):
                known = ", ".join((*DRIFT_KINDS, *OPERATION_KINDS))
                raise ParameterError(f"one of {known}", kind, "$.drift")
        if self.drift_until_ms is not None and self.drift_until_ms <= (self.drift_at_ms or self.start_ms):
            raise ParameterError("an end of the drift after its beginning", self.drift_until_ms, "$.drift_until_ms")

    @property
    def n_events(self) -> int:
        """Predictions in all."""
        return max(1, round(self.rate * self.duration_ms / 1000))

    @property
    def end_ms(self) -> int:
        """Event time of the end."""
        return self.start_ms + self.duration_ms
