"""With blocks of one value the detectors are river's, detection index by detection index."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
from river import drift

from driftline.detectors import Block, Detector
from driftline.detectors.adwin import Adwin, AdwinParameters
from driftline.detectors.page_hinkley import PageHinkley, PageHinkleyParameters

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

RiverAdwin: Any = drift.ADWIN
RiverPageHinkley: Any = drift.PageHinkley

SEEDS = range(3)


def _jumps(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.concatenate([rng.normal(mean, 1, 700) for mean in (0, 0.5, 0.2, 3, -1)])


def _bits(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.concatenate([rng.random(900) < share for share in (0.1, 0.3, 0.05)]).astype(np.float64)


def _heavy_tails(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.concatenate([rng.standard_t(2, 1500), 2 + rng.standard_t(2, 1500)])


def _ramp(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return rng.normal(0, 1, 3000) + np.linspace(0, 4, 3000)


def _years(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Large offset, small spread."""
    return np.concatenate([2020 + rng.normal(0, 0.01, 1500), 2020.01 + rng.normal(0, 0.01, 1500)])


def _autocorrelated(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    values = rng.normal(0, 1, 3000)
    for i in range(1, values.size):
        values[i] += 0.9 * values[i - 1]
    return values


def _atoms(_: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.repeat([0.0, 1.0, 0.0, 5.0], 600)


STREAMS: tuple[Callable[[np.random.Generator], npt.NDArray[np.float64]], ...] = (
    _jumps,
    _bits,
    _heavy_tails,
    _ramp,
    _years,
    _autocorrelated,
    _atoms,
)

ADWIN_SETTINGS = (
    AdwinParameters(),
    AdwinParameters(delta=0.2, clock=1),
    AdwinParameters(delta=1e-4, clock=7, max_buckets=2),
    AdwinParameters(delta=0.05, clock=64, max_buckets=12, min_window_length=30),
    AdwinParameters(delta=0.01, clock=3, min_window_length=1, grace_period=0),
    AdwinParameters(delta=0.01, clock=16, max_buckets=3, min_window_length=10, grace_period=500),
)

PAGE_HINKLEY_SETTINGS = tuple(
    PageHinkleyParameters(min_instances=least, delta=delta, threshold=threshold, alpha=alpha, mode=mode)
    for mode in ("up", "down", "both")
    for least, delta, threshold, alpha in (
        (30, 0.005, 50.0, 1 - 0.0001),
        (1, 0.0, 5.0, 1.0),
        (200, 0.5, 12.0, 0.99),
        (10, 0.1, 0.5, 0.9),
    )
)


class _RiverDetector(Protocol):
    drift_detected: bool

    def update(self, x: float) -> None: ...


def _found(detector: Detector, values: npt.NDArray[np.float64]) -> list[int]:
    return [d.index for d in (detector.update(Block(1, float(value))) for value in values) if d is not None]


def _found_by_river(detector: _RiverDetector, values: npt.NDArray[np.float64]) -> list[int]:
    found = []
    for i, value in enumerate(values):
        detector.update(float(value))
        if detector.drift_detected:
            found.append(i)
    return found


def test_the_oracle_is_the_version_that_is_stated() -> None:
    assert version("river") == "0.26.1"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("parameters", ADWIN_SETTINGS, ids=repr)
def test_adwin_with_blocks_of_one_value_detects_where_river_does(
    parameters: AdwinParameters, stream: Callable[[np.random.Generator], npt.NDArray[np.float64]], seed: int
) -> None:
    values = stream(np.random.default_rng(seed))
    oracle = RiverAdwin(
        delta=parameters.delta,
        clock=parameters.clock,
        max_buckets=parameters.max_buckets,
        min_window_length=parameters.min_window_length,
        grace_period=parameters.grace_period,
    )
    assert _found(Adwin(parameters), values) == _found_by_river(oracle, values)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("parameters", PAGE_HINKLEY_SETTINGS, ids=repr)
def test_page_hinkley_with_blocks_of_one_value_detects_where_river_does(
    parameters: PageHinkleyParameters, stream: Callable[[np.random.Generator], npt.NDArray[np.float64]], seed: int
) -> None:
    values = stream(np.random.default_rng(seed))
    oracle = RiverPageHinkley(
        min_instances=parameters.min_instances,
        delta=parameters.delta,
        threshold=parameters.threshold,
        alpha=parameters.alpha,
        mode=parameters.mode,
    )
    assert _found(PageHinkley(parameters), values) == _found_by_river(oracle, values)


def test_the_streams_make_both_detectors_find_changes() -> None:
    """Equality of empty lists would prove nothing."""
    found = [
        (len(_found(Adwin(), values)), len(_found(PageHinkley(), values)))
        for stream in STREAMS
        for values in [stream(np.random.default_rng(0))]
    ]
    assert sum(adwin > 0 for adwin, _ in found) >= 6, found
    assert sum(page_hinkley > 0 for _, page_hinkley in found) >= 5, found


def test_the_window_of_adwin_holds_rivers_numbers() -> None:
    values = np.random.default_rng(5).normal(3, 2, 1000)
    ours, theirs = Adwin(AdwinParameters(delta=1e-12)), RiverAdwin(delta=1e-12)
    for value in values:
        ours.update(Block(1, float(value)))
        theirs.update(float(value))
    assert ours.state.n_events == theirs.width == 1000
    assert ours.state.total == theirs.total
    assert math.isclose(ours.state.squares, theirs.variance, rel_tol=1e-12)
