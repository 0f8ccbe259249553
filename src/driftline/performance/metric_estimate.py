"""What an estimate of a metric is: a value, and how far the truth may be from it while the model's concept stands."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

BAND: Final = 3.0
"""Standard errors on either side of an estimate that its band reaches, as NannyML has it."""


class MetricEstimate(Struct, frozen=True):
    """An estimate of one metric.

    Parameters
    ----------
    value : float
    sampling_error : float, at least 0
        Standard deviation of the realised metric about its expectation, given what the estimator said of each event.
    model_error : float, at least 0
        Standard error of that expectation: the estimator was fitted on finitely many labels.
    """

    value: float
    sampling_error: float
    model_error: float

    @property
    def standard_error(self) -> float:
        """Of the difference of estimate and realised metric."""
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
