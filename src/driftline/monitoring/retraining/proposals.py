"""Proposals for the score of a binary model: worked out on some matured windows, tested on those after them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.checks.labels.performance_tests import errors_spread
from driftline.monitoring.monitor_status import MissingProposal
from driftline.performance.classification import confusion_counts
from driftline.performance.measurement import class_sizes
from driftline.performance.recalibration import brier_change, isotonic_map, log_loss_change, platt_map
from driftline.performance.score_cells import decisions_by_score
from driftline.performance.threshold_choice import choose_bin, present_bin, threshold_effects, threshold_of
from driftline.significance.share import share_test
from driftline.significance.tails import student_tail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceBaseline
    from driftline.checks.labels.performance_tests import Spread
    from driftline.config.model import ModelSettings
    from driftline.events.proposal import Objective, ProposalKind
    from driftline.monitoring.monitor_status import MissingReason
    from driftline.performance.recalibration import PairedChange, ScoreMap
    from driftline.performance.score_cells import Decisions
    from driftline.profiles.profile import Profile
    from driftline.sketches.scores import PerformanceLayout

    Vector = NDArray[np.int64]


class NoProposal(Exception):  # noqa: N818  # a result, and no error of anybody
    """There is nothing to propose: a short reason, and the same in words."""

    def __init__(self, reason: MissingReason, words: str) -> None:
        super().__init__(words)
        self.missing = MissingProposal(reason, words)


class Case(NamedTuple):
    """What a proposal is worked out on."""

    profile: Profile
    baseline: PerformanceBaseline | None
    settings: ModelSettings
    fit: Vector
    test: Vector
    """Performance vectors of windows, those of ``test`` the later ones."""
    level: float


class Found(NamedTuple):
    """A proposal that has passed its test."""

    kind: ProposalKind
    objective: Objective
    effects: Mapping[str, PairedChange]
    """With the standard errors that the dispersion of errors asks for."""
    reference: Mapping[str, float | None]
    p_value: float
    dispersion: float
    score_map: ScoreMap | None = None
    thresholds: tuple[float, float] | None = None
    """The present one, and the proposed one."""


def recalibration(case: Case) -> Found:
    """Return a map that lowers the log loss of later predictions significantly and by as much as matters.

    Raises
    ------
    NoProposal
        Says why there is none.
    """
    layout, proposals = case.profile.task.performance_layout, case.settings.proposals
    fit, test = (_scored(layout, vector) for vector in (case.fit, case.test))
    if not fit.any() or not test.any():
        raise NoProposal("scores", "labels without a score")
    fitted = (platt_map if proposals.recalibration == "platt" else isotonic_map)(fit)
    if fitted is None:
        raise NoProposal("labels", "labels of one class alone, or scores that tell them apart without an error")
    spread = _spread(case, "log_loss")
    inflation = _inflation(layout, case.test, spread)
    effects = {
        "log_loss": _inflated(log_loss_change(test, fitted.by_bin), inflation),
        "brier": _inflated(brier_change(test, fitted.by_bin), inflation),
    }
    loss = effects["log_loss"]
    drop = loss.before - loss.after
    p_value = _tail(drop, loss.standard_error, spread)
    if p_value > case.level:
        raise NoProposal("chance", f"a change of the log loss that may be chance (p = {p_value:.1g})")
    if drop < proposals.min_log_loss_drop * loss.before:
        raise NoProposal("gate", "a smaller fall of the log loss than `proposals.min_log_loss_drop`")
    reference = _reference_losses(case)
    return Found("recalibration", "log_loss", effects, reference, p_value, spread.dispersion, score_map=fitted)


def threshold(case: Case) -> Found:
    """Return a threshold that restores the objective on later predictions.

    Raises
    ------
    NoProposal
        Says why there is none.
    """
    layout, objective = case.profile.task.performance_layout, case.settings.proposals.threshold
    if objective == "none":
        raise NoProposal("task", "no objective")
    fit, test, both = (_decisions(layout, vector) for vector in (case.fit, case.test, case.fit + case.test))
    reference = _reference_shares(layout, case.baseline)
    wanted = None if objective == "accuracy" else reference.get(objective)
    if wanted is None and objective != "accuracy":
        raise NoProposal("baseline", "no baseline of the objective")
    at = choose_bin(fit.counts.sum(axis=0) / layout.unit, objective, wanted, present_bin(both))
    spread = _spread(case, objective)
    inflation = _inflation(layout, case.test, spread)
    effects: dict[str, PairedChange] = {}
    if at is not None:
        changes = threshold_effects(test.counts / layout.unit, at)
        effects = {name: _inflated(each, inflation) for name, each in changes.items()}
    if at is None or objective not in effects:
        raise NoProposal("labels", "too few labels of the classes")
    p_value = _tested(case, objective, wanted, effects[objective], spread)
    values = (threshold_of(present_bin(both)), threshold_of(at))
    return Found("threshold", objective, effects, reference, p_value, spread.dispersion, thresholds=values)


def _tested(case: Case, objective: Objective, wanted: float | None, effect: PairedChange, spread: Spread) -> float:
    """Return the p-value of an objective's change, which is significant, matters and is restored."""
    if wanted is None:
        gain = effect.after - effect.before
        p_value = _tail(gain, effect.standard_error, spread)
    else:
        gain = abs(effect.before - wanted)
        p_value = _differs(case, objective, spread)
    if p_value > case.level:
        raise NoProposal("chance", f"a change of {objective.replace('_', ' ')} that may be chance (p = {p_value:.1g})")
    if gain < case.settings.proposals.min_change:
        raise NoProposal("gate", "a smaller change than `proposals.min_change`")
    if wanted is not None and abs(effect.after - wanted) > gain / 2:
        raise NoProposal("not restored", "no threshold that restores half of the difference on later predictions")
    return p_value


def _decisions(layout: PerformanceLayout, vector: Vector) -> Decisions:
    decisions = decisions_by_score(layout, vector)
    if isinstance(decisions, str):
        raise NoProposal("decisions", decisions)
    return decisions


def _scored(layout: PerformanceLayout, vector: Vector) -> NDArray[np.float64]:
    histograms: NDArray[np.float64] = np.maximum(layout.score_histograms_of(vector), 0) / layout.unit
    return histograms


def _spread(case: Case, metric: str) -> Spread:
    n = class_sizes(case.profile.task.performance_layout, case.test).all
    spread = errors_spread(case.profile, case.settings, "accuracy" if metric == "alert_rate" else metric, n)
    return spread._replace(dispersion=max(1.0, spread.dispersion))


def _inflation(layout: PerformanceLayout, vector: Vector, spread: Spread) -> float:
    """Return by how much standard errors are larger than those of independent events that weigh the same."""
    size = class_sizes(layout, vector).all
    weight = float(confusion_counts(layout, vector).sum()) / layout.unit
    return math.sqrt(spread.dispersion * (weight / size if size > 0 else 1.0))


def _inflated(change: PairedChange, factor: float) -> PairedChange:
    return change._replace(standard_error=change.standard_error * factor)


def _tail(gain: float, standard_error: float, spread: Spread) -> float:
    """Return the one-sided p-value of a gain."""
    if standard_error <= 0:
        return 1.0 if gain <= 0 else 0.0
    tail = 0.5 * math.erfc(gain / standard_error / math.sqrt(2))
    return student_tail(tail, spread.degrees_of_freedom)


def _differs(case: Case, objective: str, spread: Spread) -> float:
    """Return the two-sided p-value of the objective's difference between later predictions and the baseline."""
    layout = case.profile.task.performance_layout
    if case.baseline is None:
        return 1.0
    sides = [_hits(layout, vector, objective) for vector in (case.test, case.baseline.vector)]
    result = share_test(
        *sides[0], *sides[1], dispersion=spread.dispersion, degrees_of_freedom=spread.degrees_of_freedom
    )
    return 1.0 if result is None else result.p_value


def _hits(layout: PerformanceLayout, vector: Vector, objective: str) -> tuple[int, int]:
    """Return how many of how many labels a share is of; of weighted ones effective numbers."""
    k, whole = _counts(layout, vector, objective)
    if not whole:
        return 0, 0
    if not layout.weighted:
        return int(k), int(whole)
    sizes = class_sizes(layout, vector)
    of_objective = {"precision": sizes.predicted[1], "recall": sizes.actual[1]}
    n = math.floor(float(of_objective.get(objective, sizes.all)))
    return min(n, math.floor(k / whole * n)), n


def _counts(layout: PerformanceLayout, vector: Vector, objective: str) -> tuple[float, float]:
    confusion = confusion_counts(layout, vector) / layout.unit
    if objective == "alert_rate":
        return float(confusion[1].sum()), float(confusion.sum())
    if objective == "precision":
        return float(confusion[1, 1]), float(confusion[1].sum())
    if objective == "accuracy":
        return float(np.trace(confusion)), float(confusion.sum())
    code = 1 if objective == "recall" else 0
    return float(confusion[code, code]), float(confusion[:, code].sum())


def _reference_shares(layout: PerformanceLayout, baseline: PerformanceBaseline | None) -> dict[str, float | None]:
    names = ("accuracy", "precision", "recall", "specificity", "alert_rate")
    if baseline is None:
        return dict.fromkeys(names)
    found: dict[str, float | None] = {}
    for name in names:
        k, whole = _counts(layout, baseline.vector, name)
        found[name] = k / whole if whole else None
    return found


def _reference_losses(case: Case) -> dict[str, float | None]:
    layout = case.profile.task.performance_layout
    scored = None if case.baseline is None else _scored(layout, case.baseline.vector)
    if scored is None or not scored.any():
        return {"log_loss": None, "brier": None}
    unchanged = np.full(scored.shape[1], 0.5)
    return {
        "log_loss": log_loss_change(scored, unchanged).before,
        "brier": brier_change(scored, unchanged).before,
    }
