"""Operations events: how much a model predicted in a window, how fast, and how often it failed."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.cloudevents import OPERATIONS
from driftline.events.evidence import Count, Event, Share

Amount = Annotated[float, Meta(ge=0)]
OperationsVerdict = Literal["waiting", "calibrating", "usual", "degraded"]


class MeasureSummary(Struct, frozen=True, kw_only=True):
    """Distribution of a quantity over the predictions of a window that have it."""

    n: Annotated[int, Meta(ge=1)]
    """Predictions that have it."""
    mean: Amount
    """Exact to 2⁻²⁰."""
    p50: Amount
    """Median; as the other quantiles at most 0.8 % from the value of that rank."""
    p95: Amount
    """Quantile 0.95."""
    p99: Amount
    """Quantile 0.99."""
    maximum: Amount
    """Greatest value."""
    n_unusable: Count
    """Values that are no number, not finite, or below 0; they are not among ``n``."""


class EarlierTest(Struct, frozen=True, kw_only=True):
    """Test of a fraction of predictions against that of earlier windows."""

    share: Share
    """Fraction in this window: of failed predictions, or of those slower than 95 % in the earlier windows."""
    share_reference: Share
    """Fraction in the earlier windows together."""
    n_reference: Count
    """Predictions of the earlier windows."""
    n_windows: Count
    """Number of earlier windows."""
    dispersion: float
    """Variance of the count between windows divided by that of independent predictions; at least 1."""
    p_value: Share
    """Probability of a fraction as high as this one, or higher."""


class OperationsEvent(Event, frozen=True, kw_only=True):
    """Throughput, failures, latency and resource use of one version of a model in a window.

    ``n`` counts the predictions of the window, failed or not, but for those that came too late; ``n_reference`` counts
    those of the earlier windows that failures were compared with.
    """

    TYPE: ClassVar[str] = OPERATIONS

    status: OperationsVerdict
    """``waiting``: too few predictions, evaluated together with the next windows. ``calibrating`` while there are too
    few earlier windows to compare with. ``usual``: no finding; ``degraded``: a finding."""
    per_second: Amount
    """Predictions per second of the window."""
    n_failed: Count
    """Failed predictions."""
    failed_share: Share
    """Failed predictions divided by all; 0 without predictions."""
    reasons: dict[str, Count]
    """Failed predictions by reason: the 16 most frequent of at most 64 that are counted."""
    n_other_reasons: Count
    """Failed predictions for other reasons."""
    latency_ms: MeasureSummary | None
    """Time that the model took, in milliseconds; null if no prediction has it."""
    measures: dict[str, MeasureSummary]
    """The further numbers that are mapped (``operations``), by name."""
    longest_gap_ms: Count | None
    """Longest time without a prediction that ended in this window or lasts at its end, to the pane; it may have begun
    before. Null for the first window, if it has no gap."""
    uptime_share: Share | None
    """Fraction of the window in which the model had not been silent for longer than ``operations.silence``; null if
    that is not set."""
    failed_test: EarlierTest | None
    """Null if not tested."""
    latency_test: EarlierTest | None
    """Null if not tested."""
