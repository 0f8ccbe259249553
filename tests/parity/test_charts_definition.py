"""CUSUM and the EWMA chart against their definitions, computed another way; river has neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from river import stats

from driftline.detectors import Block
from driftline.detectors.cusum import Cusum, CusumParameters
from driftline.detectors.ewma import Ewma, EwmaParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.detectors import Detector


def stream(seed: int) -> NDArray[np.float64]:
    """Return 3,000 values whose mean steps up, back, and down."""
    rng = np.random.default_rng(seed)
    means = np.repeat([0.0, 0.8, 0.0, -0.6], 750)
    return rng.normal(means, 1.0)


def indices(detector: Detector, values: NDArray[np.float64]) -> list[int]:
    found = (detector.update(Block(1, float(value))) for value in values)
    return [detection.index for detection in found if detection is not None]


def first_beyond(steps: NDArray[np.float64], threshold: float) -> int | None:
    """Return where the plain cumulative sum first lies more than the threshold above its least value so far."""
    summed = np.concatenate([[0.0], np.cumsum(steps)])
    beyond = np.flatnonzero(summed - np.minimum.accumulate(summed) > threshold)
    return int(beyond[0]) - 1 if beyond.size else None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("allowance", "threshold"), [(0.5, 5.0), (0.25, 8.0), (0.0, 40.0)])
def test_cusum_is_the_rise_of_the_plain_sum_above_its_minimum(seed: int, allowance: float, threshold: float) -> None:
    values = stream(seed)
    parameters = CusumParameters(allowance=allowance, threshold=threshold, target=0.0, spread=1.0)
    expected, begin = [], 0
    while begin < values.size:
        rest = values[begin:]
        ends = [first_beyond(sign * rest - allowance, threshold) for sign in (1.0, -1.0)]
        reached = [end for end in ends if end is not None]
        if not reached:
            break
        expected.append(begin + min(reached))
        begin += min(reached) + 1
    assert expected, "the stream has something to find"
    assert indices(Cusum(parameters), values) == expected


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("weight", "limit"), [(0.05, 4.0), (0.2, 3.5), (1.0, 3.2)])
def test_the_ewma_chart_is_rivers_mean_within_the_limits(seed: int, weight: float, limit: float) -> None:
    values = stream(seed)
    expected: list[int] = []
    mean, n = stats.EWMean(fading_factor=weight), 0
    mean.update(0.0)
    for index, value in enumerate(values):
        mean.update(float(value))
        n += 1
        bound = limit * np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * n)))
        if abs(mean.get()) > bound:
            expected.append(index)
            mean, n = stats.EWMean(fading_factor=weight), 0
            mean.update(0.0)
    assert expected, "the stream has something to find"
    assert indices(Ewma(EwmaParameters(weight=weight, limit=limit, target=0.0, spread=1.0)), values) == expected
