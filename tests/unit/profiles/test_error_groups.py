"""Groups of a regression's errors: what is kept of the reference, and that panes count by it."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.profiles.error_groups import ErrorGroups, error_groups
from driftline.profiles.task import NO_TIME, Task
from driftline.sketches.joined import LabelledPairs
from driftline.sketches.scores import ERROR_LIMIT

HOUR = 3_600_000
TASK = Task("regression", (), 10.0)


def pairs_of(errors: np.ndarray) -> LabelledPairs:
    n = errors.size
    return LabelledPairs(errors, np.zeros(n), np.full(n, np.nan), np.ones(n, dtype=np.int64))


def groups_of(errors: np.ndarray, hours: int = 24 * 14) -> ErrorGroups | None:
    times = np.arange(errors.size, dtype=np.int64) * hours * HOUR // errors.size
    return error_groups(TASK, pairs_of(errors), times, HOUR)


def test_groups_hold_all_errors_and_their_mean() -> None:
    errors = np.random.default_rng(1).normal(0, 1, 10_000)
    found = groups_of(errors)
    assert found is not None
    assert sum(found.counts) == errors.size
    assert len(found.counts) == len(found.means) == len(found.edges) + 1 == 12
    assert np.average(found.means, weights=found.counts) == pytest.approx(np.abs(errors).mean())
    assert list(found.means) == sorted(found.means)
    assert np.bincount(found.places(np.abs(errors))).tolist() == list(found.counts)
    assert found.of_windows.dispersion == pytest.approx(1.0, abs=0.3)
    assert found.of_days is not None


def test_the_order_of_the_rows_does_not_show() -> None:
    rng = np.random.default_rng(2)
    errors, times = rng.normal(0, 1, 5_000), np.arange(5_000) * HOUR // 20
    order = rng.permutation(5_000)
    assert error_groups(TASK, pairs_of(errors), times, HOUR) == error_groups(
        TASK, pairs_of(errors[order]), times[order], HOUR
    )


def test_few_values_make_few_groups_and_a_far_one_is_bounded() -> None:
    errors = np.repeat([0.0, 1.0, 1e9], [6_000, 3_000, 1_000])
    np.random.default_rng(3).shuffle(errors)
    found = groups_of(errors)
    assert found is not None
    assert (found.counts, found.means) == ((6_000, 3_000, 1_000), (0.0, 1.0, ERROR_LIMIT))
    assert found.places(np.array([0.5, 1.0, 1e12])).tolist() == [0, 1, 2]


def test_errors_that_come_in_spells_vary_more() -> None:
    rng = np.random.default_rng(4)
    size = np.repeat(rng.choice([0.5, 1.5], 24 * 14), 40)
    found = groups_of(rng.normal(0, 1, size.size) * size)
    assert found is not None
    assert found.of_windows.dispersion > 5


def test_what_makes_no_groups() -> None:
    errors = np.random.default_rng(5).normal(0, 1, 1_000)
    assert error_groups(Task("binary", ("0", "1")), pairs_of(errors), np.arange(1_000) * HOUR, HOUR) is None
    assert error_groups(TASK, pairs_of(errors), np.full(1_000, NO_TIME), HOUR) is None
    assert groups_of(errors, hours=9) is None, "nine windows say nothing of how much they vary"
    assert groups_of(np.full(1_000, np.nan)) is None
    assert groups_of(np.full(1_000, 2.0)) is None, "nothing varies"
