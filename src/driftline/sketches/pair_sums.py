"""What one pair of prediction and label adds to the sums of a performance vector, as words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.exact_log import log_of_one_plus, natural_log
from driftline.sketches.scores import BELOW_LOG, CLIPPED, VALUE_LIMIT, WEIGHT_UNIT
from driftline.sketches.words import WORD_BITS, two_product

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.scores import PerformanceLayout
    from driftline.sketches.words import SumFormat

    Floats = NDArray[np.float64]

LEAST_PROBABILITY: Final = float(np.finfo(np.float64).eps)
"""Probabilities are held this far from 0 and 1 in the log loss, as scikit-learn holds them."""
LEAST_LABEL: Final = LEAST_PROBABILITY
"""Labels nearer to 0 count as this far from it in a relative error, as in scikit-learn; in the label's own unit."""


class PairValues(NamedTuple):
    """Values of n pairs by the sum they belong to; every array has the shape (n,)."""

    values: dict[str, Floats]
    rest: dict[str, Floats]
    """What rounding to a double left out of a value, where that matters."""
    clipped: NDArray[np.bool_]
    below_log: NDArray[np.bool_]


def probability_values(scores: Floats, labels: NDArray[np.int64]) -> PairValues:
    """Return what probabilities of the positive class add under labels 0 or 1, both of shape (n,)."""
    positive = labels == 1
    inside = scores.clip(0.0, 1.0)
    of_label = np.where(positive, inside, 1 - inside)
    loss = -natural_log(of_label.clip(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
    distance = np.where(positive, 1 - inside, inside)
    square = distance * distance
    values = {"log_loss": loss, "log_loss_square": loss * loss, "brier": square, "brier_square": square * square}
    return PairValues(values, {}, inside != scores, np.zeros(scores.size, dtype=np.bool_))


def error_values(predicted: Floats, actual: Floats, spread: float) -> PairValues:
    """Return what predictions and labels of a regression add, both of shape (n,) and in spreads.

    Values beyond ±``VALUE_LIMIT`` are clipped; ``spread`` is greater than 0.
    """
    p, a = predicted.clip(-VALUE_LIMIT, VALUE_LIMIT), actual.clip(-VALUE_LIMIT, VALUE_LIMIT)
    clipped = (p != predicted) | (a != actual)
    error = p - a
    absolute = np.abs(error)
    square, actual_square = error * error, two_product(a, a)
    ratio = absolute / np.maximum(np.abs(a), LEAST_LABEL / spread)
    below_log = (p * spread <= -1) | (a * spread <= -1)
    gap = log_of_one_plus(np.where(below_log, 0.0, p * spread)) - log_of_one_plus(np.where(below_log, 0.0, a * spread))
    log_square = gap * gap
    values = {
        "error": error,
        "absolute": absolute,
        "square": square,
        "signed_square": error * absolute,
        "fourth": square * square,
        "actual": a,
        "actual_square": actual_square[0],
        "ratio": ratio,
        "ratio_square": ratio * ratio,
        "log_square": log_square,
        "log_fourth": log_square * log_square,
    }
    return PairValues(values, {"actual_square": actual_square[1]}, clipped, below_log)


class SumWords(NamedTuple):
    """What n pairs add to the sums of a performance vector, before signs."""

    run: NDArray[np.int64]
    """For the cells from ``layout.flags`` on, shape (m, n)."""
    high: NDArray[np.int64]
    """For the cells of words of large values, from ``layout.last`` on, shape (k, n); k is 0 where no value is large."""


def sum_words(layout: PerformanceLayout, pairs: PairValues, units: NDArray[np.int64] | None) -> SumWords:
    """Return what pairs add to the sums of a vector.

    ``units`` are the weights, shape (n,), where the layout has any.
    """
    clipped = pairs.clipped.copy()
    parts = []
    high = np.empty((0, clipped.size), dtype=np.int64)
    for name, (_, form) in layout.sums.items():
        limit, (at, n_high) = layout.limits[name], layout.high_words.get(name, (0, 0))
        value, rest = pairs.values[name], pairs.rest.get(name)
        large = np.flatnonzero(np.abs(value) > limit)
        if not large.size:
            parts.append(cut(form, value, rest, units))
            continue
        words = cut(form, value.clip(-limit, limit), None if rest is None else rest.clip(-limit, limit), units)
        parts.append(words)
        most = 2.0 ** (WORD_BITS * n_high) * limit
        clipped[large] |= np.abs(value[large]) > most
        few_rest, few_units = None if rest is None else rest[large], None if units is None else units[large]
        wide = cut(form.wider(n_high), value[large].clip(-most, most), few_rest, few_units)
        words[:, large] = wide[n_high:]
        if n_high:
            if not high.size:
                high = np.zeros((layout.n_cells - layout.last, clipped.size), dtype=np.int64)
            high[at - layout.last : at - layout.last + n_high, large] = wide[:n_high]
    flags = np.empty((2, clipped.size), dtype=np.int64)
    flags[CLIPPED], flags[BELOW_LOG] = clipped, pairs.below_log
    return SumWords(np.concatenate([flags, *parts]), high)


def cut(form: SumFormat, value: Floats, rest: Floats | None, units: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return the words of values, shape (n_words, n), exactly times their weights where there are some."""
    parts = [value] if rest is None else [value, rest]
    if units is not None:
        weights = units / WEIGHT_UNIT
        parts = [piece for part in parts for piece in two_product(weights, part)]
    words = form.cut(parts[0])
    for part in parts[1:]:
        words += form.cut(part)
    return words
