"""What a performance event says of the losses of all predictions of a regression's window, labelled or not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from driftline.checks.labels.powered_evidence import FEW, arrived, by_chance, missed_by_labels, withheld
from driftline.events.powered import PoweredMetric, PoweredMetrics
from driftline.performance.powered_losses import LossWeights, PoweredLosses
from driftline.performance.prediction_powered import LEAST_LABELS
from driftline.sketches.loss_strata import loss_sums

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import ArrivalEvidence
    from driftline.performance.powered_losses import LossMean
    from driftline.profiles.profile import Profile
    from driftline.sketches.loss_strata import LossSums

ABSOLUTE: Final = LossWeights(1.0, 1.0)
BIAS: Final = LossWeights(-1.0, 1.0)
UNCOUNTED: Final = "predictions or labels were counted without their losses, before an upgrade"
MORE_LABELS: Final = "more labels count than predictions of their kind"
TOO_LARGE: Final = "errors of more than a million spreads of the reference"
NO_LOSS: Final = "no label differs from its prediction"


def powered_losses(
    profile: Profile, evidence: ArrivalEvidence, quantile: float, *, final: bool
) -> PoweredMetrics | None:
    """Return mean absolute error, pinball loss and bias of all predictions of a regression's window.

    None where all predictions have labels. ``quantile`` is that of the pinball loss.
    """
    sums = evidence.layout.losses_of(evidence.vector)
    n = max(0, int(evidence.layout.predictions_of(evidence.vector).sum()))
    n_labels = max(0, int(evidence.layout.counting_of(evidence.vector).sum()))
    if sums is None or n_labels >= n:
        return None
    reason = _why_withheld(sums, n, n_labels)
    if reason is not None:
        return withheld(reason)
    found = PoweredLosses(sums, None if profile.losses is None else loss_sums(profile.losses))
    reason = missed_by_labels(found.without_labels(), "predictions") or _too_few(found)
    if reason is not None:
        return withheld(reason)
    spread = profile.task.spread
    pinball, n_effective = LossWeights(quantile, 1 - quantile), found.n_effective()
    strata = found.strata(ABSOLUTE)
    return PoweredMetrics(
        status="estimated",
        reason=None,
        metrics={
            "mae": _positive(found.mean(ABSOLUTE), spread),
            "pinball": _positive(found.mean(pinball), spread) if n_effective >= found.needed(pinball) else None,
            "bias": _shown(found.mean(BIAS), found.mean(BIAS).interval(), spread),
        },
        weight=strata.weight,
        n_strata=strata.n_strata,
        by_chance=by_chance(found.cells),
        early=not final and not arrived(evidence),
    )


def _why_withheld(sums: LossSums, n: int, n_labels: int) -> str | None:
    """Return why the sums say nothing of all predictions; None where they do."""
    if n_labels < LEAST_LABELS:
        return FEW
    if (int(sums.n.sum()), int(sums.n_labels.sum())) != (n, n_labels):
        return UNCOUNTED
    if (sums.n_labels > sums.n).any():
        return MORE_LABELS
    return TOO_LARGE if sums.n_too_large else None


def _too_few(found: PoweredLosses) -> str | None:
    """Return why there are too few labels for a mean of losses; None where there are enough."""
    needed, n_effective = found.needed(ABSOLUTE), found.n_effective()
    if n_effective >= needed:
        return None
    if math.isinf(needed):
        return NO_LOSS
    return f"losses vary so much that it takes {math.ceil(needed):,} labels, of {math.floor(n_effective):,}"


def _positive(mean: LossMean, spread: float) -> PoweredMetric | None:
    """Return a mean of losses of at least 0; None where it is not surely above 0, and has no logarithm to speak of."""
    return _shown(mean, mean.positive_interval(), spread) if mean.mean.value > mean.mean.window_error else None


def _shown(mean: LossMean, interval: tuple[float, float], spread: float) -> PoweredMetric:
    return PoweredMetric(
        value=mean.mean.value * spread,
        lower=interval[0] * spread,
        upper=interval[1] * spread,
        window_error=mean.mean.window_error * spread,
        standard_error=mean.mean.error * spread,
    )
