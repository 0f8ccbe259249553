"""The quality of one column in one window: all its tests, and what they come to together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.quality.families import n_quality_tests
from driftline.checks.quality.frozen import frozen, frozen_value
from driftline.checks.quality.outcome import QualityOutcome, combined_p, smallest
from driftline.checks.quality.shares import absent_shares, out_of_range
from driftline.checks.quality.unseen import unseen_outcomes
from driftline.checks.references.share_dispersion import independent
from driftline.events.window import QualityTest
from driftline.sketches.columns import NumericColumn
from driftline.sketches.layout import EVENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.references.share_dispersion import DispersionLookup
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column
    from driftline.sketches.pane_sketch import PaneSketch


def examine_quality(
    profile: Profile, index: int, sketch: PaneSketch, lookup: DispersionLookup = independent
) -> list[QualityOutcome]:
    """Return the outcome of each test of a column's quality; empty where the window or the reference is.

    Parameters
    ----------
    profile : Profile
    index : int
        Position of the column in the profile.
    sketch : PaneSketch
        Of the window, on the profile's grid.
    lookup : DispersionLookup
    """
    column, place = profile.columns[index], profile.layout.places[index]
    here, there = sketch.counts, profile.reference.counts
    n, n_reference = int(here[EVENTS]), int(there[EVENTS])
    if n == 0 or n_reference == 0:
        return []
    bins, bins_there = here[place.bins], there[place.bins]
    outcomes = absent_shares(column, here[place.quality], n, there[place.quality], n_reference, lookup)
    if isinstance(column, NumericColumn):
        beyond = out_of_range(column, bins, bins_there, lookup)
        outcomes += [] if beyond is None else [beyond]
        value = frozen_value(column, bins, sketch.extremes[place.moments])
    else:
        outcomes += unseen_outcomes(column, bins, bins_there, sketch.unseen.get(index, {}), lookup)
        value = frozen_value(column, bins, None, sketch.unseen, index)
    constant = frozen(column, bins, bins_there, value, lookup)
    return outcomes if constant is None else [*outcomes, constant]


def quality_test(column: Column, outcomes: Sequence[QualityOutcome]) -> QualityTest | None:
    """Return a column's one test of quality, as windows show it; None where nothing could be tested."""
    outcome = smallest(outcomes)
    if outcome is None:
        return None
    n_tests = n_quality_tests(column)
    return QualityTest(
        check=outcome.check,
        current=outcome.current,
        reference=outcome.reference,
        p_value=combined_p(outcome, n_tests),
        n_tests=n_tests,
    )
