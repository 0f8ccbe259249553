"""What few labels say of all predictions of a window: prediction-powered metrics."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from driftline.events.evidence import Count, Share


class PoweredMetric(Struct, frozen=True, kw_only=True):
    """One metric of all predictions of a window, with the interval in which it will be once all have labels."""

    value: float
    lower: float
    upper: float
    """Ends of the 95 % interval; it takes account of how many predictions have no label yet."""
    window_error: float
    """Standard error of the difference between ``value`` and the metric once all predictions have labels."""
    standard_error: float
    """Standard error of ``value`` as an estimate for unlimited traffic like this."""


class PoweredMetrics(Struct, frozen=True, kw_only=True):
    """Metrics of all predictions of a window, labelled or not: prediction-powered inference.

    It is right whatever the expected losses are, if within each stratum it is by chance which predictions have a label.
    """

    status: Literal["estimated", "withheld"]
    reason: str | None
    """Reason for withholding the metrics."""
    metrics: dict[str, PoweredMetric | None]
    """Classes: ``accuracy``, ``precision``, ``recall``, ``f1`` and, for binary tasks, ``positive_rate``. Null if
    undefined, and for a class with fewer than 30 labels, or 5 hits or misses. Regression: ``mae``, ``pinball`` and
    ``bias``; ``pinball`` is null if it varies too much for so few labels. Empty unless ``status`` is ``estimated``."""
    weight: Share | None
    """How much of the expected losses is believed, from how well they agree with the labels: 0 is nothing, 1 is all.
    It is that of ``accuracy`` or ``mae``."""
    n_strata: Count
    """Strata of predictions that are expected to lose alike, with 30 labels each at least."""
    by_chance: Share | None
    """P-value of the hypothesis that labels are a random sample of all predictions; a small one means that which
    predictions have labels depends on their scores or values, which the strata correct for."""
    early: bool
    """Whether labels are known or likely to be still on their way, so that those that came may differ from those to
    come; ``corrected`` is about that."""
