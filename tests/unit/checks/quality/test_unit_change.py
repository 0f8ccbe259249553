from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.checks.quality.conversions import CONVERSIONS, conversion_of
from driftline.checks.quality.unit_change import unit_change
from driftline.profiles.building.table import ReferenceTable
from tests.support.windows import budget_of, examine_window, profile_of, window_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.events.finding import UnitChange


def numbers(values: np.ndarray) -> ReferenceTable:
    return ReferenceTable(values.size, {"x": values}, prediction=[i % 2 for i in range(values.size)])


def seen(reference: np.ndarray, window: np.ndarray) -> UnitChange | None:
    profile = profile_of(numbers(reference))
    return unit_change(profile, 0, window_of(profile, numbers(window)).sketch)


def draw(name: str, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng((9, seed))
    draws: dict[str, Callable[[], np.ndarray]] = {
        "heights": lambda: rng.normal(1.75, 0.1, n),
        "distances": lambda: rng.gamma(2, 30, n),
        "prices": lambda: rng.lognormal(3, 0.8, n).round(2),
        "temperatures": lambda: rng.normal(12, 8, n),
        "ages": lambda: rng.integers(18, 80, n).astype(float),
        "shares": lambda: rng.beta(2, 5, n),
        "times": lambda: 1_767_603_600 + rng.uniform(0, 30 * 86_400, n),
        "signed": lambda: rng.normal(3, 1, n),
        "kelvins": lambda: rng.normal(290, 8, n),
    }
    return draws[name]()


@pytest.mark.parametrize(
    ("name", "factor", "offset", "conversion"),
    [
        ("heights", 1 / 0.3048, 0, "metres -> feet"),
        ("heights", 1 / 0.0254, 0, "metres -> inches"),
        ("distances", 0.3048, 0, "feet -> metres"),
        ("distances", 1 / 0.3048, 0, "metres -> feet"),
        ("heights", 1.609344, 0, "miles -> kilometres"),
        ("distances", 1000, 0, "units -> thousandths, as seconds to milliseconds"),
        ("distances", 0.001, 0, "thousandths, as seconds to milliseconds -> units"),
        ("prices", 100, 0, "units -> hundredths, as euros to cents or a share to per cent"),
        ("prices", 0.01, 0, "hundredths, as euros to cents or a share to per cent -> units"),
        ("temperatures", 1.8, 32, "degrees Celsius -> degrees Fahrenheit"),
        ("temperatures", 1, 273.15, "degrees Celsius -> kelvins"),
        ("kelvins", 1, -273.15, "kelvins -> degrees Celsius"),
        ("ages", 12, 0, None),
        ("shares", 100, 0, "units -> hundredths, as euros to cents or a share to per cent"),
        ("times", 1000, 0, "units -> thousandths, as seconds to milliseconds"),
        ("signed", -1, 0, "values -> values of the other sign"),
    ],
)
@pytest.mark.parametrize("n", [600, 5_000])
def test_a_change_of_unit_is_named_with_factor_and_offset(
    name: str, factor: float, offset: float, conversion: str | None, n: int
) -> None:
    change = seen(draw(name, 20_000, 0), factor * draw(name, n, 1) + offset)
    assert change is not None
    assert change.factor == pytest.approx(factor, rel=0.08 if n < 1_000 else 0.03)
    assert change.offset == pytest.approx(offset, abs=1.5)
    assert change.conversion == conversion or (conversion is None and change.factor == pytest.approx(12, rel=0.08))
    assert change.explained >= 0.75


def test_a_shift_of_the_mean_is_an_offset() -> None:
    change = seen(draw("temperatures", 20_000, 0), draw("temperatures", 1_000, 1) + 10)
    assert change is not None
    assert change.factor == 1
    assert change.offset == pytest.approx(10, abs=1)
    assert change.conversion is None


@pytest.mark.parametrize("seed", range(5))
def test_other_changes_have_no_unit(seed: int) -> None:
    rng = np.random.default_rng((4, seed))
    reference = rng.normal(20, 5, 20_000)
    # A mixture, another shape, a wider spread about the same mean: no factor and no offset makes them the reference.
    assert (
        seen(reference, np.where(rng.random(2_000) < 0.5, rng.normal(20, 5, 2_000), rng.normal(45, 2, 2_000))) is None
    )
    assert seen(reference, rng.exponential(20, 2_000)) is None
    assert seen(reference, rng.normal(20, 15, 2_000)) is None
    assert seen(reference, np.full(2_000, 37.0)) is None


def test_unchanged_values_and_few_values_have_no_change() -> None:
    reference = draw("distances", 20_000, 0)
    assert seen(reference, draw("distances", 2_000, 1)) is None
    assert seen(reference, 3.28 * draw("distances", 40, 1)) is None
    assert seen(np.full(1_000, 5.0), np.full(500, 16.4)) is None


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e308, -1e308])
def test_odd_values_break_nothing(odd: float) -> None:
    reference = draw("distances", 5_000, 0)
    seen(reference, np.array([odd]))
    seen(reference, np.array([odd] * 200))
    seen(np.array([odd, 1.0, 2.0]), reference)


def test_the_finding_names_the_change() -> None:
    profile = profile_of(numbers(draw("distances", 20_000, 0)))
    window = window_of(profile, numbers(draw("distances", 2_000, 1) / 0.3048))
    (finding,) = (
        each for each in examine_window(profile, window, budget_of()).findings if each.family == "distribution"
    )
    assert finding.unit_change is not None
    assert finding.unit_change.conversion == "metres -> feet"
    assert "values look like the reference's times 3." in finding.message
    assert finding.message.endswith("(metres -> feet?)")


def test_the_table_of_conversions_is_its_own_inverse() -> None:
    for each in CONVERSIONS:
        assert each.inverse.inverse == pytest.approx(each) or each.inverse.inverse.factor == pytest.approx(each.factor)
        assert conversion_of(each.factor, each.offset, 1e-9, 1e-9) is not None


@pytest.mark.parametrize("factor", [1.609344, 1.667, 1.8, 2.2])
def test_growth_is_no_change_of_unit_where_the_factor_is_not_known_exactly(factor: float) -> None:
    change = seen(draw("prices", 20_000, 0), factor * draw("prices", 1_000, 1))
    assert change is not None
    assert change.conversion is None
    assert change.factor == pytest.approx(factor, rel=0.08)


@pytest.mark.parametrize("part", [0.33, 0.67])
@pytest.mark.parametrize(
    ("name", "factor", "offset"), [("prices", 100, 0), ("distances", 1000, 0), ("temperatures", 1, 273.15)]
)
def test_a_part_of_the_values_in_another_unit_is_named_with_its_fraction(
    name: str, part: float, factor: float, offset: float
) -> None:
    values, n = draw(name, 2_000, 1), round(2_000 * part)
    values[:n] = factor * values[:n] + offset
    change = seen(draw(name, 20_000, 0), values)
    assert change is not None
    assert (change.factor, change.offset) == (factor, offset)
    assert change.conversion is not None
    assert change.part == pytest.approx(part, abs=0.03)


def test_a_part_of_the_values_that_grew_is_no_change_of_unit() -> None:
    values = draw("prices", 2_000, 1)
    values[:700] *= 1.7
    assert (change := seen(draw("prices", 20_000, 0), values)) is None or change.conversion is None


def test_values_of_two_populations_are_no_change_of_unit() -> None:
    values = draw("prices", 2_000, 1)
    values[:700] = np.random.default_rng(4).normal(400, 20, 700)
    assert (change := seen(draw("prices", 20_000, 0), values)) is None or change.conversion is None
