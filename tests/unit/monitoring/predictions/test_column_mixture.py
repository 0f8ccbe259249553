"""The e-detectors of a model, pane by pane, with a reference that the test builds."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec import structs

from driftline.checks.references.bet_reference import BetReference
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.durations import Duration
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings, WindowSettings
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.column_mixture import BLOCK_COLUMNS, ColumnMixture
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.columns import NumericColumn
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.pane_sketch import count_each
from tests.support.state import changes, restore
from tests.support.windows import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from driftline.checks.columns.mixture_findings import FoundChange
    from driftline.profiles.profile import Profile

    Floats = NDArray[np.float64]
    Values = dict[str, Floats | list[str]]

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
PANE_MS = 60_000
MONDAY_MS = 20_458 * DAY_MS
PER_PANE = 10
INDEPENDENT = ModelSettings(
    windows=WindowSettings(verdict=(Duration(HOUR_MS),)),
    checks=CheckSettings(dispersion=DispersionSettings(mode="independent")),
)
ALARMS = 0.01


def values_of(rng: np.random.Generator, n: int, mean: float | Floats = 0.0, missing: float = 0.02) -> Values:
    x = rng.normal(0, 1, n) + mean
    x[rng.random(n) < missing] = np.nan
    return {"x": x, "still": rng.normal(0, 1, n), "place": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]).tolist()}


@cache
def profile() -> Profile:
    table = ReferenceTable(n=20_000, features=dict(values_of(np.random.default_rng(1), 20_000)))
    return build_profile(KEY, table, INDEPENDENT, 0, "training")


@cache
def seasonal_profile(missing: float = 0.02) -> Profile:
    """Return a reference of two weeks whose `x` follows the hour of the day."""
    rng = np.random.default_rng(2)
    times = np.sort(rng.integers(MONDAY_MS - 14 * DAY_MS, MONDAY_MS, 14 * 24 * 200))
    table = ReferenceTable(
        n=times.size, features=dict(values_of(rng, times.size, season(times), missing)), times_ms=times.astype(np.int64)
    )
    return build_profile(KEY, table, INDEPENDENT, MONDAY_MS, "training", in_time=TimeOptions(pane_ms=PANE_MS))


def season(times_ms: NDArray[np.int64]) -> Floats:
    swing: Floats = np.sin(2 * np.pi * (times_ms % DAY_MS) / DAY_MS)
    return swing


def panes(of: Profile, numbers: Iterable[int], draw: Callable[[np.random.Generator, int], Values]) -> list[ClosedPane]:
    made = []
    for number in numbers:
        rng, start_ms = np.random.default_rng([7, number]), MONDAY_MS + number * PANE_MS
        values = draw(rng, number)
        n = len(values["still"])
        columns = EncodedColumns.of([encode_values(column, values[column.name]) for column in of.columns], n)
        (sketch,) = count_each(of.layout, columns, np.zeros(n, dtype=np.int64), 1)
        made.append(ClosedPane(start_ms, start_ms + PANE_MS, sketch, {}, frozenset()))
    return made


def mixture(of: Profile, settings: ModelSettings = INDEPENDENT, alarms: float = ALARMS) -> ColumnMixture:
    return ColumnMixture(ReferenceView(of, settings, PANE_MS), PANE_MS, alarms)


def found_of(watched: ColumnMixture, series: Iterable[ClosedPane]) -> list[tuple[int, FoundChange]]:
    return [((pane.start_ms - MONDAY_MS) // PANE_MS, change) for pane in series for change in watched.add(pane)]


def usual(rng: np.random.Generator, _number: int) -> Values:
    return values_of(rng, PER_PANE)


@cache
def usual_panes() -> tuple[ClosedPane, ...]:
    return tuple(panes(profile(), range(600), usual))


def changed(**change: float) -> Callable[[np.random.Generator, int], Values]:
    return lambda rng, _: values_of(rng, PER_PANE, **change)


def new_category(rng: np.random.Generator, number: int) -> Values:
    values = usual(rng, number)
    return {**values, "place": ["new" if rng.random() < 0.1 else each for each in values["place"]]}


def wider(rng: np.random.Generator, number: int) -> Values:
    values = usual(rng, number)
    return {**values, "x": np.asarray(values["x"], dtype=np.float64) * 1.6}


def other_mix(rng: np.random.Generator, number: int) -> Values:
    return {**usual(rng, number), "place": rng.choice(["a", "b", "c"], PER_PANE, p=[0.2, 0.6, 0.2]).tolist()}


def frozen(rng: np.random.Generator, number: int) -> Values:
    return {**usual(rng, number), "x": np.full(PER_PANE, 0.25)}


def always_b(rng: np.random.Generator, number: int) -> Values:
    return {**usual(rng, number), "place": ["b"] * PER_PANE}


def rarer(rng: np.random.Generator, number: int) -> Values:
    """What the most frequent category loses is shared by others."""
    return {**usual(rng, number), "place": rng.choice(["a", "b", "c"], PER_PANE, p=[0.35, 0.375, 0.275]).tolist()}


@pytest.mark.parametrize(
    ("draw", "column", "check", "name", "size", "within"),
    [
        (changed(mean=0.5), "x", "detector.shift", "mean_shift", 0.5, 45),
        (changed(mean=-0.5), "x", "detector.shift", "mean_shift", -0.5, 45),
        (wider, "x", "detector.spread", "spread_change", 0.6, 60),
        (changed(missing=0.12), "x", "detector.missing", "share_change", 0.1, 60),
        (new_category, "place", "detector.unseen", "share_change", 0.1, 20),
        (other_mix, "place", "detector.mix", "share_shift", -0.6, 30),
        (rarer, "place", "detector.mix", "share_shift", -0.3, 120),
        (frozen, "x", "detector.frozen", "share_change", 0.95, 0),
        (always_b, "place", "detector.frozen", "share_change", 0.7, 3),
    ],
)
def test_a_change_is_found_named_measured_and_dated(
    draw: Callable[[np.random.Generator, int], Values], column: str, check: str, name: str, size: float, within: int
) -> None:
    watched = mixture(profile())
    assert not found_of(watched, usual_panes())
    number, first = found_of(watched, panes(profile(), range(600, 800), draw))[0]
    assert (profile().columns[first.column].name, first.check, first.size.name) == (column, check, name)
    assert number - 600 <= within
    assert first.size.signed == pytest.approx(size, rel=0.5)
    assert abs(first.since_ms - MONDAY_MS - 600 * PANE_MS) <= 25 * PANE_MS
    assert first.statistic >= first.threshold


def test_a_column_tells_of_a_change_once_in_a_while() -> None:
    watched = mixture(profile())
    found = found_of(watched, panes(profile(), range(200), changed(mean=1.0)))
    numbers = [number for number, change in found if change.check == "detector.shift"]
    assert 2 <= len(numbers) <= 5
    assert min(np.diff(numbers)) >= 55, "at most once in the shortest window"


def test_a_frozen_column_is_named_with_its_value_and_as_large_as_it_is() -> None:
    found = found_of(mixture(profile()), panes(profile(), range(100, 104), frozen))
    (number, first), *others = found
    assert (number, first.label, first.aspect, first.n, first.size.after) == (100, "0.25", "constant", PER_PANE, 1.0)
    assert first.size.before == pytest.approx(0.05, abs=0.01)
    assert first.since_ms == MONDAY_MS + 100 * PANE_MS
    assert first.matters
    assert not others, "told once, and that values moved says nothing new"


def test_a_column_freezes_also_where_a_pane_has_one_event_or_none() -> None:
    def one(rng: np.random.Generator, number: int) -> Values:
        values = values_of(rng, 0 if number % 3 else 1)
        return {**values, "x": np.full(len(values["still"]), 0.25)} if number >= 90 else values

    found = found_of(mixture(profile()), panes(profile(), range(90, 150), one))
    (number, first), *_ = [each for each in found if each[1].check == "detector.frozen"]
    assert (first.label, first.n, number) == ("0.25", 8, 111)
    assert first.since_ms == MONDAY_MS + 90 * PANE_MS


def test_values_that_differ_within_a_group_are_not_frozen() -> None:
    def near(rng: np.random.Generator, number: int) -> Values:
        return {**usual(rng, number), "x": 0.25 + rng.random(PER_PANE) * 1e-4}

    found = found_of(mixture(profile()), panes(profile(), range(100), near))
    assert found
    assert "detector.frozen" not in {change.check for _, change in found}


def test_a_pane_with_other_values_begins_the_evidence_of_a_frozen_column_anew() -> None:
    def every_other(rng: np.random.Generator, number: int) -> Values:
        return always_b(rng, number) if number % 2 else usual(rng, number)

    assert "detector.frozen" not in {
        change.check for _, change in found_of(mixture(profile()), panes(profile(), range(60), every_other))
    }


def test_a_column_that_hardly_ever_varied_may_have_one_value() -> None:
    rng = np.random.default_rng(3)

    def drawn(n: int, share: float) -> Values:
        return {"flag": np.where(rng.random(n) < share, 1.0, 0.0), "still": rng.normal(size=n)}

    for share, frozen_at_all in ((0.004, False), (0.2, True)):
        table = ReferenceTable(n=20_000, features=dict(drawn(20_000, share)))
        made = build_profile(KEY, table, INDEPENDENT, 0, "training")
        found = found_of(mixture(made), panes(made, range(60), lambda _rng, _number: drawn(PER_PANE, 0.0)))
        assert ("detector.frozen" in {change.check for _, change in found}) == frozen_at_all


def test_a_far_greater_change_is_told_at_once() -> None:
    watched = mixture(profile())
    series = [*panes(profile(), range(90), changed(mean=0.4)), *panes(profile(), range(90, 110), changed(mean=4.0))]
    (first, small), *others = found_of(watched, series)
    assert abs(small.size.signed) < 1
    assert others[-1][0] >= 90
    large = [(number, change) for number, change in others if change.size.signed > 2]
    assert large
    assert large[0][0] - first < 95


def test_a_shift_that_does_not_matter_is_measured_all_the_same() -> None:
    checks = structs.replace(INDEPENDENT.checks, min_mean_shift=2.0)
    watched = mixture(profile(), INDEPENDENT.replace(checks=checks))
    _, first = found_of(watched, panes(profile(), range(300), changed(mean=0.5)))[0]
    assert first.size.gate == 2.0
    assert first.size.multiple < 1


def seasonal(shift: float = 0.0, missing: float = 0.02) -> Callable[[np.random.Generator, int], Values]:
    def draw(rng: np.random.Generator, number: int) -> Values:
        mean = season(np.array([MONDAY_MS + number * PANE_MS + PANE_MS // 2]))[0]
        return values_of(rng, 3, float(mean) + shift, missing)

    return draw


def test_the_hours_of_the_reference_are_taken_out() -> None:
    estimated = INDEPENDENT.replace(checks=CheckSettings())
    watched = mixture(seasonal_profile(), estimated, alarms=1.0)
    day = 1440
    assert not found_of(watched, panes(seasonal_profile(), range(day), seasonal()))
    changed = panes(seasonal_profile(), range(day, day + 121), seasonal(0.7))
    number, first = found_of(watched, changed)[0]
    assert seasonal_profile().columns[first.column].name == "x", "within two hours, at 180 events an hour"
    whole = estimated.replace(reference=structs.replace(estimated.reference, season="none"))
    blind = mixture(seasonal_profile(), whole, alarms=1.0)
    assert not found_of(blind, changed[: number - day + 1]), "the season itself then counts as variation"


def test_what_is_never_missing_in_any_hour_is_missed_at_once() -> None:
    """That an hour's few hundred events all had a value says less than that all events had one."""
    of = seasonal_profile(0.0)
    watched = mixture(of, INDEPENDENT.replace(checks=CheckSettings()), alarms=1.0)
    assert not found_of(watched, panes(of, range(1440), seasonal(missing=0.0)))
    number, first = found_of(watched, panes(of, range(1440, 1600), seasonal(missing=0.05)))[0]
    assert first.check == "detector.missing"
    assert number - 1440 <= 20, "of sixty events three have none"


def test_nothing_is_found_while_it_is_not_known_how_columns_vary() -> None:
    watched = mixture(profile(), INDEPENDENT.replace(checks=CheckSettings()))
    assert not found_of(watched, panes(profile(), range(300), changed(mean=3.0)))
    assert np.isinf(BetReference(ReferenceView(profile(), ModelSettings(), PANE_MS), 0.01).ratios).all()


@pytest.mark.parametrize("at", [1, 250, 615])
@pytest.mark.parametrize("draw", [changed(mean=0.6), always_b])
def test_it_goes_on_where_it_was_stored(draw: Callable[[np.random.Generator, int], Values], at: int) -> None:
    series = [*usual_panes(), *panes(profile(), range(600, 720), draw)]
    whole, first, second = (mixture(profile()) for _ in range(3))
    expected = found_of(whole, series)
    found = found_of(first, series[:at])
    restore(second, changes(first))
    assert found + found_of(second, series[at:]) == expected
    assert expected


def test_state_of_other_bets_is_refused_and_begins_anew() -> None:
    first = mixture(profile())
    found_of(first, panes(profile(), range(20), usual))
    checks = structs.replace(INDEPENDENT.checks, bins=10)
    second = mixture(profile(), INDEPENDENT.replace(checks=checks))
    restore(second, {key: piece for key, piece in changes(first).items() if "mixture-" in key})
    assert found_of(second, panes(profile(), range(200), changed(mean=0.8)))


def test_it_takes_at_most_two_hundred_bytes_a_column() -> None:
    n = 30
    rng = np.random.default_rng(3)
    features: Values = {f"x{i:02}": rng.normal(0, 1, 3_000) for i in range(n)}
    features |= {f"c{i:02}": rng.choice([*"abcdefgh"], 3_000).tolist() for i in range(n)}
    made = build_profile(KEY, ReferenceTable(n=3_000, features=dict(features)), INDEPENDENT, 0, "training")
    watched = mixture(made)
    (sketch,) = count_each(
        made.layout,
        EncodedColumns.of([encode_values(column, features[column.name]) for column in made.columns], 3_000),
        np.zeros(3_000, dtype=np.int64),
        1,
    )
    watched.add(ClosedPane(MONDAY_MS, MONDAY_MS + PANE_MS, sketch, {}, frozenset()))
    pieces = {key: piece for key, piece in changes(watched).items() if piece is not None}
    blocks = [len(piece) for key, piece in pieces.items() if "mixture-" in str(key) or "constant" in str(key)]
    assert len(blocks) == -(-len(made.columns) // BLOCK_COLUMNS) + 1
    assert sum(blocks) <= 200 * len(made.columns)
    assert {isinstance(column, NumericColumn) for column in made.columns} == {True, False}
