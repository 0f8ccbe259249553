"""What the checks say of a window, a cohort, or a span of the label stream."""

from __future__ import annotations

from typing import Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

from driftline.alerts.observation import Lingering
from driftline.events.evidence import Event, EventRole
from driftline.events.finding import FindingEvent

E_co = TypeVar("E_co", bound=Event, covariant=True)
Sequence: TypeAlias = Literal[
    "predictions", "performance", "cohorts", "label stream", "silence", "intake", "operations", "model silence"
]
"""Which windows in a row open and resolve the same alerts: verdict windows, performance windows, cohorts of predictions
(each seen at several ages), spans of the labels topic; silence of that topic, and windows of an input topic as such,
whose alerts open at once; windows of how predictions were made, and silence of a model."""


Quantity: TypeAlias = Literal["distance", "unusable ratio", "distribution", "multivariate", "performance", "estimate"]
"""What a statistic measures; only statistics of one quantity can be compared."""


class CheckStatistic(Struct, frozen=True):
    """The latest number of one check, for telemetry."""

    quantity: Quantity
    check: str
    """Name of the distance (corrected where it can be), metric or check."""
    column: str
    """Empty where the check is about the model as a whole."""
    role: EventRole
    value: float
    p_value: float | None


class Verdict(Struct, Generic[E_co], frozen=True, kw_only=True):
    """What is to be emitted, and whether alerts go on from it."""

    events: tuple[E_co, ...] = ()
    """Of windows, one for each block of columns; empty where a finding stands alone."""
    findings: tuple[FindingEvent, ...]
    """In the order of the columns; they follow the events."""
    statistics: tuple[CheckStatistic, ...] = ()
    sequence: Sequence
    tested: bool
    """Whether it opens and resolves alerts: else it is only reported."""
    observed: Event | None = None
    """What alerts take the window and the common fields from, where no event is emitted of it."""
    lingering: tuple[Lingering, ...] = ()
    """Effects that are no findings, and near enough to what matters for an open alert to stay open."""
    age_ms: int = 0
    """How long after the window's end it was tested: alerts date from that moment."""

    @property
    def event(self) -> E_co:
        """The only event of what is no window of predictions, or the first of several."""
        return self.events[0]
