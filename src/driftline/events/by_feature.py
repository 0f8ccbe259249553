"""Errors and labels of labelled predictions by the value of a feature, beside those of the baseline."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from driftline.events.evidence import Count


class ValueErrors(Struct, frozen=True, kw_only=True):
    """Labelled predictions whose feature has values of one group, and how many of them are wrong."""

    values: str
    """The values, as in ``< 25``, ``[25, 40)``, ``web``, ``missing``, ``(others)`` or ``(unlisted)``."""
    n: Count
    """Labelled predictions of the window."""
    wrong: Count
    """Wrong ones of them; in a regression those whose absolute error is above ``limit``."""
    positive: Count | None
    """Those whose label is the positive class; null for all but binary tasks."""
    n_reference: Count
    wrong_reference: Count
    positive_reference: Count | None
    """The same of the baseline."""


class FeatureErrorRates(Struct, frozen=True, kw_only=True):
    """Errors by the values of one feature."""

    column: str
    groups: list[ValueErrors]
    """In the order of the values; without groups that are empty on both sides."""


class ErrorsByFeature(Struct, frozen=True, kw_only=True):
    """Errors by the values of the most important features, at the tested revision of a window."""

    why_not: str | None
    """Why nothing was compared; null if something was."""
    baseline: Literal["reference", "first windows"] | None
    """What they are compared with: the reference's labelled rows, or the first windows; null if with nothing."""
    limit: float | None
    """Absolute error above which a prediction of a regression is wrong: the 80 % quantile of the reference's; null for
    classes."""
    features: list[FeatureErrorRates]
    """The most important feature first; empty if nothing was compared."""
