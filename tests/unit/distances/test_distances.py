from __future__ import annotations

import math

import numpy as np
import pytest

from driftline import distances
from driftline.distances.base import register
from driftline.errors import ParameterError


def _windows(n: int, n_reference: int, bins: int, windows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng([n, n_reference, bins])
    shares = np.full(bins, 1 / bins)
    return list(zip(rng.multinomial(n, shares, windows), rng.multinomial(n_reference, shares, windows), strict=True))


def test_the_three_keys_are_registered() -> None:
    assert {"psi", "jensen_shannon", "kolmogorov_smirnov"} <= set(distances.names())


def test_a_taken_key_is_refused() -> None:
    entered = distances.get("psi")
    with pytest.raises(ParameterError) as caught:
        register("psi", reads="shares", on="groups", lower=0, upper=1)(entered.function)
    assert str(caught.value) == "Expected a key no other distance has, got 'psi' - at `driftline.distances`"
    assert distances.get("psi") is entered


def test_an_unknown_key_names_those_there_are() -> None:
    with pytest.raises(ParameterError, match="psi") as caught:
        distances.get("population")
    assert "got 'population'" in str(caught.value)


def test_population_stability_index_by_hand() -> None:
    result = distances.get("psi")(np.array([9, 0, 19]), np.array([19, 0, 9]))
    assert result is not None
    p = 9.5 / 29
    assert result.raw == pytest.approx(2 * (p - (1 - p)) * math.log(p / (1 - p)))
    assert result.corrected == pytest.approx(result.raw - (1 / 28 + 1 / 28))
    assert (result.n, result.n_reference, result.n_bins, result.error_bound) == (28, 28, 2, None)


def test_kolmogorov_smirnov_by_hand() -> None:
    result = distances.get("kolmogorov_smirnov")(np.array([5, 5, 0, 0]), np.array([0, 0, 5, 5]))
    assert result is not None
    assert (result.raw, result.error_bound) == (1.0, 0.0)
    one_bin = distances.get("kolmogorov_smirnov")(np.array([5]), np.array([7]))
    assert one_bin is not None
    assert (one_bin.raw, one_bin.error_bound, one_bin.corrected) == (0.0, 1.0, 0.0)


def test_the_bound_of_kolmogorov_smirnov_is_at_most_the_largest_share_of_a_bin() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        current, reference = rng.multinomial(300, rng.dirichlet(np.ones(15))), rng.multinomial(900, np.full(15, 1 / 15))
        result = distances.get("kolmogorov_smirnov")(current, reference)
        assert result is not None
        assert result.error_bound is not None
        assert result.error_bound <= max((current / 300).max(), (reference / 900).max()) + 1e-12


@pytest.mark.parametrize(("n", "n_reference", "bins"), [(200, 4096, 20), (1000, 4096, 20), (1000, 1000, 50)])
def test_without_change_the_corrected_index_is_zero_on_average(n: int, n_reference: int, bins: int) -> None:
    results = [distances.get("psi")(c, r) for c, r in _windows(n, n_reference, bins, 2000)]
    raw = np.array([r.raw for r in results if r is not None])
    corrected = np.array([r.corrected for r in results if r is not None])
    null = (bins - 1) * (1 / n + 1 / n_reference)
    assert raw.mean() == pytest.approx(null, rel=0.06)
    assert abs(corrected.mean()) < 0.06 * null


def test_without_change_the_jensen_shannon_divergence_has_the_stated_bias() -> None:
    results = [distances.get("jensen_shannon")(c, r) for c, r in _windows(1000, 4096, 20, 2000)]
    divergence = np.mean([r.raw**2 for r in results if r is not None])
    assert divergence == pytest.approx(19 * (1 / 1000 + 1 / 4096) / (8 * math.log(2)), rel=0.03)
    signed = [math.copysign(r.corrected**2, r.corrected) for r in results if r is not None and r.corrected is not None]
    assert abs(np.mean(signed)) < 0.06 * divergence


def test_dispersion_scales_the_correction_and_leaves_the_raw_value() -> None:
    current, reference = np.array([300, 100, 200]), np.array([900, 800, 850])
    for key, power in (("psi", 1), ("jensen_shannon", 2)):
        plain, wide = distances.get(key)(current, reference), distances.get(key)(current, reference, dispersion=4.0)
        assert plain is not None
        assert wide is not None
        assert plain.corrected is not None
        assert wide.corrected is not None
        assert plain.raw == wide.raw
        taken, taken_wide = (
            result.raw**power - math.copysign(abs(corrected) ** power, corrected)
            for result, corrected in ((plain, plain.corrected), (wide, wide.corrected))
        )
        assert taken_wide == pytest.approx(4 * taken)


@pytest.mark.parametrize("dispersion", [0.0, -1.0, math.nan, math.inf])
def test_a_dispersion_that_is_not_positive_is_refused(dispersion: float) -> None:
    support = distances.Support(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    for key in distances.names():
        with pytest.raises(ParameterError, match=r"a number greater than 0.*\$\.dispersion"):
            distances.get(key)(np.array([1, 2]), np.array([3, 4]), dispersion=dispersion, support=support)
