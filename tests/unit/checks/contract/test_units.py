from __future__ import annotations

import math

import pytest

from driftline.checks.contract.units import in_units, spread_of
from driftline.events.output_record import OutputRecord, reference_records
from driftline.sketches.columns import NumericColumn


def column(mean: float, spread: float) -> NumericColumn:
    return NumericColumn("x", "feature", b"", mean, spread, 0.0, 0.0)


@pytest.mark.parametrize("value", [18.0, 0.1, -273.15, 52_000.0])
@pytest.mark.parametrize(("mean", "spread"), [(42.0, 11.3), (41.999_987, 10.7), (0.0, 300.0)])
def test_what_people_wrote_reads_back_as_they_wrote_it(value: float, mean: float, spread: float) -> None:
    units = round((value - mean) / spread * 2**24)
    assert in_units(column(mean, spread), units / 2**24) == pytest.approx(value, abs=spread / 2**23)
    assert len(repr(in_units(column(mean, spread), units / 2**24))) <= 14


def test_a_constant_has_a_spread_of_one() -> None:
    assert spread_of(column(7.0, 0.0)) == 1.0
    assert in_units(column(7.0, 0.0), 0.5) == 7.5


@pytest.mark.parametrize("spread", [5e-324, 1e-310, 1e308, math.inf])
def test_spreads_at_the_end_of_the_range_round_nothing_away(spread: float) -> None:
    assert in_units(column(0.0, spread), 1.0) == pytest.approx(spread, rel=1e-6)


def test_profiles_go_to_their_own_topic() -> None:
    assert reference_records([(b"k", b"v")]) == [OutputRecord("references", b"k", b"v", ())]
