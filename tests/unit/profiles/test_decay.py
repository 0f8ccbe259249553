from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.config.model import ModelSettings
from driftline.errors import ProfileError
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.profiles.decay import N_WEIGHTS, STEPS, weights
from driftline.sketches.grouping import base_grouping

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

HOUR_MS = 3_600_000


def built(rows: ReferenceTable, half_life_ms: int | None) -> Profile:
    in_time = TimeOptions(60_000, half_life_ms)
    return build_profile(ModelKey("m", ""), rows, ModelSettings(), 0, "training", in_time=in_time)


def drifting(n: int = 20_000, days: int = 10) -> ReferenceTable:
    """Return rows whose mean rises by a tenth a day, and whose category `b` comes with the last day."""
    rng = np.random.default_rng(1)
    times = np.sort((rng.random(n) * days * 24 * HOUR_MS).astype(np.int64))
    day = times / (24 * HOUR_MS)
    value = rng.normal(0.1 * day, 1.0)
    value[rng.random(n) < 0.05] = np.nan
    text = [f"b{i}" if late else "a" for i, late in enumerate(day > days - 1)]
    return ReferenceTable(n, {"x": value, "c": text}, times_ms=times)


def test_weights_halve_every_half_life_and_end() -> None:
    by_age = weights()
    assert len(by_age) == N_WEIGHTS
    assert [by_age[i * STEPS] for i in range(18)] == [65_536 >> i if i < 17 else 0 for i in range(18)]
    assert sorted(by_age, reverse=True) == by_age


def test_shares_and_mean_are_the_weighted_ones_and_n_is_their_effective_number() -> None:
    rows = drifting()
    half_life_ms = 24 * HOUR_MS
    profile = built(rows, half_life_ms)
    assert rows.times_ms is not None
    age = (rows.times_ms.max() - rows.times_ms) / half_life_ms
    exact = 2.0**-age
    assert profile.decay is not None
    assert profile.decay.n_events == 20_000
    effective = exact.sum() ** 2 / (exact**2).sum()
    assert profile.n_events == pytest.approx(effective, rel=2e-3), "steps of a sixteenth are close to the smooth curve"
    place = profile.layout.places[0]
    missing = profile.reference.counts[place.quality.start]
    x = np.asarray(rows.features["x"], dtype=np.float64)
    assert missing / profile.n_events == pytest.approx((exact * np.isnan(x)).sum() / exact.sum(), rel=0.02)
    block = profile.reference.block(profile.layout, 0)
    assert block is not None
    column = profile.columns[0]
    weighted = np.nansum(exact * x) / (exact * ~np.isnan(x)).sum()
    mean, spread = getattr(column, "mean"), getattr(column, "spread")  # noqa: B009  # of a numeric column
    assert mean + spread * block.mean == pytest.approx(weighted, abs=5e-3)
    assert weighted > mean + 0.3, "recent rows weigh more"


def test_every_column_holds_the_effective_number_exactly() -> None:
    profile = built(drifting(), 12 * HOUR_MS)
    for place in profile.layout.places:
        cells = profile.reference.counts[place.bins.start : place.quality.stop]
        assert cells.sum() == profile.n_events
        assert cells.min() >= 0


def test_a_long_half_life_is_no_decay() -> None:
    rows = drifting()
    plain, slow = built(rows, None), built(rows, 1 << 50)
    assert slow.n_events == plain.n_events
    assert slow.reference.pack() == plain.reference.pack()
    assert slow.profile_id != plain.profile_id, "it is marked all the same"


def test_a_short_half_life_leaves_the_last_rows() -> None:
    rows = ReferenceTable(3, {"x": ["a", "b", "c"]}, times_ms=np.array([0, 1_000_000, 1_000_000], dtype=np.int64))
    profile = built(rows, 1_000)
    assert profile.n_events == 2
    assert profile.reference.counts[profile.layout.places[0].bins].tolist() == [0, 1, 1, 0]


def test_a_decayed_profile_comes_back_and_its_history_is_on_its_own_base_groups() -> None:
    profile = built(drifting(), 12 * HOUR_MS)
    restored = decode_profile([value for _, value in encode_profile(profile)], "references")
    assert restored.decay == profile.decay
    assert restored.profile_id == profile.profile_id
    assert profile.history is not None
    for index, (column, place) in enumerate(zip(profile.columns, profile.layout.places, strict=True)):
        n_groups = base_grouping(column, profile.reference.counts[place.bins]).n_groups
        assert profile.history.season(index).shape == (168, n_groups)


def test_rows_without_a_time_cannot_weigh_by_their_age() -> None:
    with pytest.raises(
        ProfileError, match=r"Expected a time in every row .* got 2 of 2 without one - at `--half-life`"
    ):
        built(ReferenceTable(2, {"x": [1.0, 2.0]}), 1_000)


def test_names_that_the_profile_does_not_list_weigh_as_well() -> None:
    n = 3_000
    values = ["old"] * 1_000 + [f"n{i % 1_000}" for i in range(2_000)]
    times = np.arange(n, dtype=np.int64) * 1_000
    profile = built(ReferenceTable(n, {"c": values}, times_ms=times), 1_000_000)
    names = profile.reference.unseen[0]
    assert 0 < len(names) <= 8
    assert all(0 < count <= 4 for _, count in names.values())
