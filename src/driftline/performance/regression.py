"""Metrics of numbers, from the exact fixed-point sums of their errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from driftline.sketches.scores import LABELLED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.sketches.scores import PerformanceLayout


def regression_metrics(layout: PerformanceLayout, vector: NDArray[np.int64], spread: float) -> dict[str, float | None]:
    """Return mean absolute error, root mean squared error and bias, in the unit of the prediction.

    Parameters
    ----------
    layout : PerformanceLayout
        Of a regression: ``n_classes`` 0.
    vector : ndarray of int64, shape (layout.n_cells,)
    spread : float, greater than 0
        What errors were divided by.

    Returns
    -------
    dict of str to float or None
        ``mae``, ``rmse`` (both at least 0) and ``bias``, the mean of prediction less label. None without labels.

    Notes
    -----
    *Cost*: O(1). Errors beyond 256 spreads count as 256.

    *Oracle*: scikit-learn 1.9: ``mean_absolute_error`` to 2⁻²⁵ spreads, ``root_mean_squared_error``.
    """
    n = int(vector[LABELLED])
    if n <= 0:
        return {"mae": None, "rmse": None, "bias": None}
    error, absolute, square = layout.sums_of(vector)
    return {
        "mae": max(absolute, 0.0) / n * spread,
        "rmse": math.sqrt(max(square, 0.0) / n) * spread,
        "bias": error / n * spread,
    }
