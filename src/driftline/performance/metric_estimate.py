"""An estimate of a metric with its errors, valid as long as the relation of inputs and labels has not changed."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

BAND: Final = 3.0
"""Half the width of an estimate's band in standard errors, as in NannyML."""


class MetricEstimate(Struct, frozen=True):
    """An estimate of one metric.

    Parameters
    ----------
    value : float
    sampling_error : float, at least 0
        Standard deviation of the realised metric about its expectation, given the estimator's output for each event.
    model_error : float, at least 0
        Standard error of that expectation, as the estimator was fitted on finitely many labels.
    """

    value: float
    sampling_error: float
    model_error: float

    @property
    def standard_error(self) -> float:
        """Standard error of the difference between estimate and realised metric."""
        return math.hypot(self.sampling_error, self.model_error)

    def band(self, low: float = 0.0, high: float = math.inf) -> tuple[float, float]:
        """Return value ± ``BAND`` standard errors, within the metric's range.

        Examples
        --------
        >>> MetricEstimate(0.9, 0.03, 0.04).band(high=1.0)
        (0.75, 1.0)
        """
        reach = BAND * self.standard_error
        return max(low, self.value - reach), min(high, self.value + reach)


Estimates = dict[str, "MetricEstimate | None"]
"""By the metric's name; None where it is undefined."""
