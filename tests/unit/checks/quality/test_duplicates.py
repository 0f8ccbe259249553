from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline.alerts.policy import cause_of
from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceCase
from driftline.checks.contract.ladder import level_of
from driftline.checks.labels.performance_check import examine_performance
from driftline.checks.quality.duplicates import PART_OF_LEVEL, duplicates
from driftline.config.model import ModelSettings
from driftline.events.finding import LevelEvidence
from driftline.sketches.scores import DUPLICATES
from tests.support.windows import budget_of, judged
from tests.unit.checks.labels.test_performance_check import PROFILE, baseline_of, cut_of, vector_of

if TYPE_CHECKING:
    from driftline.checks.contract.check import Outcome

LEVEL = LevelEvidence(level=1e-5, n_tests=1, derivation="test")


def vector(n_predicted: int, n_duplicates: int) -> np.ndarray:
    return np.array([n_predicted, 0, n_duplicates, 0, 0, 0, 0], dtype=np.int64)


def examined(current: np.ndarray, reference: np.ndarray) -> list[Outcome]:
    baseline = PerformanceBaseline(vector=reference, origin="reference")
    return [*duplicates.examine(PerformanceCase(PROFILE, cut_of(current), baseline, ModelSettings()))]


@pytest.mark.parametrize(("n_duplicates", "is_found"), [(0, False), (5, False), (50, True), (2_000, True)])
def test_a_larger_share_of_repeated_ids_is_found(n_duplicates: int, is_found: bool) -> None:  # noqa: FBT001
    (outcome,) = examined(vector(1_000, n_duplicates), vector(5_000, 10))
    assert bool(judged([outcome], 1e-5)) == is_found
    assert outcome.statistic.value == n_duplicates / (1_000 + n_duplicates)
    assert f"{n_duplicates:,} of {1_000 + n_duplicates:,}" in outcome.message


def test_as_many_as_before_are_no_finding_and_nothing_is_no_test() -> None:
    (outcome,) = examined(vector(1_000, 100), vector(5_000, 500))
    assert judged([outcome], 0.5) == []
    assert examined(vector(0, 0), vector(5_000, 0)) == []
    assert examined(vector(5, 0), vector(0, 0)) == []


def test_the_parts_of_a_level_add_up_to_it() -> None:
    (outcome,) = examined(vector(1_000, 0), vector(5_000, 0))
    parts = [
        level_of(msgspec.structs.replace(outcome, part=part), LEVEL) for part in (PART_OF_LEVEL, 1 - PART_OF_LEVEL)
    ]
    assert sum(part.level for part in parts) == pytest.approx(LEVEL.level)
    assert parts[0].derivation == "0.1 x (test)"


def test_a_tested_performance_window_says_that_ids_repeat_and_an_alert_of_its_own_opens() -> None:
    current = vector_of(PROFILE, 1_000, 100)
    current[DUPLICATES] = 80
    cut, baseline = cut_of(current), baseline_of(4_000, 400)
    (finding,) = examine_performance(PROFILE, cut, baseline, budget_of(labels=True)).findings
    assert (finding.check, finding.family, finding.column) == ("quality.duplicates", "quality", None)
    assert finding.baseline == "reference"
    assert finding.message.startswith("predictions with an id that had been seen 0 % -> 7.41 %, 80 of 1,080 ")
    assert cause_of(finding) == "duplicates"
    untested = examine_performance(PROFILE, cut_of(current, tested=False), baseline, budget_of(labels=True))
    assert untested.findings == ()
