from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from driftline.detectors import Block, Detection
from driftline.detectors.page_hinkley import PageHinkley, PageHinkleyParameters
from driftline.errors import ParameterError


def _first(parameters: PageHinkleyParameters, blocks: list[Block]) -> Detection | None:
    detector = PageHinkley(parameters)
    return next((found for found in map(detector.update, blocks) if found is not None), None)


def _jump(to: float, size: int = 20) -> list[Block]:
    return [Block(size, 0.0 if i < 200 else to, 1.0) for i in range(400)]


@pytest.mark.parametrize(("mode", "rise", "fall"), [("up", True, False), ("down", False, True), ("both", True, True)])
def test_each_mode_reports_its_direction_only(mode: Literal["up", "down", "both"], *, rise: bool, fall: bool) -> None:
    parameters = PageHinkleyParameters(mode=mode)
    up, down = _first(parameters, _jump(1.0)), _first(parameters, _jump(-1.0))
    assert (up is not None, down is not None) == (rise, fall)
    assert up is None or up.direction == "up"
    assert down is None or down.direction == "down"


def test_the_change_is_dated_to_where_it_was_and_both_means_are_estimated() -> None:
    found = _first(PageHinkleyParameters(delta=0.1), _jump(1.0))
    assert found is not None
    assert found.index == 4000 + 3 * 20 - 1  # λ of 50 is passed by the third block of 20 events at 1, of mean near 0
    assert (found.since_blocks, found.since_events) == (3, 60)
    assert found.mean_before == pytest.approx(0)
    assert found.mean_after == pytest.approx(1)
    assert found.threshold == 50.0
    assert found.statistic > 50.0


@pytest.mark.parametrize("size", [4, 16, 64])
def test_blocks_find_a_shift_about_as_fast_as_single_values(size: int) -> None:
    delays: dict[int, list[int]] = {1: [], size: []}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        values = np.concatenate([rng.normal(0, 1, 1280), rng.normal(1, 1, 1280)])
        for each, found_after in delays.items():
            detector = PageHinkley(PageHinkleyParameters(delta=0.25, threshold=30.0, mode="up"))
            for rows in values.reshape(-1, each):
                found = detector.update(Block(each, float(rows.mean()), float(rows.var())))
                if found is not None and found.index >= 1280:
                    found_after.append(found.index - 1279)
                    break
    assert len(delays[size]) == len(delays[1]) == 10
    assert abs(np.mean(delays[size]) - np.mean(delays[1])) <= size


def test_one_block_weighs_as_much_as_its_events() -> None:
    """With a settled mean and no fading, a block of 50 moves the deviation as 50 equal events do."""
    parameters = PageHinkleyParameters(alpha=1.0, threshold=1e9)
    whole, single = PageHinkley(parameters), PageHinkley(parameters)
    for detector in (whole, single):
        detector.update(Block(10**9, 0.0))
    whole.update(Block(50, 2.0))
    for _ in range(50):
        single.update(Block(1, 2.0))
    assert whole.state.up.deviation == pytest.approx(single.state.up.deviation, rel=1e-6)
    assert whole.state.down.deviation == pytest.approx(single.state.down.deviation, rel=1e-6)
    assert whole.state.n_events == single.state.n_events


def test_no_change_is_reported_before_the_minimum_of_events() -> None:
    blocks = [Block(10, float(10 * i), 0.0) for i in range(30)]
    early = _first(PageHinkleyParameters(min_instances=1), blocks)
    late = _first(PageHinkleyParameters(min_instances=195), blocks)
    assert early is not None
    assert late is not None
    assert early.index == 29  # the second block brings 10 × (5 - 0.005), just below λ of 50; the third passes it
    assert late.index == 199


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"delta": -1}, r"Expected a number of at least 0, got -1 - at `\$\.delta`"),
        ({"delta": float("inf")}, r"at `\$\.delta`"),
        ({"threshold": 0.0}, r"Expected a number greater than 0, got 0.0 - at `\$\.threshold`"),
        ({"alpha": 0.0}, r"Expected a number in \(0, 1\], got 0.0 - at `\$\.alpha`"),
        ({"alpha": 1.1}, r"at `\$\.alpha`"),
        ({"min_instances": 0}, r"at `\$\.min_instances`"),
        ({"mode": "sideways"}, r"Expected up, down or both, got 'sideways' - at `\$\.mode`"),
    ],
)
def test_parameters_outside_their_range_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        PageHinkleyParameters(**parameters)
