from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from driftline.errors import ParameterError
from driftline.significance.mean_shift import Values, mean_shift_test


@pytest.mark.parametrize(("n", "m"), [(50, 60), (400, 5_000)])
@pytest.mark.parametrize("shift", [-0.2, 0.0, 0.5])
def test_it_is_welchs(n: int, m: int, shift: float) -> None:
    rng = np.random.default_rng(n)
    here, there = rng.exponential(1 + shift, n), rng.exponential(1, m)
    expected = stats.ttest_ind(here, there, equal_var=False, alternative="greater")
    result = mean_shift_test(Values(here.mean(), here.var(), n), Values(there.mean(), there.var(), m))
    assert result is not None
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert result.degrees_of_freedom == pytest.approx(expected.df, rel=1e-12)
    assert result.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_few_or_equal_values_give_no_verdict() -> None:
    many = Values(1.0, 1.0, 1_000)
    assert mean_shift_test(Values(2.0, 1.0, 49), many) is None
    assert mean_shift_test(many, Values(2.0, 1.0, 49)) is None
    assert mean_shift_test(Values(2.0, 0.0, 100), Values(1.0, 0.0, 100)) is None


def test_dispersion_and_what_is_known_of_it_weaken_the_verdict() -> None:
    here, there = Values(1.3, 1.0, 400), Values(1.0, 1.0, 4_000)
    alone, spells, guessed = (
        mean_shift_test(here, there, dispersion=dispersion, degrees_of_freedom=freedom)
        for dispersion, freedom in ((1.0, None), (2.0, None), (2.0, 10.0))
    )
    assert alone is not None
    assert spells is not None
    assert guessed is not None
    assert alone.p_value < spells.p_value < guessed.p_value
    with pytest.raises(ParameterError, match="at least 1"):
        mean_shift_test(here, there, dispersion=0.5)
