"""Prediction-powered means of a regression's losses: how often intervals hold, and how much narrower they are.

Run by ``python -m benchmarks.estimation.few_labels``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.performance.intervals import normal
from driftline.performance.powered_losses import LossMean, LossWeights, PoweredLosses
from driftline.performance.prediction_powered import Cells, Strata, Values
from driftline.sketches.loss_strata import N_CELLS, N_STRATA, STRATUM_SHARES, label_cells, loss_sums, prediction_cells

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from driftline.sketches.loss_strata import LossSums

    Floats = NDArray[np.float64]

N_REFERENCE: Final = 100_000
LOSSES: Final = {"mae": LossWeights(1.0, 1.0), "pinball": LossWeights(0.9, 0.1), "bias": LossWeights(-1.0, 1.0)}
_UNIT: Final = LOSSES["mae"]


class Model(NamedTuple):
    """A regression: its predictions, the size of their errors, and errors of size 1."""

    name: str
    predictions: Callable[[np.random.Generator, int], Floats]
    size: Callable[[Floats], Floats]
    wrong_size: Callable[[Floats], Floats] | None
    """Of the reference's errors where the estimate is wrong; None where sizes then have nothing to do with predictions
    any more, but are as different as they were."""
    errors: Callable[[np.random.Generator, int], Floats]

    def draw(self, rng: np.random.Generator, n: int, *, permuted: bool) -> tuple[Floats, Floats]:
        """Return predictions and errors, both of shape (n,)."""
        predictions = self.predictions(rng, n)
        sizes = self.size(rng.permutation(predictions) if permuted else predictions)
        return predictions, sizes * self.errors(rng, n)


def _student(freedom: float) -> Callable[[np.random.Generator, int], Floats]:
    return lambda rng, n: rng.standard_t(freedom, n)


MODELS: Final = (
    Model(
        "normal errors, alike for all predictions",
        lambda rng, n: rng.normal(size=n),
        np.ones_like,
        lambda predictions: np.exp(predictions / 2),
        lambda rng, n: rng.normal(size=n),
    ),
    Model(
        "normal errors, in proportion to predictions from 1 to 5",
        lambda rng, n: np.exp(rng.uniform(0.0, np.log(5.0), n)),
        lambda predictions: 0.2 * predictions,
        None,
        lambda rng, n: rng.normal(size=n),
    ),
    Model(
        "normal errors, in proportion to predictions from 1 to 100",
        lambda rng, n: np.exp(rng.uniform(0.0, np.log(100.0), n)),
        lambda predictions: 0.2 * predictions,
        None,
        lambda rng, n: rng.normal(size=n),
    ),
    Model(
        "heavy tails (Student's t, 4), in proportion to log-normal predictions",
        lambda rng, n: rng.lognormal(0.0, 0.9, n),
        lambda predictions: 0.2 * predictions,
        None,
        _student(4),
    ),
    Model(
        "heavy tails (Student's t, 3), alike for all predictions",
        lambda rng, n: rng.normal(size=n),
        np.ones_like,
        lambda predictions: np.exp(predictions / 2),
        _student(3),
    ),
)


def sums_of(cuts: Floats, predictions: Floats, errors: Floats, n_labels: int) -> LossSums:
    """Return the sums of predictions of which the first so many have labels."""
    strata = np.searchsorted(cuts, predictions, side="right")
    vector = np.bincount(prediction_cells(strata), minlength=N_CELLS)
    cells, values = label_cells(strata[:n_labels], errors[:n_labels])
    for cell, value in zip(cells, values, strict=True):
        vector += np.bincount(cell, weights=value, minlength=N_CELLS).astype(np.int64)
    return loss_sums(vector)


def reference_of(model: Model, *, wrong: bool) -> tuple[Floats, LossSums]:
    """Return where strata end, and what the reference's labelled rows say."""
    rng = np.random.default_rng(3)
    sized = model._replace(size=model.wrong_size) if wrong and model.wrong_size is not None else model
    predictions, errors = sized.draw(rng, N_REFERENCE, permuted=False)
    cuts = np.quantile(predictions, STRATUM_SHARES)
    return cuts, sums_of(cuts, predictions, errors, N_REFERENCE)


def squared_held(cuts: Floats, predictions: Floats, errors: Floats, n_labels: int) -> bool:
    """Return whether the interval of the mean squared error, which events do not have, would hold."""
    strata = np.searchsorted(cuts, predictions, side="right")
    n = np.bincount(strata, minlength=N_STRATA)
    squares, of_labels = errors * errors, strata[:n_labels]
    total, square = np.zeros((2, N_STRATA))
    np.add.at(total, of_labels, squares[:n_labels])
    np.add.at(square, of_labels, squares[:n_labels] ** 2)
    cells, none = Cells(np.zeros_like(n), n, np.bincount(of_labels, minlength=N_STRATA)), np.zeros(N_STRATA)
    mean = Strata(cells, total, none).mean(Values(total, square, none))
    low, high = LossMean(mean, np.inf).positive_interval()
    return bool(low <= squares.mean() <= high)


def row(model: Model, n: int, n_windows: int, labelled: float, *, wrong: bool) -> str:
    """Return a line of the table, of windows of n predictions."""
    rng = np.random.default_rng([len(model.name), round(labelled * 100), wrong])
    cuts, reference = reference_of(model, wrong=wrong)
    n_labels = round(labelled * n)
    held: dict[str, list[bool]] = {name: [] for name in (*LOSSES, "mse")}
    narrower = []
    for _ in range(n_windows):
        predictions, errors = model.draw(rng, n, permuted=wrong and model.wrong_size is None)
        powered = PoweredLosses(sums_of(cuts, predictions, errors, n_labels), reference)
        n_effective = powered.n_effective()
        shown = n_effective >= powered.needed(_UNIT)
        if shown:
            held["mse"].append(squared_held(cuts, predictions, errors, n_labels))
        for name, loss in LOSSES.items():
            if not shown or (name == "pinball" and n_effective < powered.needed(loss)):
                continue
            losses = np.where(errors > 0, loss.over, loss.under) * np.abs(errors)
            found, truth = powered.mean(loss), float(losses.mean())
            low, high = found.interval() if name == "bias" else found.positive_interval()
            held[name].append(low <= truth <= high)
            if name == "mae":
                known = losses[:n_labels]
                alone = normal(float(known.mean()), float(known.var(ddof=1)) / n_labels, least=0.0)
                narrower.append((high - low) / (alone[1] - alone[0]))
    many = {name: len(each) > n_windows / 2 for name, each in held.items()}
    *coverage, squared = (f"{np.mean(each):.1%}" if many[name] else "-" for name, each in held.items())
    width = f"{1 - float(np.mean(narrower)):.0%}" if many["mae"] else "-"
    shown_of = f"{len(held['mae']) / n_windows:.0%}"
    cells = (model.name, "wrong" if wrong else "right", f"{labelled:.0%}", shown_of, *coverage, width, squared)
    return "| " + " | ".join(cells) + " |"


def table(n: int, n_windows: int, shares: tuple[float, ...]) -> None:
    """Print the table."""
    print("| model | estimate | labelled | shown | MAE | pinball (0.9) | bias | narrower (MAE) | MSE (left out) |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for model in MODELS:
        for wrong in (False, True):
            for labelled in shares:
                print(row(model, n, n_windows, labelled, wrong=wrong), flush=True)
