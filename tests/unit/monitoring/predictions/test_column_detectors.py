from __future__ import annotations

import msgspec
import numpy as np
import pytest
from scipy.stats import norm

from driftline.config.model import CheckSettings
from driftline.detectors import Block
from driftline.monitoring.predictions.column_detectors import ColumnDetection, ColumnDetectors
from tests.support.state import changes, restore

PANE_MS = 10_000
EDGES = norm.ppf(np.arange(1, 20) / 20)


def _detectors(**checks: object) -> ColumnDetectors:
    return ColumnDetectors(msgspec.convert({"detectors": [], **checks}, CheckSettings), PANE_MS, "detectors")


def _feed(watched: ColumnDetectors, mean: float, panes: range, bounded: tuple[int, ...] = ()) -> list[ColumnDetection]:
    rng = np.random.default_rng(panes.start)
    found = []
    for pane in panes:
        counts = np.bincount(np.searchsorted(EDGES, rng.normal(mean, 1, 200)), minlength=20)
        value = mean + rng.normal(0, 0.07)
        block = Block(200, min(max(value, 0), 1) if bounded else value, 1.0, tuple(counts.tolist()))
        found += watched.update(pane * PANE_MS, [(0, block)], bounded)
    return found


def test_detectors_of_shares_are_fed_with_shares_only() -> None:
    for bounded, expected in (((), False), ((0,), True)):
        watched = _detectors(detectors=["hddm_a", "river:DDM"])
        found = _feed(watched, 0.1, range(500), bounded) + _feed(watched, 0.9, range(500, 700), bounded)
        assert bool(found) is expected


@pytest.mark.parametrize("at", [1, 700, 1010])
@pytest.mark.parametrize("bounded", [(), (0,)])
def test_detectors_restored_in_mid_stream_goes_on_as_if_nothing_had_happened(at: int, bounded: tuple[int, ...]) -> None:
    checks = {"detectors": ["ddm", "adwin", "kswin", "river:PageHinkley"]}
    whole, first, second = (_detectors(**checks) for _ in range(3))
    expected = _feed(whole, 0.1, range(at), bounded) + _feed(whole, 0.8, range(at, 1600), bounded)
    found = _feed(first, 0.1, range(at), bounded)
    restore(second, changes(first))
    found += _feed(second, 0.8, range(at, 1600), bounded)
    assert found == expected
    assert {one.detector for one in expected} >= {"ddm" if bounded else "adwin"}
