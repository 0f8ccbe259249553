"""Prediction-powered means: of few labels and many predictions, by strata of what each prediction is expected to lose.

A label says what one prediction lost; the expected loss is known of every prediction. With N predictions in strata g,
n_g labels among the N_g of a stratum, f the expected loss and 0 ≤ λ ≤ 1,

    R = Σ_g (N_g / N) (λ mean_all,g(f) + mean_labelled,g(l - λ f))

estimates the mean loss of all predictions. It is right whatever f is, as f cancels out in expectation: a wrong
estimator costs width, not validity. What it assumes is that within a stratum labels are a random sample of predictions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.performance.intervals import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.performance.intervals import Interval

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LEAST_LABELS: Final = 30
"""Of a stratum; neighbours with fewer are taken together."""
_NEAREST: Final = 1e-9
"""Shares nearer to 0 or 1 than this are that."""
_MISSED: Final = 10.0
"""Labels that a cell would have at the rate of all, from which on it is no accident that it has none: e⁻¹⁰."""


class PoweredMean(NamedTuple):
    """An estimated mean over all predictions.

    Attributes
    ----------
    value : float
    window_error : float, at least 0
        Standard error of the difference between the estimate and the mean of these predictions, once all have labels.
    error : float, at least 0
        Standard error of the estimate of the mean of unlimited traffic like this.
    """

    value: float
    window_error: float
    error: float

    def share_interval(self, n_labels: float, n: float) -> Interval:
        """Return the 95 % interval of a share of these n predictions: Wilson's, of as many labels as are as sure.

        Where all labels agree their variance says nothing, and it is that of labels alone, without replacement.

        Examples
        --------
        >>> low, high = PoweredMean(0.9, 0.02, 0.021).share_interval(200, 2_000)
        >>> round(low, 3), round(high, 3)
        (0.854, 0.933)
        """
        if n_labels >= n:
            return self.value, self.value
        share = min(1.0, max(0.0, self.value))
        if _NEAREST < share < 1.0 - _NEAREST and self.window_error > 0.0:
            return wilson(share, share * (1 - share) / self.window_error**2)
        return wilson(share, n_labels / (1 - n_labels / n))


class Values(NamedTuple):
    """A value of each prediction, such as its loss, by cell; each of shape (c,).

    Attributes
    ----------
    total, square : ndarray of float64
        Sums over the labelled predictions of the value and of its square.
    expected : ndarray of float64
        Of a prediction, by any rule that does not look at these labels.
    prior, prior_square : ndarray of float64, or None for none
        Mean of the value and of its square in a label that is added to each stratum where its variance is taken: few
        labels may all agree by chance, and their variance would be none.
    """

    total: Floats
    square: Floats
    expected: Floats
    prior: Floats | None = None
    prior_square: Floats | None = None


class Cells(NamedTuple):
    """Kinds of predictions that are told apart, c of them, in an order in which neighbours are alike.

    Attributes
    ----------
    kind : ndarray of int64, shape (c,), ascending
        Cells of different kinds are only taken together where a kind has too few labels.
    n : ndarray of int64, shape (c,)
        Predictions.
    n_labels : ndarray of int64, shape (c,)
        Labels among them.
    """

    kind: Ints
    n: Ints
    n_labels: Ints

    def missed(self) -> float:
        """Return the share of the predictions in cells that have no label, though by chance they would have some.

        Examples
        --------
        >>> Cells(np.zeros(2, dtype=int), np.array([900, 100]), np.array([200, 0])).missed()
        0.1
        """
        total, labels = int(self.n.sum()), int(self.n_labels.sum())
        without = (self.n_labels == 0) & (self.n * (labels / total) >= _MISSED) if total else self.n < 0
        return float(self.n[without].sum() / total) if total else 0.0


class Strata:
    """Cells in strata of enough labels each, and how much of the expected losses is believed.

    Parameters
    ----------
    cells : Cells
        With predictions, and at least two labels; labels are no more than predictions, cell by cell.
    total : ndarray of float64, shape (c,)
        Sums of the labelled predictions' losses.
    expected : ndarray of float64, shape (c,)
        Expected loss of a prediction of each cell, by any rule that does not look at these labels.
    least : int
        Labels of a stratum.

    Attributes
    ----------
    weight : float in [0, 1]
        λ: the slope of losses by expected losses within strata. 0 where expected losses tell nothing.
    n, n_labels : ndarray of float64, shape (g,)
        Predictions and labels of each stratum.

    Notes
    -----
    *Source*: Angelopoulos, Bates, Fannjiang, Jordan and Zrnic (2023), doi:10.1126/science.adi6000; the weight λ:
    Angelopoulos, Duchi and Zrnic (2023), doi:10.48550/arXiv.2311.01453, section 6; strata: Fisch et al. (2024),
    doi:10.48550/arXiv.2406.04291. Within a window it is the regression estimator of survey sampling, without
    replacement: Cochran (1977), Sampling Techniques, sections 5A.9 and 7.10. Deviations: λ is clipped to [0, 1].
    """

    def __init__(self, cells: Cells, total: Floats, expected: Floats, least: int = LEAST_LABELS) -> None:
        self._cells = cells
        self._of_cell = strata_of(cells, least)
        self.n = self.sums(cells.n)
        self.n_labels = self.sums(cells.n_labels)
        centred = expected - self._mean_of_labels(cells.n_labels * expected)[self._of_cell]
        spread = float((cells.n_labels * centred**2).sum())
        slope = float((total * centred).sum()) / spread if spread > 0 else 0.0
        self.weight = min(1.0, max(0.0, slope))

    @property
    def n_strata(self) -> int:
        """How many there are."""
        return self.n.size

    def mean(self, values: Values, variances: Floats | None = None) -> PoweredMean:
        """Return the mean of a value over all predictions.

        Parameters
        ----------
        values : Values
        variances : ndarray of float64, shape (g,), optional
            Of the value less what is believed of it, in each stratum; by default :meth:`variances`.

        Notes
        -----
        With r = l - λ f, the variance about the window's own mean is Σ (N_g / N)² (1 / n_g - 1 / N_g) s²_g(r), and that
        about the mean of unlimited traffic is larger by s²(l) / N.
        """
        n, labels = self.n, self.n_labels
        believed = self.weight * values.expected
        shares = n / n.sum()
        residual = self._mean_of_labels(values.total - self._cells.n_labels * believed)
        predicted = self.sums(self._cells.n * believed) / n
        mean = float((shares * (residual + predicted)).sum())
        if variances is None:
            variances = self.variances(values)
        of_window = float((shares**2 * np.maximum(1 / labels - 1 / n, 0.0) * variances).sum())
        square = float((shares * self._mean_of_labels(values.square)).sum())
        of_traffic = of_window + max(square - mean**2, 0.0) / float(n.sum())
        return PoweredMean(mean, math.sqrt(of_window), math.sqrt(of_traffic))

    def variances(self, values: Values) -> Floats:
        """Return the variance of the value less what is believed of it, in each stratum, shape (g,)."""
        n_labels, n, believed = self._cells.n_labels, self.n, self.weight * values.expected
        total = self.sums(values.total - n_labels * believed)
        square = self.sums(values.square - 2 * believed * values.total + n_labels * believed**2)
        labels = self.n_labels
        if values.prior is not None and values.prior_square is not None:
            prior = values.prior_square - 2 * believed * values.prior + believed**2
            total += self.sums(self._cells.n * (values.prior - believed)) / n
            square += self.sums(self._cells.n * prior) / n
            labels = labels + 1
        return np.maximum(square / labels - (total / labels) ** 2, 0.0) * labels / np.maximum(labels - 1, 1)

    def sums(self, values: NDArray[np.float64] | Ints) -> Floats:
        """Return the sums over each stratum's cells, shape (g,), of a value of each cell, shape (c,)."""
        sums: Floats = np.bincount(self._of_cell, weights=values).astype(np.float64)
        return sums

    def _mean_of_labels(self, totals: Floats) -> Floats:
        return self.sums(totals) / self.n_labels


def strata_of(cells: Cells, least: int) -> Ints:
    """Return the stratum of each cell, shape (c,): runs of neighbours with ``least`` labels, of one kind if possible.

    Examples
    --------
    >>> kind, n_labels = np.array([0, 0, 0, 1, 1]), np.array([20, 20, 5, 40, 3])
    >>> strata_of(Cells(kind, 10 * n_labels, n_labels), 30).tolist()
    [0, 0, 0, 1, 1]
    """
    found = np.zeros(cells.kind.size, dtype=np.int64)
    stratum, labels, closed_of_kind = 0, 0, -1
    open_from = 0
    for cell, (kind, n) in enumerate(zip(cells.kind.tolist(), cells.n_labels.tolist(), strict=True)):
        new_kind = cell > open_from and kind != int(cells.kind[cell - 1])
        if new_kind and closed_of_kind == int(cells.kind[cell - 1]):  # what is left of a kind joins the kind's last
            found[open_from:cell] = stratum - 1
            open_from, labels = cell, 0
        found[cell] = stratum
        labels += n
        if labels >= least:
            stratum, labels, open_from, closed_of_kind = stratum + 1, 0, cell + 1, kind
    if open_from < found.size and stratum > 0:
        found[open_from:] = stratum - 1
    return found
