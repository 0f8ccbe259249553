"""Prediction-powered intervals: how often they hold, and how much narrower they are, by the share of labels.

Usage: ``python -m benchmarks.estimation.few_labels``; prints the tables of docs/few-labels.md, about 5 minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.estimation import few_labels_regression
from driftline.performance.intervals import wilson
from driftline.performance.powered_classes import ClassCells, powered_classes
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.scores import PerformanceLayout

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_WINDOWS: Final = 2_000
N: Final = 20_000
"""Predictions of a window."""
LABELLED: Final = (0.01, 0.1, 0.5)
NAMES: Final = ("accuracy", "precision", "recall", "f1")
LAYOUT: Final = ArrivalLayout.of(PerformanceLayout(2, binary=True))


class Model(NamedTuple):
    """A binary model: how its scores are distributed, from where it predicts the positive class."""

    name: str
    scores: tuple[float, float]
    """Of a beta distribution."""
    threshold: float


MODELS: Final = (
    Model("scores all over, threshold 0.5", (0.5, 0.5), 0.5),
    Model("rare positives, threshold 0.4", (0.5, 3.0), 0.4),
    Model("costly misses, threshold 0.02", (0.1, 0.9), 0.02),
)


def cells_of(model: Model, *, wrong: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shares of cells, shape (9, 2, 2), and what the reference lets expect, shape (9, 3, 3).

    Where the estimate is wrong, the probability of a positive has nothing to do any more with the score.
    """
    rng = np.random.default_rng(3)
    p = rng.beta(*model.scores, 2_000_000)
    bins, predicted = LAYOUT.score_bins(p), (p >= model.threshold).astype(np.int64)
    now = np.full(p.size, p.mean()) if wrong else p
    shares = np.zeros((LAYOUT.n_scores, 2, 2))
    cells = bins * 2 + predicted
    shares[:, :, 1] = np.bincount(cells, weights=now, minlength=2 * LAYOUT.n_scores).reshape(-1, 2)
    shares[:, :, 0] = np.bincount(cells, weights=1 - now, minlength=2 * LAYOUT.n_scores).reshape(-1, 2)
    by_bin = np.zeros((LAYOUT.n_scores, 3))
    by_bin[:, 1] = np.bincount(bins, weights=p, minlength=LAYOUT.n_scores)
    by_bin[:, 0] = np.bincount(bins, weights=1 - p, minlength=LAYOUT.n_scores)
    by_bin += 0.5
    expected = np.broadcast_to((by_bin / by_bin.sum(axis=1, keepdims=True))[:, None, :], (LAYOUT.n_scores, 3, 3))
    return shares / shares.sum(), expected


def truth(every: NDArray[np.int64]) -> dict[str, tuple[float, float]]:
    """Return each metric, and the share of the cells that it is about."""
    confusion = every.sum(axis=0)
    hits, predicted, actual = confusion[1, 1], confusion[1].sum(), confusion[:, 1].sum()
    n = int(confusion.sum())
    return {
        "accuracy": (np.trace(confusion) / n, 1.0),
        "precision": (hits / predicted, predicted / n),
        "recall": (hits / actual, actual / n),
        "f1": (2 * hits / (predicted + actual), (predicted + actual - hits) / n),
    }


def row(model: Model, labelled: float, *, wrong: bool) -> str:
    """Return a line of the table."""
    rng = np.random.default_rng([round(labelled * 100), wrong])
    shares, expected = cells_of(model, wrong=wrong)
    held: dict[str, list[bool]] = {name: [] for name in NAMES}
    narrower = []
    n_labels = round(labelled * N)
    for _ in range(N_WINDOWS):
        every = rng.multinomial(N, shares.ravel())
        labels = rng.multivariate_hypergeometric(every, n_labels).reshape(shares.shape)
        every = every.reshape(shares.shape)
        n, counted = np.zeros((LAYOUT.n_scores, 3), np.int64), np.zeros((LAYOUT.n_scores, 3, 3), np.int64)
        n[:, :2], counted[:, :2, :2] = every.sum(axis=2), labels
        found = powered_classes(ClassCells(n, counted, expected), binary=True).metrics
        for name, (value, _) in truth(every).items():
            mean = found[name]
            if mean is not None:
                low, high = mean.share_interval(n_labels, N)
                held[name].append(low <= value <= high)
                if name == "accuracy":
                    alone = wilson(float(np.trace(labels.sum(axis=0))) / n_labels, n_labels)
                    narrower.append((high - low) / (alone[1] - alone[0]))
    coverage = (f"{np.mean(held[name]):.1%}" if len(held[name]) > N_WINDOWS / 2 else "-" for name in NAMES)
    estimate = "wrong" if wrong else "right"
    cells = (model.name, estimate, f"{labelled:.0%}", *coverage, f"{1 - float(np.mean(narrower)):.0%}")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    print("| model | estimate | labelled | accuracy | precision | recall | F1 | narrower (accuracy) |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for model in MODELS:
        for wrong in (False, True):
            for labelled in LABELLED:
                print(row(model, labelled, wrong=wrong))
    print()
    few_labels_regression.table(N, N_WINDOWS, LABELLED)


if __name__ == "__main__":
    main()
