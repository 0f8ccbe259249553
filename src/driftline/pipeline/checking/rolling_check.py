"""A window against the week before it, beside the profile: the same test, with a reference that moves on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.policy import severity_of
from driftline.events.finding import FindingEvent, finding_id
from driftline.pipeline.checking.check_context import calibrating
from driftline.pipeline.checking.distribution_check import Compared, compare_distributions, distribution_effect
from driftline.pipeline.checking.wording import number, p_value_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.model import CheckSettings
    from driftline.events.finding import LevelEvidence
    from driftline.pipeline.checking.closed_window import ClosedWindow
    from driftline.pipeline.checking.common_fields import CommonFields
    from driftline.pipeline.checking.standard import Standard

CHECK: Final = "distribution.rolling"


def rolling_findings(
    standard: Standard,
    window: ClosedWindow,
    checks: CheckSettings,
    common: CommonFields,
    levels: Sequence[LevelEvidence],
) -> list[FindingEvent]:
    """Return what differs from the recent past, column by column; nothing where the window brings no such reference.

    Parameters
    ----------
    standard : Standard
        Of the profile whose grid the window's sketch is on.
    window : ClosedWindow
        Its ``rolling`` sketch is what it is compared with.
    checks : CheckSettings
    common : CommonFields
        Of the window.
    levels : sequence of LevelEvidence
        The budget's, then that for information where it is wanted.
    """
    if window.rolling is None:
        return []
    found: list[FindingEvent] = []
    for index in range(len(standard.profile.columns)):
        finding = _finding(standard, index, window, checks, common, levels)
        if finding is not None:
            found.append(finding)
    return found


def _finding(
    standard: Standard,
    index: int,
    window: ClosedWindow,
    checks: CheckSettings,
    common: CommonFields,
    levels: Sequence[LevelEvidence],
) -> FindingEvent | None:
    held = standard.rolling_column(index, window)
    compared = Compared(standard.profile, index, window, held)
    names = ("psi", *(name for name in checks.distances if name != "psi"))
    outcome = compare_distributions(compared, names, checks.test, levels[0].level)
    for given in levels:
        level = calibrating(given) if held.calibrating and given.in_budget else given
        real = distribution_effect(outcome, level.level, checks.min_psi)
        if real is None or outcome.test is None:
            continue
        column, span = compared.column, common["window"]
        statistic, effect = real
        fields: CommonFields = {**common, "n": outcome.n, "n_reference": outcome.n_reference}
        return FindingEvent(
            **fields,
            finding_id=finding_id(window.key, window.segment, span, CHECK, column.role, column.name),
            check=CHECK,
            family="distribution",
            column=column.name,
            role=column.role,
            severity=severity_of(effect.corrected, effect.gate) if level.in_budget else "info",
            importance=standard.profile.importances.get(column.name, 1.0),
            statistic=statistic,
            level=level,
            effect=effect,
            baseline="rolling",
            distances=outcome.distances,
            histograms=outcome.histograms,
            dispersion=outcome.test.dispersion,
            unit_change=None,
            unseen={},
            since=span.start,
            message=(
                f"{column.name}: PSI {effect.raw:.2f} (corrected {effect.corrected:.2f}, "
                f"matters from {effect.gate:.2f}) against {number(outcome.n_reference)} recent events; "
                f"{p_value_at(statistic.p_value or 0.0, level.level)}"
            ),
        )
    return None
