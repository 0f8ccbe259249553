from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from scipy.stats import norm

from driftline.checks.references.mean_variance import VarianceRatio
from driftline.checks.references.tilt_reference import TiltReference
from driftline.config.model import CheckSettings
from driftline.detectors import Block
from driftline.detectors.cusum_threshold import threshold_for
from driftline.detectors.paging import PagingParameters
from driftline.monitoring.predictions.column_detectors import ColumnDetection, ColumnDetectors, PagingBudget
from tests.support.state import changes, restore

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_MS = 86_400_000
PANE_MS = 10_000
KNOWN = VarianceRatio(1.0, 200.0)
EDGES = norm.ppf(np.arange(1, 20) / 20)
SHARES = (0.05,) * 20


def _detectors(paging: PagingBudget | None = None, **checks: object) -> ColumnDetectors:
    return ColumnDetectors(msgspec.convert({"detectors": [], **checks}, CheckSettings), PANE_MS, "detectors", paging)


def _paging(ratio: VarianceRatio | None = KNOWN) -> PagingBudget:
    return _budget(0.01, lambda: ratio)


def _budget(expected_alarms: float, ratio_of: Callable[[], VarianceRatio | None]) -> PagingBudget:
    def tilts_of(_: int) -> TiltReference | None:
        ratio = ratio_of()
        return (
            None if ratio is None else TiltReference(SHARES, (), 20_000, (ratio.ratio,) * 4, ratio.degrees_of_freedom)
        )

    return PagingBudget(expected_alarms, 30 * DAY_MS, 20_000, lambda _: ratio_of(), tilts_of)


def _feed(watched: ColumnDetectors, mean: float, panes: range, bounded: tuple[int, ...] = ()) -> list[ColumnDetection]:
    rng = np.random.default_rng(panes.start)
    found = []
    for pane in panes:
        counts = np.bincount(np.searchsorted(EDGES, rng.normal(mean, 1, 200)), minlength=20)
        value = mean + rng.normal(0, 0.07)
        block = Block(200, min(max(value, 0), 1) if bounded else value, 1.0, tuple(counts.tolist()))
        found += watched.update(pane * PANE_MS, [(0, block)], bounded)
    return found


@pytest.mark.parametrize("name", ["cusum", "mixture"])
def test_a_detector_that_may_page_finds_a_shift_and_dates_it(name: str) -> None:
    watched = _detectors(_paging(), paging_detectors=[name])
    assert not _feed(watched, 0.0, range(2000))
    found = _feed(watched, 0.5, range(2000, 3000))
    assert found[0].detector == f"paging_{name}"
    assert found[0].since_ms is not None
    assert abs(found[0].since_ms - 2000 * PANE_MS) <= 60 * PANE_MS


@pytest.mark.parametrize(
    "ratio", [None, VarianceRatio(1.0, 19.0), VarianceRatio(math.nan, 100.0), VarianceRatio(1.0, math.nan)]
)
def test_while_the_variance_is_not_known_well_enough_nothing_pages(ratio: VarianceRatio | None) -> None:
    watched = _detectors(_paging(ratio), paging_detectors=["cusum", "mixture"])
    assert not _feed(watched, 0.0, range(500)) + _feed(watched, 2.0, range(500, 1500))


def test_without_a_lookup_nothing_pages() -> None:
    watched = _detectors(paging_detectors=["cusum", "mixture"])
    assert not _feed(watched, 0.0, range(500)) + _feed(watched, 2.0, range(500, 1500))


def test_a_column_begins_to_page_once_its_variance_is_known() -> None:
    known: list[VarianceRatio] = []
    paging = _budget(0.01, lambda: known[-1] if known else None)
    watched = _detectors(paging, paging_detectors=["cusum", "mixture"])
    assert not _feed(watched, 2.0, range(1000))
    known.append(KNOWN)
    assert _feed(watched, 2.0, range(1000, 2000))


def test_a_constant_column_is_not_paged_about_by_detectors_of_standardised_values() -> None:
    watched = _detectors(_paging(), paging_detectors=["cusum", "mixture"])
    assert not _feed(watched, 0.0, range(500), bounded=(0,)) + _feed(watched, 0.9, range(500, 1500), bounded=(0,))


def test_detectors_of_shares_are_fed_with_shares_only() -> None:
    for bounded, expected in (((), False), ((0,), True)):
        watched = _detectors(detectors=["hddm_a", "river:DDM"])
        found = _feed(watched, 0.1, range(500), bounded) + _feed(watched, 0.9, range(500, 700), bounded)
        assert bool(found) is expected


@pytest.mark.parametrize("at", [1, 700, 1010])
@pytest.mark.parametrize("bounded", [(), (0,)])
def test_detectors_restored_in_mid_stream_goes_on_as_if_nothing_had_happened(at: int, bounded: tuple[int, ...]) -> None:
    checks = {"detectors": ["ddm", "adwin", "kswin", "river:PageHinkley"], "paging_detectors": ["cusum", "mixture"]}
    whole, first, second = (_detectors(_paging(), **checks) for _ in range(3))
    expected = _feed(whole, 0.1, range(at), bounded) + _feed(whole, 0.8, range(at, 1600), bounded)
    found = _feed(first, 0.1, range(at), bounded)
    restore(second, changes(first))
    found += _feed(second, 0.8, range(at, 1600), bounded)
    assert found == expected
    assert any(one.detector.startswith("paging_") for one in expected) is not bool(bounded)


def test_a_detector_that_was_made_for_another_budget_starts_afresh() -> None:
    first = _detectors(_paging(), paging_detectors=["cusum"])
    assert not _feed(first, 0.0, range(500))
    pieces = changes(first)

    def threshold(expected_alarms: float) -> float:
        paging = _budget(expected_alarms, lambda: KNOWN)
        second = _detectors(paging, paging_detectors=["cusum"])
        restore(second, pieces)
        found = _feed(second, 0.5, range(500, 1000))[0].detection.threshold
        assert found is not None
        return found

    assert threshold(0.5) < threshold(0.01)


def test_no_more_blocks_come_in_a_horizon_than_the_threshold_is_made_for() -> None:
    parameters = _paging().parameters("paging_cusum", 0, PANE_MS)
    assert isinstance(parameters, PagingParameters)
    assert (parameters.horizon_blocks, parameters.min_blocks, parameters.n_blocks) == (259_200, 30, 8640)
    # So few alarms are only held by fewer blocks: the thresholds are known down to one in 10^8.
    few = _budget(1e-6, lambda: KNOWN).parameters("paging_cusum", 0, PANE_MS)
    assert isinstance(few, PagingParameters)
    assert few.n_blocks == 100
    assert threshold_for(few.expected_alarms, few.n_blocks) > 0
    assert _budget(1e-9, lambda: KNOWN).parameters("paging_cusum", 0, PANE_MS) is None
    hourly = _paging().parameters("paging_cusum", 0, 3_600_000)
    assert isinstance(hourly, PagingParameters)
    assert (hourly.horizon_blocks, hourly.min_blocks) == (720, 1)
