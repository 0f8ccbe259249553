"""Dispersion learnt from production: when it is known, what it is used for, and that a restart changes nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec import structs

from driftline.checks.contract.check import Subject
from driftline.checks.quality.outcome import Quality
from driftline.checks.quality.whole import appeared
from driftline.checks.references.bet_reference import BetReference
from driftline.checks.references.reference_view import ReferenceView
from driftline.checks.references.share_dispersion import DispersionLookup, independent
from driftline.config.durations import Duration
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings, WindowSettings
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.burn_in import BurnIn
from driftline.monitoring.predictions.profile_monitor import ProfileMonitor
from driftline.profiles.building.build import TimeOptions
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.layout import UNEXPECTED
from tests.support.state import changes, checkpoint, restore
from tests.support.windows import profile_of, table_of, window_of

if TYPE_CHECKING:
    from driftline.significance.dispersion import Dispersion

PANE_MS = 60_000
SIZE_MS = 20 * PANE_MS
SETTINGS = ModelSettings(
    windows=WindowSettings(verdict=(Duration(SIZE_MS),), display=Duration(SIZE_MS), hop=Duration(SIZE_MS)),
    checks=CheckSettings(dispersion=DispersionSettings(panes=100, span=Duration(SIZE_MS))),
)
PROFILE = profile_of(table_of(5_000))


@cache
def pane(number: int) -> ClosedPane:
    """Return the pane of a number, which all tests share."""
    made = new_pane(number)
    made.sketch.counts.setflags(write=False)
    return made


def new_pane(number: int) -> ClosedPane:
    """Return a pane whose values move together: what independent events would not do."""
    shift = 0.8 * float(np.random.default_rng([number]).normal())
    sketch = window_of(PROFILE, table_of(50, number, mean=shift)).sketch
    start_ms = number * PANE_MS
    return ClosedPane(start_ms, start_ms + PANE_MS, sketch, {}, frozenset())


def test_windows_are_calibrating_until_enough_panes_span_and_windows_were_seen() -> None:
    standard = ReferenceView(PROFILE, SETTINGS, PANE_MS)
    burn_in = BurnIn(standard)
    window = window_of(PROFILE, table_of(600, 1))
    known = []
    for number in range(200):
        burn_in.add(pane(number))
        if (number + 1) % 20 == 0:
            burn_in.settle((number + 1) * PANE_MS)
            known.append(burn_in.dispersions(SIZE_MS, (number + 1) * PANE_MS) is not None)
    # 100 panes are there after 5 windows; the 8 windows after 8.
    assert known == [False] * 7 + [True] * 3
    assert burn_in.dispersions(SIZE_MS, 160 * PANE_MS) is not None
    assert burn_in.dispersions(SIZE_MS, 159 * PANE_MS) is None
    held = standard.column(0, window)
    assert held.dispersion is not None
    assert held.calibrating is False
    assert held.dispersion.source == "production"
    assert held.dispersion.n_panes == 160
    by_name = {column.name: standard.column(i, window).dispersion for i, column in enumerate(PROFILE.columns)}
    assert by_name["x"].lambda_bar > 1.5  # type: ignore[union-attr]  # all columns have one, or this fails
    assert by_name["channel"].lambda_bar == pytest.approx(1.0)  # type: ignore[union-attr]  # as above


def test_panes_after_it_is_known_do_not_change_it() -> None:
    short, long = BurnIn(ReferenceView(PROFILE, SETTINGS, PANE_MS)), BurnIn(ReferenceView(PROFILE, SETTINGS, PANE_MS))
    for number in range(160):
        for burn_in in (short, long):
            burn_in.add(pane(number))
    for burn_in in (short, long):
        burn_in.settle(160 * PANE_MS)
    for number in range(160, 200):
        long.add(pane(number))
    at_ms = 300 * PANE_MS
    one, other = short.dispersions(SIZE_MS, at_ms), long.dispersions(SIZE_MS, at_ms)
    assert one is not None
    assert other is not None
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left.covariance, right.covariance)


@pytest.mark.parametrize("stop", [3, 40, 155, 165])
def test_a_restart_at_any_pane_changes_nothing(stop: int) -> None:
    settings = SETTINGS.replace(checks=CheckSettings(detectors=(), dispersion=SETTINGS.checks.dispersion))

    def run(watch: ProfileMonitor, numbers: range) -> list[tuple[int, bool, float]]:
        seen = []
        for number in numbers:
            due = watch.due_ms()
            while due is not None and due <= number * PANE_MS:
                for window in watch.close(due):
                    held = watch.view.column(0, window)
                    seen.append((window.end_ms, held.calibrating, held.dispersion.lambda_bar if held.dispersion else 0))
                due = watch.due_ms()
            watch.add(pane(number))
        return seen

    undisturbed = ProfileMonitor(PROFILE, settings, PANE_MS)
    expected = run(undisturbed, range(205))
    first = ProfileMonitor(PROFILE, settings, PANE_MS)
    pieces: dict[str, bytes] = {}
    before = []
    for number in range(stop):
        before += run(first, range(number, number + 1))
        if number % 7 == 0 or number == stop - 1:
            checkpoint(first, pieces)
    second = ProfileMonitor(PROFILE, settings, PANE_MS)
    restore(second, pieces)
    assert before + run(second, range(stop, 205)) == expected
    assert any(not calibrating for _, calibrating, _ in expected)


def test_the_windows_that_a_change_of_profile_ends_are_still_held_against_what_is_known() -> None:
    settings = SETTINGS.replace(checks=CheckSettings(detectors=(), dispersion=SETTINGS.checks.dispersion))
    watch = ProfileMonitor(PROFILE, settings, PANE_MS)
    for number in range(198):
        due = watch.due_ms()
        while due is not None and due <= number * PANE_MS:
            watch.close(due)
            due = watch.due_ms()
        watch.add(pane(number))
    last = next(window for window in watch.finish(198 * PANE_MS) if window.kind == "tumbling")
    assert last.start_ms == 180 * PANE_MS
    assert watch.view.column(0, last).calibrating is False


def test_another_number_of_groups_begins_anew() -> None:
    first = BurnIn(ReferenceView(PROFILE, SETTINGS, PANE_MS))
    for number in range(160):
        first.add(pane(number))
    first.settle(160 * PANE_MS)
    pieces = changes(first)
    fewer = SETTINGS.replace(checks=CheckSettings(bins=5, dispersion=SETTINGS.checks.dispersion))
    other = BurnIn(ReferenceView(PROFILE, fewer, PANE_MS))
    restore(other, pieces)
    other.add(pane(160))
    assert other.dispersions(SIZE_MS, 300 * PANE_MS) is None
    same = BurnIn(ReferenceView(PROFILE, SETTINGS, PANE_MS))
    restore(same, pieces)
    assert same.dispersions(SIZE_MS, 300 * PANE_MS) is not None


def test_a_column_with_values_in_too_few_panes_goes_on_calibrating_alone() -> None:
    standard = ReferenceView(PROFILE, SETTINGS, PANE_MS)
    burn_in = BurnIn(standard)
    names = [column.name for column in PROFILE.columns]
    x, score = names.index("x"), names.index("score")
    for number in range(160):
        one = new_pane(number)
        if number >= 40:
            one.sketch.counts[PROFILE.layout.places[x].bins] = 0
        one.sketch.counts[PROFILE.layout.places[score].bins] = 0
        burn_in.add(one)
    burn_in.settle(160 * PANE_MS)
    window = structs.replace(window_of(PROFILE, table_of(600, 1)), start_ms=160 * PANE_MS)
    held = {name: standard.column(index, window) for index, name in enumerate(names)}
    assert {name: (each.calibrating, each.shares_calibrating) for name, each in held.items()} == {
        "x": (True, True),
        "score": (True, False),
        "channel": (False, False),
        "prediction": (False, False),
    }
    ratios = BetReference(standard, 0.01).ratios
    of_values = {name: bool(np.isfinite(ratios[index, 0])) for index, name in enumerate(names)}
    assert of_values == {"x": False, "score": False, "channel": True, "prediction": True}
    assert math.isfinite(standard.of_whole(window)("", "appeared").factor)


def test_a_sparse_column_is_known_later_and_changes_no_other() -> None:
    """The column has values in one pane of three: with the others it is not known, and later it is."""
    names = [column.name for column in PROFILE.columns]
    x, channel = names.index("x"), names.index("channel")
    burn_in, undisturbed = BurnIn(fresh_view()), BurnIn(fresh_view())

    def known_at(number: int, of: BurnIn) -> list[Dispersion]:
        dispersions = of.dispersions(SIZE_MS, number * PANE_MS)
        assert dispersions is not None
        return [*dispersions]

    before: list[Dispersion] = []
    for number in range(340):
        one = new_pane(number)
        if number % 3:
            one.sketch.counts[PROFILE.layout.places[x].bins] = 0
        for each in (burn_in, undisturbed):
            each.add(one)
            if (number + 1) % 20 == 0:
                each.settle((number + 1) * PANE_MS)
        if number + 1 in {170, 230}:  # in the middle of a window
            restored = BurnIn(fresh_view())
            restore(restored, everything(burn_in))
            burn_in = restored
        if number + 1 >= 160:
            shown = [
                [(each.status, each.n_panes, each.lambda_bar) for each in known_at(number + 1, of)]
                for of in (burn_in, undisturbed)
            ]
            assert shown[0] == shown[1]
        if number + 1 == 160:
            before = known_at(160, burn_in)
            assert burn_in.unknown == ((SIZE_MS, 1),)
    after = known_at(340, burn_in)
    assert (before[x].status, after[x].status) == ("calibrating", "widened")
    assert after[x].n_panes == 100, "each third pane, up to the end of the window with the hundredth"
    assert before[channel].status != "calibrating"
    assert (after[channel].covariance == before[channel].covariance).all()
    assert (after[channel].excess == before[channel].excess).all()
    assert (burn_in.unknown, burn_in.calibrating) == ((), ())
    assert BetReference(burn_in_view(burn_in), 0.01).ratios[x, 0] < math.inf


def fresh_view() -> ReferenceView:
    return ReferenceView(PROFILE, SETTINGS, PANE_MS)


def everything(burn_in: BurnIn) -> dict[str, bytes]:
    """Return the whole state, whatever was kept of it before."""
    for table in burn_in.tables:
        table.changed()
    return {key: value for key, value in changes(burn_in).items() if value is not None}


def burn_in_view(burn_in: BurnIn) -> ReferenceView:
    """Return a view that knows what a burn-in has learnt."""
    view = ReferenceView(PROFILE, SETTINGS, PANE_MS)
    view.observed = burn_in
    return view


def test_a_feature_that_the_reference_hardly_had_may_not_page_before_its_clumps_are_known() -> None:
    standard = ReferenceView(PROFILE, SETTINGS, PANE_MS)
    burn_in = BurnIn(standard)
    window = structs.replace(window_of(PROFILE, table_of(600, 1)), start_ms=160 * PANE_MS)
    window.sketch.counts[UNEXPECTED] = 100
    known = replace(PROFILE, reference=window_of(PROFILE, table_of(5_000)).sketch)

    def p_value_of(lookup: DispersionLookup) -> float | None:
        outcome = appeared(Quality(Subject(), SETTINGS.checks, lookup=lookup), known, window)
        return None if outcome is None else outcome.p_value

    never = p_value_of(standard.of_whole(window))
    assert never is not None
    assert never < 1e-9
    known.reference.counts[UNEXPECTED] = 5
    assert p_value_of(standard.of_whole(window)) is None
    for number in range(160):
        burn_in.add(pane(number))
    burn_in.settle(160 * PANE_MS)
    settled = ReferenceView(PROFILE, SETTINGS, PANE_MS)
    settled.observed = burn_in
    now, plain = p_value_of(settled.of_whole(window)), p_value_of(independent)
    assert now is not None
    assert plain is not None
    assert plain < now < 1.0


def test_production_tells_what_a_reference_shows_too_little_of() -> None:
    n_hours = 24 * 20
    rng = np.random.default_rng(5)
    times = np.repeat(np.arange(n_hours), 50) * 60 * PANE_MS
    x, rare = rng.normal(size=times.size), rng.normal(size=times.size)
    rare[times > 50 * 60 * PANE_MS] = np.nan
    table = ReferenceTable(
        n=times.size, features={"x": x, "rare": rare}, prediction=(x > 0).astype(int).tolist(), times_ms=times
    )
    hour = Duration(60 * PANE_MS)
    settings = ModelSettings(windows=WindowSettings(verdict=(hour,), display=hour, hop=hour))
    profile = profile_of(table, settings, in_time=TimeOptions(60 * PANE_MS))
    standard = ReferenceView(profile, settings, 60 * PANE_MS)
    names = [column.name for column in profile.columns]
    window = structs.replace(window_of(profile, table), start_ms=int(1e12), size_ms=int(hour))
    sources = {name: standard.column(i, window).dispersion for i, name in enumerate(names)}
    assert {name for name, known in sources.items() if known and known.status == "calibrating"} == {"rare"}
    assert standard.unknown_sizes() == (int(hour),)
    assert not standard.column(names.index("x"), window).calibrating
    assert standard.column(names.index("rare"), window).calibrating
    production = [replace(each, source="production", status="settled") for each in sources.values() if each]

    class Learnt:
        unknown = ()

        def dispersions(self, size_ms: int, start_ms: int) -> list[Dispersion] | None:
            return production if (size_ms, start_ms) == (int(hour), int(1e12)) else None

        def of_missing(self, _size_ms: int, _start_ms: int) -> None:
            return None

    after = ReferenceView(profile, settings, 60 * PANE_MS)
    after.observed = Learnt()
    held = {name: after.column(i, window) for i, name in enumerate(names)}
    found = {name: each.dispersion.source for name, each in held.items() if each.dispersion and not each.calibrating}
    assert found == {"x": "reference", "rare": "production", "prediction": "reference"}


@pytest.mark.parametrize("first", [0, 1, 7, 19])
def test_slow_variation_is_known_when_the_burn_in_ends_wherever_in_a_window_the_stream_began(first: int) -> None:
    def slow(number: int) -> ClosedPane:
        """Return a pane whose values move with their window: its panes alone do not show how far windows differ."""
        sketch = window_of(PROFILE, table_of(50, number, mean=2.0 * (-1.0) ** (number // 20))).sketch
        return ClosedPane(number * PANE_MS, (number + 1) * PANE_MS, sketch, {}, frozenset())

    burn_in = BurnIn(ReferenceView(PROFILE, SETTINGS, PANE_MS))
    for number in range(first, 400):
        if number % 20 == 0:
            burn_in.settle(number * PANE_MS)
            if (known := burn_in.dispersions(SIZE_MS, number * PANE_MS)) is not None:
                break
        burn_in.add(slow(number))
    assert known is not None
    assert known[0].n_windows >= 8
    assert known[0].slow


def test_windows_without_events_do_not_count_among_those_that_slow_variation_needs() -> None:
    burn_in = BurnIn(ReferenceView(PROFILE, SETTINGS, PANE_MS))
    ends = []
    for number in [*range(120), *range(400, 480)]:
        if number % 20 == 0:
            burn_in.settle(number * PANE_MS)
            if burn_in.dispersions(SIZE_MS, number * PANE_MS) is not None:
                ends.append(number)
        burn_in.add(pane(number))
    assert ends[0] == 440  # six windows before the gap, and two behind it


LONG_MS = 100 * PANE_MS
TWO_SIZES = SETTINGS.replace(
    windows=WindowSettings(
        verdict=(Duration(SIZE_MS), Duration(LONG_MS)), display=Duration(SIZE_MS), hop=Duration(SIZE_MS)
    )
)


def test_dependent_events_go_on_calibrating_until_longer_windows_show_how_far_they_depend_on_each_other() -> None:
    standard = ReferenceView(PROFILE, TWO_SIZES, PANE_MS)
    burn_in = BurnIn(standard)
    names = [column.name for column in PROFILE.columns]
    seen: dict[int, dict[str, str]] = {}
    for number in range(820):
        burn_in.add(pane(number))
        if (number + 1) % 20 == 0:
            burn_in.settle((number + 1) * PANE_MS)
            known = burn_in.dispersions(SIZE_MS, (number + 1) * PANE_MS)
            if known is not None:
                seen[number + 1] = {name: each.status for name, each in zip(names, known, strict=True)}
    assert min(seen) == 160
    before, after = ([held for at, held in seen.items() if (at >= 800) == known] for known in (False, True))
    assert {held["x"] for held in before} == {"calibrating"}
    assert "calibrating" not in {held["channel"] for held in before}, "independent events need no longer windows"
    assert "calibrating" not in {held["x"] for held in after}
    view = ReferenceView(PROFILE, TWO_SIZES, PANE_MS)
    view.observed = burn_in
    assert np.isfinite(BetReference(view, 0.01).ratios[:, 0]).all()


def wandering_pane(number: int) -> ClosedPane:
    """Return a pane of a stream whose mean is another one in each long window, and the same within it."""
    level = 0.5 * float(np.random.default_rng([9, number * PANE_MS // LONG_MS]).normal())
    sketch = window_of(PROFILE, table_of(50, number, mean=level)).sketch
    return ClosedPane(number * PANE_MS, (number + 1) * PANE_MS, sketch, {}, frozenset())


def test_short_windows_vary_no_less_than_long_ones_and_are_known_from_no_more_of_them() -> None:
    view = ReferenceView(PROFILE, TWO_SIZES, PANE_MS)
    burn_in = BurnIn(view)
    for number in range(800):
        burn_in.add(wandering_pane(number))
    burn_in.settle(800 * PANE_MS)
    x = [column.name for column in PROFILE.columns].index("x")
    (_, short), (_, long) = view.dispersions_known(seasonless=False)
    alone = burn_in.dispersions(SIZE_MS, 800 * PANE_MS)
    assert alone is not None
    assert long[x].slow
    assert np.trace(short[x].excess) == max(np.trace(alone[x].excess), np.trace(long[x].excess))
    assert short[x].freedom <= long[x].freedom <= 8
