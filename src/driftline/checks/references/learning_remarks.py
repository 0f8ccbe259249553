"""For which windows a reference does not show how much unchanged traffic varies, and from when they may notify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.checks.references.reference_view import ReferenceView
from driftline.config.durations import Duration
from driftline.profiles.error_spread import DAY_MS
from driftline.significance.dispersion import LEAST_WINDOWS

if TYPE_CHECKING:
    from driftline.config.model import ModelSettings
    from driftline.profiles.profile import Profile

_NAMED: Final = 3
"""Columns that a sentence names."""


def learning_remarks(profile: Profile, settings: ModelSettings, pane_ms: int) -> list[str]:
    """Return a sentence for each size of verdict window of which production must show how much it varies.

    Empty where the reference shows it for all columns, and where events count as independent
    (``checks.dispersion.mode``). Once a size is known it stays as it is; until then its windows notify nobody.
    """
    view = ReferenceView(profile, settings, pane_ms)
    return [_sentence(profile, settings, size_ms, view.unknown_columns(size_ms)) for size_ms in view.unknown_sizes()]


def burn_in_ms(settings: ModelSettings, size_ms: int) -> int:
    """Return the least event time, in milliseconds, in which production shows how much windows of a size vary."""
    return max(int(settings.checks.dispersion.span), LEAST_WINDOWS * size_ms)


def _sentence(profile: Profile, settings: ModelSettings, size_ms: int, unknown: list[int]) -> str:
    size, span = Duration(size_ms), Duration(burn_in_ms(settings, size_ms))
    names = [f"`{profile.columns[index].name}`" for index in unknown]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    whose = "" if len(names) == len(profile.columns) else f" of {', '.join(names[:_NAMED])}{more}"
    return (
        f"windows of {size}{whose} notify nobody in the first {span} of production, or longer where events are few: "
        f"the reference does not show how much they vary, for which it needs values in at least {LEAST_WINDOWS} "
        f"windows, and event times over {span}; give such rows"
        + ("" if size_ms == min(map(int, settings.windows.verdict)) else ", or take smaller windows (windows.verdict)")
        + _longer(settings, size_ms)
    )


def _longer(settings: ModelSettings, size_ms: int) -> str:
    """Return until when columns of dependent events wait, where that is longer; empty where it is not."""
    longest = max((int(size) for size in settings.windows.verdict if size_ms < int(size) <= DAY_MS), default=None)
    if longest is None:
        return ""
    return (
        f". Columns of dependent events wait for {Duration(burn_in_ms(settings, longest))}, until windows "
        f"of {Duration(longest)} show how far that goes"
    )
