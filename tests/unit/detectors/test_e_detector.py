from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from driftline.detectors import Block
from driftline.detectors.e_detector import EDetector, EDetectorParameters
from driftline.errors import ParameterError

BETS = tuple(Fraction(bet) for bet in ("0.02", "0.05", "0.1", "0.2", "0.4", "0.8"))


def test_with_blocks_of_one_error_it_is_the_definition() -> None:
    errors = np.random.default_rng(3).random(400) < np.repeat([0.2, 0.6], 200)
    highest, run_length = Fraction(1, 4), 500
    sums, expected = [Fraction(0)] * len(BETS), []
    for i, error in enumerate(errors):
        sums = [
            (total + 1) * (1 + bet / highest * (int(error) - highest)) for total, bet in zip(sums, BETS, strict=True)
        ]
        if max(sums) / len(BETS) > run_length:
            expected.append(i)
            sums = [Fraction(0)] * len(BETS)
    detector = EDetector(EDetectorParameters(highest=0.25, run_length=run_length))
    found = [d.index for d in (detector.update(Block(1, float(error))) for error in errors) if d]
    assert found == expected
    assert len(found) > 1


def test_dependent_errors_at_the_highest_mean_keep_the_run_length() -> None:
    """Whole blocks are right or wrong together; a false alarm within 500 blocks has a chance of at most 500 / 5000."""
    rng, alarmed = np.random.default_rng(5), 0
    for _ in range(200):
        detector = EDetector(EDetectorParameters(highest=0.2, run_length=5000.0))
        means = np.where(rng.random(500) < 0.2, 1.0, 0.0)
        alarmed += any(detector.update(Block(1, float(mean))) for mean in means)
    assert alarmed <= 32  # 20 expected at most; more than 32 has a chance of less than 0.3 %


def test_what_it_learns_of_the_first_events_is_no_change_and_a_rise_above_it_is() -> None:
    rng = np.random.default_rng(6)
    detector = EDetector()
    assert not any(detector.update(Block(100, rng.binomial(100, 0.1) / 100)) for _ in range(1000))
    assert any(detector.update(Block(100, rng.binomial(100, 0.3) / 100)) for _ in range(20))


@pytest.mark.parametrize("parameters", [{"run_length": 1.0}, {"highest": 1.0}, {"highest": 0.0}, {"warm_up": 0}])
def test_parameters_outside_their_range_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="Expected a"):
        EDetectorParameters(**parameters)  # type: ignore[arg-type] # wrong on purpose
