"""Applicants for credit: their features, the risk that the model sees, and the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.simulation.arrivals import daylight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.simulation.scenario import DriftKind, Scenario

CHANNELS: Final = {"web": 0.46, "app": 0.34, "branch": 0.14, "partner": 0.06}
REGIONS: Final = {"north": 0.24, "south": 0.2, "west": 0.19, "east": 0.17, "capital": 0.14, "islands": 0.06}
EMPLOYMENTS: Final = {"employed": 0.66, "self-employed": 0.14, "retired": 0.08, "student": 0.07, "unemployed": 0.05}
NEW_REGION: Final = "overseas"
INCOME_SHIFT: Final = 1.35
NEW_REGION_SHARE: Final = 0.15
MISSING_SHARE: Final = 0.1

_MEDIAN_INCOME: Final = 42_000.0
_TYPICAL_TENURE: Final = 36.0
_DEBT_WEIGHT: Final = 7.0
_CHANNEL_WEIGHTS: Final = np.array([0.0, -0.1, -0.3, 0.5])
_REGION_WEIGHTS: Final = np.array([0.0, 0.1, -0.1, 0.1, -0.2, 0.2, 0.0])
_EMPLOYMENT_WEIGHTS: Final = np.array([0.0, 0.3, -0.4, 0.4, 1.2])


class Applicants(NamedTuple):
    """n applicants; every array has the shape (n,)."""

    age: NDArray[np.int64]
    income: NDArray[np.float64]
    debt_ratio: NDArray[np.float64]
    credit_lines: NDArray[np.int64]
    tenure_months: NDArray[np.int64]
    channel: NDArray[np.int64]
    region: NDArray[np.int64]
    employment: NDArray[np.int64]
    """Codes of these three in the order of :data:`CHANNELS`, :data:`REGIONS` with :data:`NEW_REGION` last,
    :data:`EMPLOYMENTS`."""
    no_income: NDArray[np.bool_]
    no_tenure: NDArray[np.bool_]
    no_employment: NDArray[np.bool_]
    """Where the model was not told."""
    score: NDArray[np.float64]
    """The model's probability of default; before a drift of concept it is the true one."""
    label: NDArray[np.int64]
    """1 for a default."""

    def chosen(self, rows: NDArray[np.int64]) -> Applicants:
        """Return some of them."""
        return Applicants(*(column[rows] for column in self))  # type: ignore[arg-type]  # each as it was


def draw(rng: np.random.Generator, scenario: Scenario, times_ms: NDArray[np.int64]) -> Applicants:
    """Return one applicant for each time.

    The same numbers are drawn whatever drifts, so that two scenarios differ in what drifts and in nothing else.
    """
    n = times_ms.size
    age = np.clip(np.rint(rng.normal(42.0, 13.0, n)), 18, 90).astype(np.int64)
    tenure = np.minimum(np.rint(rng.exponential(52.0, n)), (age - 18) * 12).astype(np.int64)
    growth = np.where(_drifting(scenario, "income-shift", times_ms), INCOME_SHIFT, 1.0)
    income = np.round(rng.lognormal(np.log(_MEDIAN_INCOME), 0.5, n) * (1 + (age - 42) / 200) * growth, 2)
    debt = np.round(rng.beta(2.0, 4.0, n), 4)
    lines = rng.poisson(1.0 + age / 18)
    branch = daylight(times_ms) if scenario.seasonal else np.ones(n)
    channel = _choose(rng, CHANNELS, n)
    channel = np.where((channel == list(CHANNELS).index("branch")) & (rng.random(n) >= branch), 0, channel)
    region = _choose(rng, REGIONS, n)
    moved = (rng.random(n) < NEW_REGION_SHARE) & _drifting(scenario, "new-category", times_ms)
    employment = np.where(age >= 67, list(EMPLOYMENTS).index("retired"), _choose(rng, EMPLOYMENTS, n))  # noqa: PLR2004
    absent = rng.random((3, n)) < scenario.missing_ratio
    lost = (rng.random(n) < MISSING_SHARE) & _drifting(scenario, "missing", times_ms)
    region = np.where(moved, len(REGIONS), region)

    others = (
        -1.2
        - 0.9 * np.log(np.where(absent[0], _MEDIAN_INCOME, income) / _MEDIAN_INCOME)
        + 0.08 * (lines - 3)
        - 0.01 * (age - 42)
        + _CHANNEL_WEIGHTS[channel]
        + _REGION_WEIGHTS[region]
        + np.where(absent[2], 0.0, _EMPLOYMENT_WEIGHTS[employment])
    )
    told = np.where(absent[1], _TYPICAL_TENURE, tenure)
    debts = _DEBT_WEIGHT * (debt - 1 / 3)
    score = np.round(_logistic(others + debts + _tenure_risk(np.where(lost, _TYPICAL_TENURE, told))), 6)
    turned = np.where(_drifting(scenario, "concept", times_ms), -debts, debts)
    # What the model is told, the truth depends on; a tenure lost to the drift still counts for the truth.
    truth = np.where(lost | (turned != debts), _logistic(others + turned + _tenure_risk(told)), score)
    label = (rng.random(n) < truth).astype(np.int64)
    return Applicants(
        age,
        income,
        debt,
        lines,
        tenure,
        channel,
        region,
        employment,
        absent[0],
        absent[1] | lost,
        absent[2],
        score,
        label,
    )


def _drifting(scenario: Scenario, kind: DriftKind, times_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    if kind not in scenario.drift:
        return np.zeros(times_ms.size, dtype=np.bool_)
    start = scenario.start_ms if scenario.drift_at_ms is None else scenario.drift_at_ms
    end = scenario.end_ms if scenario.drift_until_ms is None else scenario.drift_until_ms
    return (times_ms >= start) & (times_ms < end)


def _choose(rng: np.random.Generator, shares: dict[str, float], n: int) -> NDArray[np.int64]:
    return np.searchsorted(np.cumsum(list(shares.values()))[:-1], rng.random(n), side="right")


def _tenure_risk(tenure: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.006 * (tenure - _TYPICAL_TENURE)


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1 / (1 + np.exp(-x))
    return result
