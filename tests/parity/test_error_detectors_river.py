"""With blocks of one error the detectors of error rates are river's, detection index by detection index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
from river import drift

from driftline.detectors import Block, Detector
from driftline.detectors.ddm import Ddm, DdmParameters
from driftline.detectors.hddm_a import HddmA, HddmAParameters
from driftline.detectors.hddm_w import HddmW, HddmWParameters

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Stream = Callable[[np.random.Generator], npt.NDArray[np.float64]]

RiverDdm: Any = drift.binary.DDM
RiverHddmA: Any = drift.binary.HDDMA
RiverHddmW: Any = drift.binary.HDDMW

SEEDS = (0, pytest.param(1, marks=pytest.mark.slow))


class _RiverDetector(Protocol):
    drift_detected: bool

    def update(self, x: float) -> None: ...


def _bits(*shares: float, n: int = 900) -> Stream:
    return lambda rng: np.concatenate([rng.random(n) < share for share in shares]).astype(np.float64)


def _ramp(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return (rng.random(4000) < np.linspace(0.05, 0.6, 4000)).astype(np.float64)


def _bursts(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Autocorrelated errors."""
    state = np.cumsum(rng.random(3000) < 0.03) % 2
    return (rng.random(3000) < 0.1 + 0.5 * state).astype(np.float64)


def _shares(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Values between 0 and 1."""
    return np.concatenate([rng.beta(2, 8, 1200), rng.beta(5, 5, 1200), rng.beta(1, 9, 1200)])


def _rare(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.concatenate([rng.random(3000) < share for share in (0.002, 0.02)]).astype(np.float64)


def _atoms(_: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.repeat([0.0, 1.0, 0.0, 1.0], 500)


STREAMS: dict[str, Stream] = {
    "rise and fall": _bits(0.1, 0.3, 0.05),
    "often": _bits(0.5, 0.7, 0.9, 0.2),
    "unchanged": _bits(0.2, n=3000),
    "ramp": _ramp,
    "bursts": _bursts,
    "shares": _shares,
    "rare": _rare,
    "atoms": _atoms,
}

DDM_SETTINGS = (
    DdmParameters(),
    DdmParameters(warm_start=1, drift_threshold=2.0),
    DdmParameters(warm_start=200, drift_threshold=1.0),
    DdmParameters(warm_start=10, drift_threshold=5.0),
)
HDDM_A_SETTINGS = tuple(
    HddmAParameters(drift_confidence=confidence, two_sided_test=both)
    for confidence in (0.001, 0.05, 1e-9)
    for both in (False, True)
)
HDDM_W_SETTINGS = tuple(
    HddmWParameters(drift_confidence=confidence, lambda_val=weight, two_sided_test=both)
    for confidence, weight in ((0.001, 0.05), (0.05, 0.2), (1e-6, 0.01), (0.01, 0.9))
    for both in (False, True)
)


def _found(detector: Detector, values: npt.NDArray[np.float64]) -> list[int]:
    return [d.index for d in (detector.update(Block(1, float(value))) for value in values) if d is not None]


def _found_by_river(detector: _RiverDetector, values: npt.NDArray[np.float64]) -> list[int]:
    found = []
    for i, value in enumerate(values):
        detector.update(float(value))
        if detector.drift_detected:
            found.append(i)
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("parameters", DDM_SETTINGS, ids=repr)
def test_ddm_with_blocks_of_one_error_detects_where_river_does(
    parameters: DdmParameters, stream: str, seed: int
) -> None:
    values = STREAMS[stream](np.random.default_rng(seed))
    oracle = RiverDdm(warm_start=parameters.warm_start, drift_threshold=parameters.drift_threshold)
    assert _found(Ddm(parameters), values) == _found_by_river(oracle, values)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("parameters", HDDM_A_SETTINGS, ids=repr)
def test_hddm_a_with_blocks_of_one_error_detects_where_river_does(
    parameters: HddmAParameters, stream: str, seed: int
) -> None:
    values = STREAMS[stream](np.random.default_rng(seed))
    oracle = RiverHddmA(drift_confidence=parameters.drift_confidence, two_sided_test=parameters.two_sided_test)
    assert _found(HddmA(parameters), values) == _found_by_river(oracle, values)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("parameters", HDDM_W_SETTINGS, ids=repr)
def test_hddm_w_with_blocks_of_one_error_detects_where_river_does(
    parameters: HddmWParameters, stream: str, seed: int
) -> None:
    values = STREAMS[stream](np.random.default_rng(seed))
    oracle = RiverHddmW(
        drift_confidence=parameters.drift_confidence,
        lambda_val=parameters.lambda_val,
        two_sided_test=parameters.two_sided_test,
    )
    assert _found(HddmW(parameters), values) == _found_by_river(oracle, values)


@pytest.mark.parametrize("detector", [Ddm, HddmA, HddmW])
def test_the_streams_make_every_detector_find_changes(detector: type[Detector]) -> None:
    """Equality of empty lists would prove nothing."""
    found = {name: len(_found(detector(), stream(np.random.default_rng(0)))) for name, stream in STREAMS.items()}
    assert sum(n > 0 for n in found.values()) >= 5, found
    assert sum(found.values()) >= 7, found


def test_without_an_error_in_the_warm_up_the_first_error_is_a_change_to_ddm_as_to_river() -> None:
    values = np.array([0.0] * 40 + [1.0])
    assert _found(Ddm(), values) == _found_by_river(RiverDdm(), values) == [40]
