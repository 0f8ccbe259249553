"""Has anything changed between the numeric features: correlations, principal components, the mean embedding.

Each check that is configured is one test of a window, within the budget. The reference is always the whole of it: there
are no cross-moments by hour of the week, so what a season moves counts as dispersion, which makes the tests less sharp.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.checks.contract.check import Evidence, Outcome, Subject, check, effect_of, statistic_of
from driftline.checks.contract.importance import relative_importance
from driftline.checks.contract.wording import number, percent
from driftline.checks.references.mean_variance import nine_digits
from driftline.multivariate.correlation import correlation_change
from driftline.multivariate.cross_moments import cross_moments, feature_sample, mean_features
from driftline.multivariate.domain_classifier import domain_score
from driftline.multivariate.mean_embedding import embedding_distance
from driftline.multivariate.reconstruction import reconstruction_change
from driftline.significance.tails import student_tail
from driftline.significance.weighted_chi_squared import weighted_chi_squared_tail
from driftline.sketches.bottom_k import rows_of
from driftline.sketches.joint import Z_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.references.cases import WindowCase
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.events.finding import Effect
    from driftline.multivariate.cross_moments import CrossMoments
    from driftline.profiles.profile import JointReference
    from driftline.sketches.joint import Joint
    from driftline.sketches.pane_sketch import PaneSketch

MIN_COMPLETE: Final = 100
"""With fewer events in which all joint features have a value, nothing is tested: the tails are not known there."""


class Inflation(NamedTuple):
    """By how much serial dependence inflates the variance of means."""

    factor: float
    """Of the variance, at least 1."""
    freedom: float
    """Degrees of freedom of its estimate; infinite where it is known."""
    calibrating: bool
    """Whether it is not known yet: then nothing may page."""

    def widened(self, p_value: float) -> float:
        """Return a p-value with the tail of an estimated variance: its normal score referred to Student's t."""
        return 2 * student_tail(p_value / 2, self.freedom)


@check("multivariate", "window", lambda settings: len(settings.checks.multivariate), order=3)
def multivariate(case: WindowCase) -> Iterator[Outcome]:
    """Make each configured test of the numeric features together: one outcome a test that can be made.

    A test that cannot be made, as with fewer than :data:`MIN_COMPLETE` events, has none.
    """
    profile, wanted = case.profile, case.settings.checks.multivariate
    if profile.joint is None or profile.joint_reference is None or not wanted:
        return
    made = {
        "correlation": _correlation,
        "reconstruction": _reconstruction,
        "mean_embedding": _mean_embedding,
        "domain_classifier": _domain_classifier,
    }
    both = _Both(case, profile.joint, profile.joint_reference)
    for name in wanted:
        outcome = made[name](both)
        if outcome is not None:
            yield outcome


def inflation_of(view: ReferenceView, window: ClosedWindow, joint: Joint) -> Inflation:
    """Return the largest inflation of any joint column's shares, season and what differs between windows included."""
    factor, freedom, calibrating = 1.0, math.inf, False
    for index in joint.columns:
        reference = view.column(index, window)
        calibrating |= reference.calibrating
        if reference.whole is not None and not reference.whole.independent:
            factor = max(factor, nine_digits(float(reference.whole.design_effects(float(window.n_events)).max())))
            freedom = min(freedom, reference.whole.freedom)
    return Inflation(factor, freedom, calibrating)


def _inflation(case: WindowCase) -> Inflation:
    joint = case.profile.joint
    return Inflation(1.0, math.inf, calibrating=False) if joint is None else inflation_of(case.view, case.window, joint)


class _Both(NamedTuple):
    """What a window and its profile keep of the numeric features together."""

    case: WindowCase
    joint: Joint
    reference: JointReference

    @property
    def inflation(self) -> Inflation:
        """The same for all tests of the window; asked for only where one of them can be made."""
        return self.case.once(_inflation)

    def moments(self) -> tuple[CrossMoments, CrossMoments] | None:
        """Return the cross-moments of the window and of the reference; None where one of them holds too little."""
        current, reference = self.sketches
        here = cross_moments(self.joint, current.joint)
        if here is None or here.n < MIN_COMPLETE:
            return None
        there = cross_moments(self.joint, reference.joint)
        return None if there is None else (here, there)

    @property
    def sketches(self) -> tuple[PaneSketch, PaneSketch]:
        """The window's, and the reference's."""
        return self.case.window.sketch, self.case.profile.reference

    @property
    def sample(self) -> NDArray[np.float64]:
        """Rows of the reference."""
        return self.reference.sample(self.joint.n_columns)

    def name(self, position: int) -> str:
        """Return the name of a feature."""
        return self.case.profile.columns[self.joint.columns[position]].name

    def outcome(
        self,
        check: str,
        statistic: tuple[str, float, float],
        effect: Effect,
        columns: Iterable[str],
        sizes: tuple[int, int],
        message: str,
    ) -> Outcome:
        """Return an outcome: statistic by name, value and p-value before the inflation is known to be an estimate.

        Its importance is the greatest of the columns that changed most, which not every check can name.
        """
        name, value, p_value = statistic
        importances, named = self.case.profile.importances, tuple(columns)
        importance = max((importances.get(each, 1.0) for each in named), default=1.0)
        weight = relative_importance(self.case.profile, named) if named else 1.0
        return Outcome(
            check=f"multivariate.{check}",
            family="multivariate",
            subject=Subject(importance=importance, weight=weight),
            statistic=statistic_of(name, value, min(1.0, self.inflation.widened(p_value))),
            effect=effect,
            n=sizes[0],
            n_reference=sizes[1],
            message=message,
            evidence=lambda: Evidence(most_changed=named),
            calibrating=self.inflation.calibrating,
        )


def _correlation(both: _Both) -> Outcome | None:
    sides = both.moments()
    if sides is None:
        return None
    here, there = sides
    variances, kurtoses = both.reference.influences()
    gate = both.case.settings.checks.min_correlation_change
    change = correlation_change(here, there, variances, kurtoses, both.inflation.factor, gate)
    if change is None:
        return None
    names = tuple(both.name(position) for position in change.pair)
    return both.outcome(
        "correlation",
        ("largest_fisher_z_change", change.statistic, change.p_value),
        effect_of("correlation_change", change.change, gate, change.current, change.reference),
        names,
        (here.n, there.n),
        f"correlation of {names[0]} and {names[1]} {change.reference:.2f} -> {change.current:.2f}, the clearest change "
        f"of {change.n_pairs} pairs (a change matters from {number(gate)})",
    )


def _reconstruction(both: _Both) -> Outcome | None:
    sides = both.moments()
    if sides is None:
        return None
    here, there = sides
    change = reconstruction_change(here, there, both.sample, both.inflation.factor)
    if change is None:
        return None
    name, gate = both.name(change.column), both.case.settings.checks.min_reconstruction_change
    return both.outcome(
        "reconstruction",
        ("mean_reconstruction_error", change.current, change.p_value),
        effect_of("reconstruction_change", change.change, gate, change.current, change.reference),
        (name,),
        (here.n, there.n),
        f"reconstruction error of {change.n_components} principal components {number(change.reference)} -> "
        f"{number(change.current)}, a change of {percent(change.change)}, most of it in {name} (a change matters from "
        f"{percent(gate)})",
    )


def _mean_embedding(both: _Both) -> Outcome | None:
    here, there = (mean_features(both.joint, sketch.joint) for sketch in both.sketches)
    if here is None or there is None or here[0] < MIN_COMPLETE:
        return None
    distance = embedding_distance(here, there, feature_sample(both.joint, both.sample), both.inflation.factor)
    gate = both.case.settings.checks.min_embedding_distance
    return both.outcome(
        "mean_embedding",
        (
            "squared_mean_embedding_distance",
            distance.squared,
            weighted_chi_squared_tail(distance.squared, distance.weights),
        ),
        effect_of("embedding_distance", distance.corrected, gate),
        (),
        (here[0], there[0]),
        f"{both.joint.n_columns} numeric features together are {number(distance.corrected)} from the reference in mean "
        f"embedding (a distance matters from {number(gate)})",
    )


def _domain_classifier(both: _Both) -> Outcome | None:
    window, joint = both.case.window, both.joint
    here, there = rows_of(window.sketch.rows, joint.n_columns) / Z_UNITS, both.sample
    if not joint.sampled or not window.n_events:
        return None
    thinned = 1 + (both.inflation.factor - 1) * min(1.0, len(here) / window.n_events)
    score = domain_score(here, there, thinned)
    if score is None:
        return None
    name, gate = both.name(score.column), both.case.settings.checks.min_domain_auc
    return both.outcome(
        "domain_classifier",
        ("area_under_curve", score.auc, score.p_value),
        effect_of("domain_auc", score.auc, gate, score.auc, 0.5),
        (name,),
        (len(here), len(there)),
        f"a classifier tells {len(here)} events of the window from the reference with an area under the curve of "
        f"{score.auc:.3f}, most of all by {name} (it matters from {number(gate)})",
    )
