"""From which size on a change of a metric matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.performance.losses import is_fraction

if TYPE_CHECKING:
    from driftline.config.model import ModelSettings, TestedMetric

MIN_RISE: Final = 0.05
"""Smallest change of a loss that matters where none is configured, as a part of the baseline's."""


def gate_of(metric: TestedMetric, settings: ModelSettings) -> float:
    """Return the smallest change that matters: a difference of fractions, or a part of the baseline's value."""
    usual = settings.checks.min_accuracy_drop if is_fraction(metric) else MIN_RISE
    return settings.performance.min_change.get(metric, usual)
