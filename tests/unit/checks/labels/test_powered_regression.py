"""When performance events say nothing of the losses of all predictions of a regression, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.checks.contract.closed_window import ArrivalEvidence
from driftline.checks.labels.powered_metrics import powered_metrics
from driftline.config.model import ModelSettings, PerformanceSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.loss_strata import label_cells, prediction_cells

if TYPE_CHECKING:
    from driftline.events.powered import PoweredMetrics
    from driftline.profiles.profile import Profile

N, N_LABELS = 20_000, 1_000
QUANTILE = PerformanceSettings(quantile=0.8)


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions from 100 to 1,000 and errors in proportion to them."""
    rng = np.random.default_rng(seed)
    predictions = 100 * np.exp(rng.uniform(0, np.log(10), n))
    return predictions, 0.1 * predictions * rng.normal(0.5, 1, n)


def profile_of(*, labelled: bool = True, weighted: bool = False) -> Profile:
    predictions, errors = rows(5_000, 1)
    labels = (predictions - errors).tolist() if labelled else None
    settings = ModelSettings(performance=PerformanceSettings(weighted=weighted))
    table = ReferenceTable(5_000, {}, prediction=predictions.tolist(), label=labels)
    return build_profile(ModelKey("price", "1"), table, settings, 0, "training")


PROFILE = profile_of()


def evidence(n_labels: int = N_LABELS, *, scale: float = 1.0, profile: Profile = PROFILE) -> ArrivalEvidence:
    """Return what a window shows of which the first predictions have labels."""
    layout, spread = ArrivalLayout.of(profile.task.performance_layout), profile.task.spread
    predictions, errors = rows(N)
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    vector[layout.predictions], vector[layout.counting] = N, n_labels
    strata = np.searchsorted(profile.stratum_cuts, predictions / spread, side="right")
    np.add.at(vector, layout.losses + prediction_cells(strata), 1)
    cells, values = label_cells(strata[:n_labels], scale * errors[:n_labels] / spread)
    np.add.at(vector, layout.losses + cells.ravel(), values.ravel())
    none = np.zeros((0, 1, 1), dtype=np.int64)
    return ArrivalEvidence(layout, vector, none, none)


def said(given: ArrivalEvidence, profile: Profile = PROFILE) -> PoweredMetrics | None:
    return powered_metrics(profile, given, QUANTILE, final=True)


def test_mean_losses_are_in_the_unit_of_the_prediction() -> None:
    _, errors = rows(N)
    powered = said(evidence())
    assert powered is not None
    assert (powered.status, powered.reason, powered.early) == ("estimated", None, False)
    assert powered.n_strata > 10
    truth = {
        "mae": np.abs(errors).mean(),
        "bias": errors.mean(),
        "pinball": np.where(errors > 0, 0.2, 0.8) @ np.abs(errors) / N,
    }
    assert powered.metrics.keys() == truth.keys()
    for name, value in truth.items():
        metric = powered.metrics[name]
        assert metric is not None
        assert metric.lower <= value <= metric.upper
        assert 0 < metric.window_error < metric.standard_error < 0.2 * value
    assert said(evidence(N)) is None, "all have labels"


def test_a_loss_that_varies_more_needs_more_labels() -> None:
    powered = said(evidence(400))
    assert powered is not None
    assert powered.metrics["mae"] is not None
    assert powered.metrics["pinball"] is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (evidence(29), "fewer than 30 labels"),
        (evidence(50), "losses vary so much that it takes "),
        (evidence(scale=0.0), "no label differs from its prediction"),
        (evidence(scale=1e9), "errors of more than a million spreads of the reference"),
    ],
)
def test_labels_that_say_too_little_are_no_estimate(given: ArrivalEvidence, reason: str) -> None:
    powered = said(given)
    assert powered is not None
    assert (powered.status, powered.metrics, powered.weight) == ("withheld", {}, None)
    assert powered.reason is not None
    assert powered.reason.startswith(reason)


def test_what_was_counted_before_an_upgrade_has_no_losses() -> None:
    given = evidence()
    given.vector[given.layout.losses :] = 0
    powered = said(given)
    assert powered is not None
    assert powered.reason == "predictions or labels were counted without their losses, before an upgrade"


def test_more_labels_than_predictions_of_a_stratum_are_no_sample() -> None:
    given = evidence()
    first = given.layout.losses
    moved = int(given.vector[first])
    given.vector[first] = 0  # all predictions of the lowest stratum count in the next
    given.vector[first + 12] += moved
    powered = said(given)
    assert powered is not None
    assert powered.reason == "more labels count than predictions of their kind"


def test_without_labels_of_the_reference_it_takes_four_times_as_many() -> None:
    plain = profile_of(labelled=False)
    assert plain.losses is None
    enough, few = said(evidence(2_000, profile=plain), plain), said(evidence(200, profile=plain), plain)
    assert enough is not None
    assert few is not None
    assert (enough.status, enough.weight) == ("estimated", 0.0)
    assert few.reason is not None
    needed = int(few.reason.removeprefix("losses vary so much that it takes ").split()[0])
    assert 400 < needed < 700
    known = said(evidence(200))
    assert known is not None
    assert known.status == "estimated"


def test_weighted_labels_get_none() -> None:
    weighted = profile_of(weighted=True)
    assert weighted.losses is None
    assert said(evidence(), weighted) is None
