"""A window against the week before it, beside the profile: the same test, with a reference that moves on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from driftline.checks.columns.distribution_check import Compared, compare_distributions, distribution_effect
from driftline.checks.contract.error_budget import calibrating
from driftline.checks.contract.finding_builder import Subject, finding_of, seen_by
from driftline.checks.contract.wording import number, p_value_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.config.model import CheckSettings
    from driftline.events.finding import FindingEvent, LevelEvidence

CHECK: Final = "distribution.rolling"


def rolling_findings(
    standard: ReferenceView,
    window: ClosedWindow,
    checks: CheckSettings,
    common: CommonFields,
    levels: Sequence[LevelEvidence],
) -> list[FindingEvent]:
    """Return what differs from the recent past, column by column; nothing where the window brings no such reference.

    Parameters
    ----------
    standard : ReferenceView
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
    standard: ReferenceView,
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
        column, (statistic, effect) = compared.column, real
        finding = finding_of(
            seen_by(common, outcome.n, outcome.n_reference),
            Subject(
                CHECK, "distribution", column.name, column.role, standard.profile.importances.get(column.name, 1.0)
            ),
            real,
            level,
            f"{column.name}: PSI {effect.raw:.2f} (corrected {effect.corrected:.2f}, matters from {effect.gate:.2f}) "
            f"against {number(outcome.n_reference)} recent events; "
            f"{p_value_at(statistic.p_value or 0.0, level.level)}",
            "rolling",
        )
        return structs.replace(
            finding, distances=outcome.distances, histograms=outcome.histograms, dispersion=outcome.test.dispersion
        )
    return None
