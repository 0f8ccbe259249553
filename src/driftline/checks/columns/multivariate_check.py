"""Has anything changed between the numeric features: correlations, principal components, the mean embedding.

Each check that is configured is one test of a window, within the budget. The reference is always the whole of it: there
are no cross-moments by hour of the week, so what a season moves counts as dispersion, which makes the tests less sharp.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.checks.contract.error_budget import calibrating
from driftline.checks.contract.finding_builder import Subject, finding_of, seen_by
from driftline.checks.contract.verdict import CheckStatistic
from driftline.checks.contract.wording import number, p_value_at, percent
from driftline.checks.references.mean_variance import nine_digits
from driftline.events.finding import Effect, Statistic
from driftline.multivariate.correlation import correlation_change
from driftline.multivariate.cross_moments import cross_moments, feature_sample, mean_features
from driftline.multivariate.domain_classifier import domain_score
from driftline.multivariate.mean_embedding import embedding_distance
from driftline.multivariate.reconstruction import reconstruction_change
from driftline.significance.tails import student_tail
from driftline.significance.weighted_chi_squared import weighted_chi_squared_tail
from driftline.sketches.joint import Z_UNITS
from driftline.sketches.row_sample import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.config.model import CheckSettings
    from driftline.events.finding import FindingEvent, LevelEvidence
    from driftline.multivariate.cross_moments import CrossMoments
    from driftline.profiles.joint_reference import JointReference
    from driftline.profiles.profile import Profile
    from driftline.sketches.joint import Joint

MIN_COMPLETE: Final = 100
"""With fewer events in which all joint features have a value, nothing is tested: the tails are not known there."""


class Inflation(NamedTuple):
    """By how much serial dependence inflates the variance of means.

    Attributes
    ----------
    factor : float, at least 1
    freedom : float
        Degrees of freedom of its estimate; infinite where it is known.
    calibrating : bool
        Whether it is not known yet: then nothing may page.
    """

    factor: float
    freedom: float
    calibrating: bool

    def widened(self, p_value: float) -> float:
        """Return a p-value with the tail of an estimated variance: its normal score referred to Student's t."""
        return 2 * student_tail(p_value / 2, self.freedom)


class MultivariateOutcome(NamedTuple):
    """What one check says of a window.

    Attributes
    ----------
    check : str
    statistic : Statistic
    effect : Effect
    columns : tuple of str
        Those that changed most; empty where the check does not tell.
    n, n_reference : int
        Events in which all joint features have a value.
    words : str
        What changed.
    """

    check: str
    statistic: Statistic
    effect: Effect
    columns: tuple[str, ...]
    n: int
    n_reference: int
    words: str


def examine_multivariate(
    standard: ReferenceView, window: ClosedWindow, context: ErrorBudget, common: CommonFields, level: LevelEvidence
) -> tuple[list[FindingEvent], list[CheckStatistic]]:
    """Compare what a window keeps of the numeric features together with its profile.

    Parameters
    ----------
    standard : ReferenceView
    window : ClosedWindow
        Of kind ``tumbling``.
    context : ErrorBudget
    common : CommonFields
        Of the window.
    level : LevelEvidence
        Of each test of the window.

    Returns
    -------
    list of FindingEvent
        At most one a check.
    list of CheckStatistic
        One for each check that could be made.
    """
    profile, info = standard.profile, context.info_level()
    outcomes, unknown = outcomes_of(standard, window, context.settings.checks)
    level = calibrating(level) if unknown else level
    levels = (level,) if info is None else (level, info)
    findings, statistics = [], []
    for outcome in outcomes:
        p_value = outcome.statistic.p_value
        statistics.append(CheckStatistic(outcome.check, "", "feature", outcome.effect.corrected, p_value))
        held = next((each for each in levels if p_value is not None and p_value <= each.level), None)
        if held is not None and outcome.effect.corrected >= outcome.effect.gate:
            findings.append(_finding(outcome, profile, common, held))
    return findings, statistics


def outcomes_of(
    standard: ReferenceView, window: ClosedWindow, checks: CheckSettings
) -> tuple[list[MultivariateOutcome], bool]:
    """Return the outcome of each check that can be made, and whether the dispersion is still being learnt."""
    profile = standard.profile
    joint, reference = profile.joint, profile.joint_reference
    if joint is None or reference is None or not checks.multivariate:
        return [], False
    inflation = inflation_of(standard, window, joint)
    made = {
        "correlation": _correlation,
        "reconstruction": _reconstruction,
        "mean_embedding": _mean_embedding,
        "domain_classifier": _domain_classifier,
    }
    outcomes = (made[name](profile, (joint, reference), window, checks, inflation) for name in checks.multivariate)
    return [outcome for outcome in outcomes if outcome is not None], inflation.calibrating


def inflation_of(standard: ReferenceView, window: ClosedWindow, joint: Joint) -> Inflation:
    """Return the largest inflation of any joint column's shares, season and what differs between windows included."""
    factor, freedom, calibrating = 1.0, math.inf, False
    for index in joint.columns:
        held = standard.column(index, window)
        calibrating |= held.calibrating
        if held.whole is not None and not held.whole.independent:
            factor = max(factor, nine_digits(float(held.whole.design_effects(float(window.n_events)).max())))
            freedom = min(freedom, held.whole.freedom)
    return Inflation(factor, freedom, calibrating)


def _moments(profile: Profile, joint: Joint, window: ClosedWindow) -> tuple[CrossMoments, CrossMoments] | None:
    """Return the cross-moments of the window and of the reference; None where one of them holds too little."""
    here, there = cross_moments(joint, window.sketch.joint), cross_moments(joint, profile.reference.joint)
    return None if here is None or there is None or here.n < MIN_COMPLETE else (here, there)


def _correlation(
    profile: Profile,
    held: tuple[Joint, JointReference],
    window: ClosedWindow,
    checks: CheckSettings,
    inflation: Inflation,
) -> MultivariateOutcome | None:
    joint, reference = held
    sides = _moments(profile, joint, window)
    if sides is None:
        return None
    here, there = sides
    variances, kurtoses = reference.influences()
    gate = checks.min_correlation_change
    found = correlation_change(here, there, variances, kurtoses, inflation.factor, gate)
    if found is None:
        return None
    names = tuple(profile.columns[joint.columns[position]].name for position in found.pair)
    return MultivariateOutcome(
        "multivariate.correlation",
        _statistic("largest_fisher_z_change", found.statistic, inflation.widened(found.p_value)),
        _effect("correlation_change", found.change, gate, found.current, found.reference),
        names,
        here.n,
        there.n,
        f"correlation of {names[0]} and {names[1]} {found.reference:.2f} -> {found.current:.2f}, the clearest change "
        f"of {found.n_pairs} pairs (a change matters from {number(gate)})",
    )


def _reconstruction(
    profile: Profile,
    held: tuple[Joint, JointReference],
    window: ClosedWindow,
    checks: CheckSettings,
    inflation: Inflation,
) -> MultivariateOutcome | None:
    joint, reference = held
    sides = _moments(profile, joint, window)
    if sides is None:
        return None
    here, there = sides
    found = reconstruction_change(here, there, reference.sample(joint.n_columns), inflation.factor)
    if found is None:
        return None
    name, gate = profile.columns[joint.columns[found.column]].name, checks.min_reconstruction_change
    return MultivariateOutcome(
        "multivariate.reconstruction",
        _statistic("mean_reconstruction_error", found.current, inflation.widened(found.p_value)),
        _effect("reconstruction_change", found.change, gate, found.current, found.reference),
        (name,),
        here.n,
        there.n,
        f"reconstruction error of {found.n_components} principal components {number(found.reference)} -> "
        f"{number(found.current)}, a change of {percent(found.change)}, most of it in {name} (a change matters from "
        f"{percent(gate)})",
    )


def _mean_embedding(
    profile: Profile,
    held: tuple[Joint, JointReference],
    window: ClosedWindow,
    checks: CheckSettings,
    inflation: Inflation,
) -> MultivariateOutcome | None:
    joint, reference = held
    here, there = mean_features(joint, window.sketch.joint), mean_features(joint, profile.reference.joint)
    if here is None or there is None or here[0] < MIN_COMPLETE:
        return None
    sample = feature_sample(joint, reference.sample(joint.n_columns))
    found, gate = embedding_distance(here, there, sample, inflation.factor), checks.min_embedding_distance
    p_value = weighted_chi_squared_tail(found.squared, found.weights)
    return MultivariateOutcome(
        "multivariate.mean_embedding",
        _statistic("squared_mean_embedding_distance", found.squared, inflation.widened(p_value)),
        _effect("embedding_distance", found.corrected, gate, None, None),
        (),
        here[0],
        there[0],
        f"{joint.n_columns} numeric features together are {number(found.corrected)} from the reference in mean "
        f"embedding (a distance matters from {number(gate)})",
    )


def _domain_classifier(
    profile: Profile,
    held: tuple[Joint, JointReference],
    window: ClosedWindow,
    checks: CheckSettings,
    inflation: Inflation,
) -> MultivariateOutcome | None:
    joint, reference = held
    here, there = rows_of(window.sketch.rows, joint.n_columns) / Z_UNITS, reference.sample(joint.n_columns)
    if not joint.sampled or not window.n_events:
        return None
    thinned = 1 + (inflation.factor - 1) * min(1.0, len(here) / window.n_events)
    found = domain_score(here, there, thinned)
    if found is None:
        return None
    name, gate = profile.columns[joint.columns[found.column]].name, checks.min_domain_auc
    return MultivariateOutcome(
        "multivariate.domain_classifier",
        _statistic("area_under_curve", found.auc, inflation.widened(found.p_value)),
        _effect("domain_auc", found.auc, gate, found.auc, 0.5),
        (name,),
        len(here),
        len(there),
        f"a classifier tells {len(here)} events of the window from the reference with an area under the curve of "
        f"{found.auc:.3f}, most of all by {name} (it matters from {number(gate)})",
    )


def _statistic(name: str, value: float, p_value: float) -> Statistic:
    return Statistic(name=name, value=value, degrees_of_freedom=None, p_value=min(1.0, p_value), threshold=None)


def _effect(name: str, value: float, gate: float, current: float | None, reference: float | None) -> Effect:
    return Effect(name=name, raw=value, corrected=value, gate=gate, current=current, reference=reference)


def _finding(
    outcome: MultivariateOutcome, profile: Profile, common: CommonFields, level: LevelEvidence
) -> FindingEvent:
    subject = Subject(outcome.check, "multivariate", importance=_importance(profile, outcome.columns))
    message = f"{outcome.words}; {p_value_at(outcome.statistic.p_value or 0.0, level.level)}"
    seen = seen_by(common, outcome.n, outcome.n_reference)
    return finding_of(seen, subject, (outcome.statistic, outcome.effect), level, message)


def _importance(profile: Profile, names: Sequence[str]) -> float:
    """Return the greatest importance of the columns that changed most; 1 where the check does not tell them."""
    return max((profile.importances.get(name, 1.0) for name in names), default=1.0)
