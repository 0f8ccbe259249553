"""What explains a change of performance: other traffic or other outcomes, as parts that add up to the change."""

from __future__ import annotations

from msgspec import Struct

from driftline.events.evidence import Count, Share, Time


class ExplainedPart(Struct, frozen=True, kw_only=True):
    """A part of a change."""

    value: float
    """In the unit of the metric."""
    standard_error: float
    fraction: float | None
    """``value`` divided by the change; above 1 or below 0 if other parts go the other way, null if nothing changed."""


class SegmentChange(Struct, frozen=True, kw_only=True):
    """What one segment adds to a change."""

    segment: str | None
    """As in ``country=DE``; null for all predictions that are in none of the field's segments."""
    share: Share
    """Fraction of the cases of the metric: of all labels, or for ``precision`` of those predicted positive, and so on.
    Weighted if labels are."""
    share_before: Share
    value: float | None
    """The metric in this segment; null without cases."""
    value_before: float | None
    mix: ExplainedPart
    """Change of its fraction, times how far its metric is from that of all."""
    within: ExplainedPart
    """Change of its metric, times its fraction."""


class MixChange(Struct, frozen=True, kw_only=True):
    """The change, split by the segments of one field. ``mix`` and ``within`` add up to it."""

    field: str
    mix: ExplainedPart
    """The segments have other fractions of the cases."""
    within: ExplainedPart
    """The metric changed within the segments."""
    segments: list[SegmentChange]
    """Those that explain most first."""


class EarlierWindows(Struct, frozen=True, kw_only=True):
    """The windows that a split by segments compares with, taken together."""

    start: Time
    end: Time
    n_windows: Count
    value: float
    """The metric in these windows."""
    change: float
    """The window's metric minus theirs."""


class Explained(Struct, frozen=True, kw_only=True):
    """What explains the change of one metric: two splits, each of which adds up to the change that it is about."""

    metric: str
    """A tested metric, or ``positive_share`` or ``mean_score`` of the labelled predictions."""
    mix: list[MixChange]
    """Split by segments, one for each field of ``segments``; those whose mix explains most first. Empty if
    ``mix_missing`` says why."""
    compared: EarlierWindows | None
    """What ``mix`` is compared with: the last windows without a finding; null if ``mix`` is empty."""
    mix_missing: str | None
    """``no segments`` are configured; ``no earlier windows`` without a finding; ``no cases`` in the window or the
    earlier ones; ``inconsistent counts``: a segment has more than all, after an idle mark."""
    change: float | None
    """The window's metric minus the baseline's; null if ``data`` and ``concept`` are."""
    data: ExplainedPart | None
    """Other scores and decisions: the outcomes that the baseline had at these scores, in the window's traffic."""
    concept: ExplainedPart | None
    """Other outcomes at the same scores."""
    outside: Share | None
    """Fraction of the labels at scores that the baseline does not have; their part of the change is in ``data``."""
    scores_missing: str | None
    """Why ``data`` and ``concept`` are null. ``not binary``: only scores of one class are kept. ``not by score``: the
    metric is no function of decisions and outcomes by score. ``no scores``, ``labels without a score``, ``classes
    outside the profile``, ``decisions do not follow from scores``: in the window or the baseline. ``undefined``."""
    words: str = ""
    """What explains most of a change for the worse, for people; empty if nothing certainly explains much of it."""
