from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.checks.contract.closed_window import ClosedWindow
from driftline.checks.references.bet_reference import BetReference
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.durations import Duration
from driftline.config.model import ModelSettings, WindowSettings
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.pane_sketch import PaneSketch
from tests.support.shelves import narrow_shelf
from tests.support.windows import KEY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile

HOUR_MS, DAY_MS, PANE_MS = 3_600_000, 86_400_000, 600_000
RATE, N_DAYS = 60, 28
SETTINGS = ModelSettings(windows=WindowSettings(verdict=(Duration(HOUR_MS), Duration(DAY_MS))))


def times() -> NDArray[np.int64]:
    n = N_DAYS * 24 * RATE
    return np.arange(n, dtype=np.int64) * (N_DAYS * DAY_MS // n)


@cache
def profile(kind: str) -> Profile:
    """Return a reference of four weeks: values are independent, missing ones come as ``kind`` says."""
    rng, at = np.random.default_rng(11), times()
    x = rng.normal(0, 1, at.size)
    match kind:
        case "independent":
            missing = rng.random(at.size) < 0.05
        case "clumps":  # half an hour each, in which half of the events have no value
            starts = rng.choice(N_DAYS * 48, N_DAYS * 48 // 10, replace=False)
            missing = np.isin(at // (HOUR_MS // 2), starts) & (rng.random(at.size) < 0.5)
        case "days":  # their share wanders from day to day
            shares = np.clip(0.05 + 0.03 * rng.standard_normal(N_DAYS), 0.001, 0.2)
            missing = rng.random(at.size) < shares[at // DAY_MS]
        case _:
            missing = np.zeros(at.size, dtype=bool)
    if kind == "season":
        x = x + np.sin(at / DAY_MS * 2 * np.pi)
    if kind == "wandering":  # the values do so
        x = x + 0.3 * rng.standard_normal(N_DAYS)[at // DAY_MS]
    x[missing] = np.nan
    table = ReferenceTable(n=at.size, features={"x": x}, times_ms=at)
    return build_profile(KEY, table, SETTINGS, int(at[-1]), "training", in_time=TimeOptions(pane_ms=PANE_MS))


def reference(kind: str) -> tuple[BetReference, dict[str, int]]:
    made = BetReference(ReferenceView(profile(kind), SETTINGS, PANE_MS), alarms=0.01)
    directions = made.column(0).directions
    return made, {direction.aspect: place for place, direction in enumerate(directions)}


@pytest.mark.parametrize(
    ("kind", "of_missing"),
    [("independent", (1.0, 1.0)), ("none", (1.0, 1.0)), ("clumps", (5.0, 40.0)), ("days", (1.0, 8.0))],
)
def test_missing_values_vary_as_they_do_by_themselves(kind: str, of_missing: tuple[float, float]) -> None:
    made, places = reference(kind)
    least, most = of_missing
    assert least <= made.ratios[0, places["missing"]] <= most
    assert made.ratios[0, places["mean"]] == 1, "values are independent, whatever is missing"


@pytest.mark.parametrize(("kind", "aspect"), [("days", "missing"), ("wandering", "mean")])
def test_what_days_vary_by_counts_as_no_change(kind: str, aspect: str) -> None:
    """A share or a mean that wanders as far as it did in the reference gains nothing, however long it stays there."""
    made, places = reference(kind)
    expected = made.expected(0, PANE_MS).fair
    usual, steady_places = reference("independent")
    steady = usual.expected(0, PANE_MS).fair
    place, tilts = places[aspect], slice(0, 3)
    farther = 0.05 + 2 * 0.03 if aspect == "missing" else 2 * 0.3
    gains = made.bets.thetas[0, place] * farther - expected.log_means[0, place]
    assert (gains[tilts] <= 0).all(), "two standard deviations of a day"
    steady_gains = usual.bets.thetas[0, steady_places[aspect]] * farther
    assert (steady_gains - steady.log_means[0, steady_places[aspect]] > 0).any(), "where days do not vary, it is one"


@pytest.mark.parametrize("kind", ["clumps", "days"])
def test_windows_take_up_the_clumps_of_missing_values(kind: str) -> None:
    view = ReferenceView(profile(kind), SETTINGS, PANE_MS)
    lookup = view.column(0, day_of(view)).of_shares(RATE * 24, RATE * 24)
    assert lookup("x", "missing").factor > 3
    assert lookup("x", "out_of_range").factor == 1


def test_a_column_that_vanished_is_held_against_all_events() -> None:
    view = ReferenceView(profile("days"), SETTINGS, PANE_MS)
    held = view.column(0, day_of(view))
    usual, vanished = (held.of_shares(n, RATE * 24)("x", "missing") for n in (RATE * 24, 0))
    assert vanished == usual
    assert usual.factor > held.of_shares(0, 0)("x", "missing").factor, "days vary beyond what happens within them"


def test_clumps_of_missing_values_are_no_season() -> None:
    """Twelve hours without half of the values lie in some hours of the week, and not in others, by chance."""
    made, places = reference("clumps")
    expected = [made.expected(hour * HOUR_MS, hour * HOUR_MS + PANE_MS).fair.means for hour in range(0, 168, 5)]
    assert len({float(means[0, places["missing"]]) for means in expected}) == 1


@pytest.mark.parametrize("kind", ["independent", "season", "days"])
def test_what_is_on_a_shelf_is_what_was_worked_out(kind: str) -> None:
    shelf = narrow_shelf()
    view, put_away = (
        ReferenceView(profile(kind), SETTINGS, PANE_MS),
        ReferenceView(profile(kind), SETTINGS, PANE_MS, shelf),
    )
    made, of_shelf = BetReference(view, alarms=0.01), BetReference(put_away, alarms=0.01)
    for hour in (3, 30, 100):
        span = hour * HOUR_MS, hour * HOUR_MS + PANE_MS
        shelf.keep("something else")
        expected, seen = made.expected(*span), of_shelf.expected(*span)
        for one, other in zip((*expected.fair, *expected[1:]), (*seen.fair, *seen[1:]), strict=True):
            assert one.tobytes() == other.tobytes()
        held = view.column(0, day_of(view))
        shelf.keep("something else")
        again = put_away.column(0, day_of(put_away))
        assert (held.grouping, held.seasonal, held.calibrating) == (again.grouping, again.seasonal, again.calibrating)
        assert held.dispersion is not None
        assert again.dispersion is not None
        groups = tuple(range(held.grouping.n_groups))
        assert held.dispersion.eigenvalues(groups).tobytes() == again.dispersion.eigenvalues(groups).tobytes()
        assert held.dispersion.design_effects(50).tobytes() == again.dispersion.design_effects(50).tobytes()
    of_shelf.learn()
    assert made.ratios.tobytes() == of_shelf.ratios.tobytes()


def day_of(view: ReferenceView) -> ClosedWindow:
    return ClosedWindow(
        key=KEY,
        segment="all",
        kind="tumbling",
        start_ms=0,
        end_ms=DAY_MS,
        size_ms=DAY_MS,
        sketch=PaneSketch(view.profile.layout),
        offsets={},
    )


def test_a_reference_with_many_names_expects_new_ones() -> None:
    """As many events are expected to be of new categories as the reference has categories with a single event."""
    rng = np.random.default_rng(5)
    names = np.where(rng.random(5_000) < 0.01, [f"campaign-{i}" for i in rng.integers(0, 5_000, 5_000)], "web")
    names[:2_000:2] = "app"
    table = ReferenceTable(n=5_000, features={"c": names.tolist()})
    made = build_profile(KEY, table, SETTINGS, 0, "training")
    single = sum((names == name).sum() == 1 for name in set(names.tolist()))
    reference = BetReference(ReferenceView(made, SETTINGS, PANE_MS), alarms=0.01)
    place = next(i for i, each in enumerate(reference.column(0).directions) if each.aspect == "unlisted")
    assert single > 20
    assert reference.usual_means[0, place] == pytest.approx(single / 5_000, rel=0.05)
