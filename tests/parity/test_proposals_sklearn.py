"""Maps and thresholds of proposals are scikit-learn's, and their standard errors those of resampled predictions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, precision_score, recall_score

from driftline.performance.recalibration import (
    PairedChange,
    bin_logits,
    brier_change,
    isotonic_map,
    log_loss_change,
    platt_map,
)
from driftline.performance.threshold_choice import METRICS, ThresholdMetric, choose_bin, threshold_effects, threshold_of
from driftline.sketches.estimates import score_middles
from driftline.sketches.scores import SCORE_BINS, score_bin

Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
N = 3_000


def overconfident(seed: int, n: int = N) -> tuple[Ints, Ints]:
    """Return score bins and labels: the logit of the truth is half the score's, and a bit more."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.3, 2.0, n)
    truth = 1 / (1 + np.exp(-(0.5 * logits + 0.4)))
    return score_bin(1 / (1 + np.exp(-logits))), (rng.random(n) < truth).astype(np.int64)


def histograms_of(bins: Ints, labels: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.stack([np.bincount(bins[labels == kind], minlength=SCORE_BINS) for kind in (0, 1)]).astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_the_isotonic_map_is_scikit_learns(seed: int) -> None:
    bins, labels = overconfident(seed)
    found = isotonic_map(histograms_of(bins, labels))
    assert found is not None
    nearest = 1 / (N + 2)
    theirs = IsotonicRegression(y_min=nearest, y_max=1 - nearest, out_of_bounds="clip").fit(
        score_middles()[bins], labels
    )
    assert found.by_bin == pytest.approx(theirs.predict(score_middles()), abs=1e-9)
    scores, values = zip(*(found.points or []), strict=True)
    applied = np.interp(score_middles(), scores, values)
    assert applied == pytest.approx(found.by_bin, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_platt_map_is_scikit_learns(seed: int) -> None:
    bins, labels = overconfident(seed)
    found = platt_map(histograms_of(bins, labels))
    assert found is not None
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(bin_logits()[bins, None], labels)
    assert found.slope == pytest.approx(float(theirs.coef_[0, 0]), abs=1e-5)
    assert found.intercept == pytest.approx(float(theirs.intercept_[0]), abs=1e-5)
    assert found.slope == pytest.approx(0.5, abs=0.1)


def test_losses_before_and_after_are_scikit_learns() -> None:
    found = platt_map(histograms_of(*overconfident(0)))
    assert found is not None
    bins, labels = overconfident(1)
    before, after = score_middles()[bins], found.by_bin[bins]
    loss, brier = (change(histograms_of(bins, labels), found.by_bin) for change in (log_loss_change, brier_change))
    assert (loss.before, loss.after) == pytest.approx((log_loss(labels, before), log_loss(labels, after)), abs=1e-9)
    wanted = (brier_score_loss(labels, before), brier_score_loss(labels, after))
    assert (brier.before, brier.after) == pytest.approx(wanted, abs=1e-9)


def test_standard_errors_are_those_of_other_samples() -> None:
    found = platt_map(histograms_of(*overconfident(0)))
    assert found is not None
    changes = [log_loss_change(histograms_of(*overconfident(seed, 500)), found.by_bin) for seed in range(100, 500)]
    spread = np.std([change.after - change.before for change in changes])
    assert np.mean([change.standard_error for change in changes]) == pytest.approx(spread, rel=0.12)


@pytest.mark.parametrize("metric", ["precision", "recall", "accuracy", "alert_rate"])
def test_the_threshold_is_the_best_by_scikit_learns_metrics(metric: str) -> None:
    bins, labels = overconfident(3)
    measure = {
        "precision": lambda y, p: precision_score(y, p, zero_division=0),
        "recall": recall_score,
        "accuracy": accuracy_score,
        "alert_rate": lambda _, p: p.mean(),
    }[metric]
    wanted = None if metric == "accuracy" else 0.8
    at = choose_bin(histograms_of(bins, labels), metric, wanted, 512)  # type: ignore[arg-type]  # each of them is one
    assert at is not None
    candidates = [cut for cut in range(SCORE_BINS) if (bins >= cut).sum() >= 30]
    values = {cut: float(measure(labels, (bins >= cut).astype(np.int64))) for cut in candidates}
    best = max(values.values()) if wanted is None else min(values.values(), key=lambda value: abs(value - 0.8))
    distance = abs(best - 0.8) if wanted is not None else 0.0
    reached = abs(values[at] - 0.8) if wanted is not None else best - values[at]
    assert reached == pytest.approx(distance, abs=1e-12)
    scores = score_middles()[bins]
    assert ((scores >= threshold_of(at)) == (bins >= at)).all()


def test_effects_are_scikit_learns_and_their_errors_those_of_other_samples() -> None:
    def effects(seed: int, n: int) -> tuple[dict[ThresholdMetric, PairedChange], Ints, Ints]:
        bins, labels = overconfident(seed, n)
        counts = histograms_of(bins, labels)
        above = np.arange(SCORE_BINS) >= 512
        decided = np.stack([np.where(above, 0, counts), np.where(above, counts, 0)])
        return threshold_effects(decided, 600), bins, labels

    found, bins, labels = effects(0, N)
    assert set(found) == set(METRICS)
    for place, cut in enumerate((512, 600)):
        decided = (bins >= cut).astype(np.int64)
        assert found["accuracy"][place] == pytest.approx(accuracy_score(labels, decided))
        assert found["precision"][place] == pytest.approx(precision_score(labels, decided))
        assert found["recall"][place] == pytest.approx(recall_score(labels, decided))
        assert found["specificity"][place] == pytest.approx(recall_score(labels, decided, pos_label=0))
        assert found["alert_rate"][place] == pytest.approx(decided.mean())
    others = [effects(seed, 500)[0] for seed in range(100, 500)]
    for name in METRICS:
        spread = np.std([each[name][1] - each[name][0] for each in others])
        assert np.mean([each[name][2] for each in others]) == pytest.approx(spread, rel=0.12), name


def test_maps_that_labels_do_not_determine_are_none() -> None:
    bins, labels = overconfident(0, 200)
    assert isotonic_map(histograms_of(bins, np.ones_like(labels))) is None
    assert platt_map(histograms_of(bins, np.ones_like(labels))) is None
    assert platt_map(histograms_of(bins, (bins > 500).astype(np.int64))) is None  # a threshold separates them
    assert platt_map(histograms_of(bins, 1 - (bins + labels * 300 > 600).astype(np.int64))) is None  # it would fall
