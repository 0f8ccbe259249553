"""The quality of one column in one window: all its tests, and what they come to together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.contract.check import check
from driftline.checks.quality.families import n_quality_tests
from driftline.checks.quality.frozen import frozen, value_in
from driftline.checks.quality.outcome import Quality
from driftline.checks.quality.shares import absent_shares, out_of_range
from driftline.checks.quality.unseen import unseen_outcomes
from driftline.events.window import QualityTest
from driftline.sketches.columns import NumericColumn
from driftline.sketches.layout import EVENTS
from driftline.sketches.rare_categories import RareCategories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.contract.check import Outcome
    from driftline.checks.references.cases import ColumnCase
    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch


@check("quality", "column")
def quality(case: ColumnCase) -> Sequence[Outcome]:
    """Test whether a column is there, of its type, in range, of known categories, and varies: one test together."""
    return case.once(quality_outcomes)


def quality_outcomes(case: ColumnCase) -> list[Outcome]:
    """Return the outcomes of :data:`quality`, which the event of a window shows as well."""
    n = int(case.window.sketch.counts[case.place.bins].sum())
    about = Quality(
        case.subject,
        case.settings.checks,
        n_quality_tests(case.column),
        case.reference.of_shares(n, case.window.n_events),
        calibrating=case.reference.shares_calibrating,
    )
    return column_outcomes(about, case.profile, case.index, case.window.sketch)


def column_outcomes(about: Quality, profile: Profile, index: int, sketch: PaneSketch) -> list[Outcome]:
    """Return the outcome of each test of a column's quality; empty where the window or the reference is.

    ``index`` is the column's position in the profile, on whose grid the window's sketch is.
    """
    column, place = profile.columns[index], profile.layout.places[index]
    here, there = sketch.counts, profile.reference.counts
    n, n_reference = int(here[EVENTS]), profile.n_of(index)
    if n == 0 or n_reference == 0:
        return []
    bins, bins_there = here[place.bins], there[place.bins]
    texts = sketch.unseen.get(index, {}) if isinstance(column, NumericColumn) else {}
    outcomes = absent_shares(about, column, here[place.quality], n, there[place.quality], n_reference, texts)
    if isinstance(column, NumericColumn):
        beyond = out_of_range(about, column, place.inside, bins, bins_there)
        outcomes += [] if beyond is None else [beyond]
    else:
        rare = RareCategories(profile.rare[column.name]) if column.name in profile.rare else None
        outcomes += unseen_outcomes(about, column, bins, bins_there, sketch.unseen.get(index, {}), rare)
    constant = frozen(about, column, bins, bins_there, value_in(sketch, profile, index))
    return outcomes if constant is None else [*outcomes, constant]


def quality_test(outcomes: Sequence[Outcome]) -> QualityTest | None:
    """Return a column's one test of quality, as windows show it; None where nothing could be tested."""
    outcome = min(outcomes, key=lambda each: each.statistic.p_value or 0.0, default=None)
    if outcome is None or outcome.effect is None:
        return None
    return QualityTest(
        check=outcome.check,
        current=outcome.statistic.value,
        reference=outcome.effect.reference or 0.0,
        p_value=outcome.p_value or 0.0,
        n_tests=outcome.alternatives,
    )
