"""The fleet's set against Benjamini and Hochberg's procedure of SciPy, and its bound in simulated fleets."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from scipy.stats import false_discovery_control

from driftline.alerts.evidence import calibrated, e_value_of
from driftline.alerts.fleet import AlertStanding, Fleet
from driftline.alerts.fleet_month import FleetMonth
from driftline.config.settings import FleetSettings, Settings
from driftline.detectors.mixture.bets import Bets, Fair, Pane
from driftline.detectors.mixture.directions import MOST_DIRECTIONS, numeric_directions
from driftline.detectors.mixture.e_detectors import MixtureState
from driftline.events.finding import Statistic
from tests.support.alert_runs import finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

E_VALUES: Final = st.dictionaries(
    st.integers(0, 30).map("a{}".format), st.floats(0, 300) | st.sampled_from([0.0, 10.0, 20.0, 100.0]), max_size=12
)
EXPECTED: Final = st.floats(0.1, 40) | st.sampled_from([1.0, 2.0, 10.0])
SHARES: Final = st.sampled_from([0.05, 0.1, 0.3])


def selected(e_values: Mapping[str, float], expected: float, share: float) -> frozenset[str]:
    """Return the set, whatever the order in which e-values become known."""
    of_month = FleetMonth("2026-03")
    for alert_id, e_value in e_values.items():
        of_month.put(alert_id, alert_id, e_value / 2)
    for alert_id, e_value in reversed([*e_values.items()]):
        of_month.put(alert_id, alert_id, e_value)
    least = of_month.least(expected / share)
    return frozenset(alert_id for alert_id, e_value in of_month.totals.items() if e_value >= least)


def by_benjamini_and_hochberg(e_values: Mapping[str, float], expected: float, share: float) -> set[str]:
    """Return the set as another implementation finds it, of the p-values N / (K e)."""
    if not e_values:
        return set()
    n = len(e_values)
    p_values = [min(1.0, expected / (n * e)) if e > 0 else 1.0 for e in e_values.values()]
    adjusted = false_discovery_control(p_values, method="bh")
    return {alert_id for alert_id, p in zip(e_values, adjusted, strict=True) if p <= share}


@given(E_VALUES, EXPECTED, SHARES)
def test_the_set_is_that_of_another_implementation(e_values: dict[str, float], expected: float, share: float) -> None:
    found = selected(e_values, expected, share)
    # where an e-value is at its limit but for rounding, the two may differ: not a hair beyond
    lower = by_benjamini_and_hochberg(e_values, expected * (1 + 1e-12), share)
    upper = by_benjamini_and_hochberg(e_values, expected * (1 - 1e-12), share)
    assert lower <= found <= upper


@given(st.dictionaries(st.integers(0, 8).map("a{}".format), st.floats(0, 300), max_size=7), EXPECTED, SHARES)
def test_it_is_the_largest_set_whose_members_all_have_enough(
    e_values: dict[str, float], expected: float, share: float
) -> None:
    enough = [
        set(some)
        for size in range(len(e_values) + 1)
        for some in itertools.combinations(e_values, size)
        if all(size * e_values[alert_id] >= expected / share for alert_id in some)
    ]
    assert selected(e_values, expected, share) == max(enough, key=len)


@given(E_VALUES, EXPECTED, SHARES, st.data())
def test_more_evidence_of_any_alert_drops_none(
    e_values: dict[str, float], expected: float, share: float, data: st.DataObject
) -> None:
    more = {alert_id: e_value + data.draw(st.floats(0, 100)) for alert_id, e_value in e_values.items()}
    assert selected(e_values, expected, share) <= selected(more | {"new": 1.0}, expected, share)


@given(E_VALUES, st.integers(1, 40), SHARES)
def test_the_e_value_that_one_more_needs_is_just_enough(e_values: dict[str, float], models: int, share: float) -> None:
    def fleet(more: float | None) -> Fleet:
        made = Fleet(Settings(fleet=FleetSettings(false_share=share, models=models)))
        for alert_id, e_value in (e_values | ({} if more is None else {"new": more})).items():
            made.note(AlertStanding(alert_id, alert_id, ("m", "1"), (("2026-03", e_value),), is_comparable=True))
        return made

    needed = fleet(None).standing("2026-03").needed
    assert fleet(needed * (1 + 1e-9)).is_selected("new")
    assert not fleet(needed * (1 - 1e-9)).is_selected("new")


# --- the bound, in simulated months of a fleet ------------------------------------------------------------------------

MODELS, CHANGED, TESTS, WINDOWS, SHARE = 60, 6, 40, 50, 0.1
LEVEL: Final = 1 / (TESTS * WINDOWS)
"""Of each test, so that all of a model's together cost one false alarm a month."""


class Month(NamedTuple):
    """What a month of a fleet came to."""

    worst: float
    """The greatest share of false alerts in the set at any moment."""
    last: float
    total: float
    """Sum of the e-values of all that is false."""


def month(dependence: str, rng: np.random.Generator) -> Month:
    """Simulate a month: tests of windows of unchanged models, and of some that have changed for the last half."""
    unchanged = MODELS - CHANGED
    n_groups = {"all alike": 1, "independent": unchanged, "halves opposed": 2}[dependence]
    # only the smallest p-values matter: of each model those that are findings, at random windows
    counts = rng.binomial(TESTS * WINDOWS, LEVEL, n_groups)
    found = [
        (window, model, LEVEL * (1 - rng.random()))
        for model, count in enumerate(counts.tolist())
        for window in rng.integers(WINDOWS, size=count).tolist()
    ]
    copies = np.array_split(np.arange(unchanged), n_groups)
    if dependence == "halves opposed" and counts[0]:
        found = [each for each in found if each[1] == 0]  # where one half has false findings, the other has none
    events = [(w, m, calibrated(p, LEVEL, 1)) for w, group, p in found for m in copies[group].tolist()]
    # a change that shows more and more: e-values near what the set needs
    events += [
        (window, unchanged + model, float(rng.exponential(60)))
        for model in range(CHANGED)
        for window in range(WINDOWS // 2, WINDOWS)
    ]
    e_values: dict[str, float] = {}
    worst = last = 0.0
    members: frozenset[str] = frozenset()
    for _, of_window in itertools.groupby(sorted(events), key=lambda each: each[0]):
        for _, model, e_value in of_window:
            e_values[str(model)] = e_values.get(str(model), 0.0) + e_value
        found_now = selected(e_values, float(MODELS), SHARE)
        assert members <= found_now, "what is in the set stays"
        members = found_now
        false = sum(int(model) < unchanged for model in members)
        last = false / max(len(members), 1)
        worst = max(worst, last)
    return Month(worst, last, sum(e for model, e in e_values.items() if int(model) < unchanged))


@pytest.mark.parametrize("dependence", ["all alike", "independent", "halves opposed"])
def test_of_the_set_at_most_the_share_is_false_at_the_worst_moment_whatever_depends_on_whatever(
    dependence: str,
) -> None:
    rng = np.random.default_rng(7)
    months = [month(dependence, rng) for _ in range(1_500)]
    worst = np.array([each.worst for each in months])
    assert worst.mean() <= SHARE
    assert worst.mean() > 0, "false alerts occur, or there is nothing to bound"
    total = np.array([each.total for each in months])
    assert total.mean() <= MODELS * (1 + 3 * total.std() / math.sqrt(len(months)) / MODELS)


def test_the_bound_is_reached_by_the_worst_e_values() -> None:
    """All models alike, each with all of its budget on the one e-value that is just enough: no bound is smaller."""
    rng, n = np.random.default_rng(8), 4_000
    e_values = {str(model): 1 / SHARE for model in range(MODELS)}
    false = [bool(selected(e_values, float(MODELS), SHARE)) for _ in range(n) if rng.random() < SHARE]
    rate = sum(false) / n
    assert rate == pytest.approx(SHARE, abs=4 * math.sqrt(SHARE * (1 - SHARE) / n))


def test_twice_the_models_that_are_said_to_be_watched_may_double_what_is_false() -> None:
    """The bound rests on the number of models: here half of them are not known."""
    e_values = {str(model): 1 / (2 * SHARE) for model in range(MODELS)}
    assert not selected(e_values, float(MODELS), SHARE)
    assert len(selected(e_values, MODELS / 2, SHARE)) == MODELS


# --- e-values of e-detectors ------------------------------------------------------------------------------------------

PANES, EVERY, GROUPS, COLUMNS = 1_500, 50.0, 10, 40


def e_values_of_unchanged(fading: float, warm_up: int) -> NDArray[np.float64]:
    """Return the sum of the e-values of each column's alarms in a month, in multiples of what it may cost.

    The bets have the exact price, so that no margin of the product helps: E[L] = 1.
    """
    rng = np.random.default_rng(9)
    directions = numeric_directions(np.full(GROUPS, 1 / GROUPS), 0.01)[:2]
    bets = Bets([directions] * COLUMNS, GROUPS)
    shares = np.tile(np.append(np.full(GROUPS, 1 / GROUPS), 0.0), (COLUMNS, 1))
    fair = Fair(bets.log_means(shares), bets.means(shares))
    ones, thresholds = np.ones((COLUMNS, MOST_DIRECTIONS)), np.full(COLUMNS, math.log(EVERY))
    state, sums = MixtureState(bets), np.zeros(COLUMNS)
    for pane in range(warm_up + PANES):
        counts = np.pad(rng.multinomial(20, shares[0, :-1], COLUMNS), ((0, 0), (0, 1))).astype(np.float64)
        seen = Pane(np.einsum("cdg,cg->cd", bets.scores, counts), np.full((COLUMNS, MOST_DIRECTIONS), 20.0))
        for alarm in state.step(seen, fair, ones, thresholds, fading):
            state.clear(alarm.column)
            statistic = Statistic(
                name="log_mixture",
                value=alarm.statistic,
                degrees_of_freedom=None,
                p_value=None,
                threshold=float(thresholds[alarm.column]),
            )
            e_value = e_value_of(structs.replace(finding(0, "detector.shift", "detector"), statistic=statistic))
            assert e_value is not None
            sums[alarm.column] += e_value * (pane >= warm_up)
    return sums / (PANES / EVERY)


@pytest.mark.parametrize(("fading", "warm_up"), [(0.0, 0), (1 / 200, 500)])
def test_the_e_values_of_unchanged_columns_cost_no_more_than_their_alarms_may(fading: float, warm_up: int) -> None:
    sums = e_values_of_unchanged(fading, warm_up)
    error = sums.std() / math.sqrt(COLUMNS)
    assert sums.mean() <= 1 + 3 * error
    # half counts, as evidence may have begun before: without any, twice as much is near the bound
    assert 0.2 < sums.mean() < 0.5 + 3 * error
