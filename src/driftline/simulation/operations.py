"""How the simulated model makes its predictions: its latency, and when it fails or is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.simulation.scenario import OPERATION_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.simulation.scenario import DriftKind, Scenario

USUAL_FAILURES: Final = 0.002
FAILURES: Final = 0.08
"""Fraction of predictions that fail, usually and with the drift ``failures``."""
SLOWDOWN: Final = 2.5
MEDIAN_LATENCY_MS: Final = 20.0
_SPREAD: Final = 0.4
_STREAM: Final = 2
_REASONS: Final = np.array(["timeout", "feature store unavailable"], dtype=object)


class Operations(NamedTuple):
    """Of n predictions; every array has the shape (n,)."""

    latency_ms: NDArray[np.float64]
    reason: NDArray[np.object_]
    """Why the model failed, None where it did not."""
    made: NDArray[np.bool_]
    """Whether there is an event at all: not while the model is silent."""

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Whether the model failed."""
        return np.array([reason is not None for reason in self.reason], dtype=np.bool_)

    def chosen(self, rows: NDArray[np.int64]) -> Operations:
        """Return some of them."""
        return Operations(self.latency_ms[rows], self.reason[rows], self.made[rows])


def draw_operations(scenario: Scenario, times_ms: NDArray[np.int64], chunk: int) -> Operations | None:
    """Return how the predictions of a chunk are made; None where events say nothing of it.

    The random numbers are drawn apart from those of the features, which are the same with and without.
    """
    if not scenario.operations and not set(scenario.drift) & set(OPERATION_KINDS):
        return None
    rng = np.random.default_rng([scenario.seed, _STREAM, chunk])
    n = times_ms.size
    usual = rng.lognormal(np.log(MEDIAN_LATENCY_MS), _SPREAD, n)
    latency = np.round(usual * np.where(_during(scenario, "slowness", times_ms), SLOWDOWN, 1.0), 3)
    share = np.where(_during(scenario, "failures", times_ms), FAILURES, USUAL_FAILURES)
    failed, reasons = rng.random(n) < share, _REASONS[rng.integers(0, _REASONS.size, n)]
    reason = np.where(failed, reasons, np.array(None, dtype=object))
    return Operations(latency, reason, ~_during(scenario, "silence", times_ms))


def _during(scenario: Scenario, kind: DriftKind, times_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    if kind not in scenario.drift:
        return np.zeros(times_ms.size, dtype=np.bool_)
    start = scenario.start_ms if scenario.drift_at_ms is None else scenario.drift_at_ms
    end = scenario.end_ms if scenario.drift_until_ms is None else scenario.drift_until_ms
    return (times_ms >= start) & (times_ms < end)
