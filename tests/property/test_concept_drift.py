"""Errors by feature on simulated windows: unchanged ones keep the level, and a change that accuracy hides is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.errors_by_feature import false_alarms, in_bursts, in_bursts_by_value, independent, power

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np


@pytest.mark.parametrize(("rates", "n"), [(independent, 400), (in_bursts(0.05), 200), (in_bursts_by_value(0.05), 200)])
def test_unchanged_windows_are_findings_no_oftener_than_the_level(
    rates: Callable[[np.random.Generator, np.ndarray], np.ndarray], n: int
) -> None:
    of_twentieth, of_hundredth, _ = false_alarms(100, n, rates, 100, 5)
    assert of_twentieth <= 1
    assert of_hundredth <= 3, "three of the hundred windows, where one is expected at most"


def test_errors_that_moved_from_one_part_of_the_traffic_to_another_are_found_and_accuracy_shows_nothing() -> None:
    by_feature, accuracy = power(1_000, 0.3, 0.05, 20, 1)
    assert by_feature >= 0.9
    assert accuracy <= 0.1
