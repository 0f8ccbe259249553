from __future__ import annotations

import numpy as np
import pytest

from driftline.profiles.building import pane_series
from driftline.profiles.building.pane_series import PaneTimes, SeasonShares, column_sums
from driftline.profiles.packed_sums import SeriesSums
from driftline.profiles.season import HOUR_MS, HOURS
from driftline.sketches.dispersion_sums import ColumnSums, DispersionSums

PANE_MS = 60_000
MONDAY_MS = 1_767_571_200_000


def same(one: ColumnSums, other: ColumnSums) -> bool:
    """Whether all fields are equal."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ColumnSums.__struct_fields__)


def rows(n: int, minutes: int, n_groups: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    times = np.sort(MONDAY_MS + rng.integers(0, minutes * PANE_MS, n))
    return times, rng.integers(-1, n_groups, n)


@pytest.mark.parametrize("chunk", [3, 16, 1 << 15])
@pytest.mark.parametrize(("n", "minutes"), [(2_000, 300), (60, 3_000), (1, 1), (500, 40)])
def test_the_sums_are_those_of_panes_added_one_by_one(
    monkeypatch: pytest.MonkeyPatch, n: int, minutes: int, chunk: int
) -> None:
    monkeypatch.setattr(pane_series, "CHUNK", chunk)
    times, groups = rows(n, minutes, 5)
    found = column_sums(PaneTimes.of(times, PANE_MS), groups, 5, [60, 7])
    assert found is not None
    for size, sums in zip((60, 7), found, strict=True):
        one_by_one = DispersionSums(1, 5, panes_per_window=size)
        for pane in np.unique(times // PANE_MS):
            held = groups[(times // PANE_MS == pane) & (groups >= 0)]
            one_by_one.add(int(pane), np.bincount(held, minlength=5).reshape(1, 5))
        assert same(sums, one_by_one.column(0))


def test_packed_sums_come_back() -> None:
    times, groups = rows(5_000, 900, 8)
    found = column_sums(PaneTimes.of(times, PANE_MS), groups, 8, [60, 120])
    assert found is not None
    packed = SeriesSums.of(found)
    assert all(same(packed.unpacked(i), sums) for i, sums in enumerate(found))
    assert packed.n_bytes < 8 * 4 * 36


def test_a_season_is_taken_out_of_the_variance_between_windows() -> None:
    """The share of group 1 swings by the hour; about a week's own hours nothing is left but chance."""
    rng = np.random.default_rng(2)
    n, weeks = 200_000, 6
    times = np.sort(MONDAY_MS + rng.integers(0, weeks * HOURS * HOUR_MS, n))
    slot = (times - MONDAY_MS) // HOUR_MS % HOURS
    groups = (rng.random(n) < 0.5 + 0.3 * np.sin(slot / 24 * 2 * np.pi)).astype(np.int64)
    season = np.bincount(slot * 2 + groups, minlength=2 * HOURS).reshape(HOURS, 2)
    shares = SeasonShares.of(season, np.full(HOURS, weeks))
    assert shares is not None
    panes = PaneTimes.of(times, PANE_MS)

    def per_event(sums: ColumnSums) -> float:
        """Return the variance between windows of group 1, by event and relative to that of independent events."""
        share = sums.events / sums.events.sum()
        centre = np.eye(2) - np.outer(share, np.ones(2))
        return float((centre @ sums.between_windows @ centre.T)[1, 1] / sums.events_in_windows.sum() / share.prod())

    raw, seasonless = (column_sums(panes, groups, 2, [60], each) for each in (None, shares))
    assert raw is not None
    assert seasonless is not None
    assert per_event(raw[0]) > 10
    within = float((shares.shares * (1 - shares.shares)).mean(axis=0)[1] / 0.25)
    assert per_event(seasonless[0]) == pytest.approx(within, rel=0.1)
    one = np.array([[1.0], [-1.0]])
    share = seasonless[0].events / n
    centre = np.eye(2) - np.outer(share, np.ones(2))
    panes_alone = (one.T @ centre @ seasonless[0].between_panes @ centre.T @ one).item() / 4 / n / share.prod()
    assert panes_alone == pytest.approx(within, rel=0.02), "what panes vary by is not stretched"
    assert seasonless[0].events.sum() == raw[0].events.sum() == n
    assert (seasonless[0].n_panes, seasonless[0].span) == (raw[0].n_panes, raw[0].span)


def test_one_week_has_nothing_to_differ_from() -> None:
    season = np.ones((HOURS, 2), dtype=np.int64)
    weeks = np.full(HOURS, 2)
    assert SeasonShares.of(season, weeks) is not None
    weeks[5] = 1
    assert SeasonShares.of(season, weeks) is None
    season[5] = 0
    assert SeasonShares.of(season, weeks) is not None, "an hour that was never seen has nothing to take out"
    assert SeasonShares.of(np.zeros((HOURS, 2), dtype=np.int64), weeks) is None


def test_what_64_bit_numbers_cannot_hold_exactly_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    times, groups = rows(100, 10, 3)
    monkeypatch.setattr(pane_series, "EXACT", 100.0)
    assert column_sums(PaneTimes.of(times, PANE_MS), groups, 3, [5]) is None
