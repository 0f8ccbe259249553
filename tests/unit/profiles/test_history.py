from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.profiles.remarks import remarks_of
from driftline.profiles.season import HOUR_MS, HOURS
from driftline.profiles.task import NO_TIME
from driftline.sketches.grouping import base_grouping

if TYPE_CHECKING:
    from driftline.profiles.building.coded_values import Values
    from driftline.profiles.profile import Profile

MONDAY_MS = 1_767_571_200_000  # 2026-01-05T00:00:00Z
PANE_MS = 60_000


def table(n: int, days: float, *, n_columns: int = 2, seed: int = 1) -> ReferenceTable:
    rng = np.random.default_rng(seed)
    features = {
        f"f{i}": rng.normal(i, 1, n) if i % 3 else rng.choice([f"c{k}" for k in range(60)], n).tolist()
        for i in range(n_columns)
    }
    times = MONDAY_MS + (rng.random(n) * days * 24 * HOUR_MS).astype(np.int64)
    return ReferenceTable(n, features, rng.integers(0, 2, n).tolist(), times_ms=times)


def built(rows: ReferenceTable) -> Profile:
    return build_profile(ModelKey("m", ""), rows, ModelSettings(), 0, "training", in_time=TimeOptions(PANE_MS))


def test_the_history_is_that_of_a_walk_through_the_rows() -> None:
    rows = table(3_000, 20)
    profile = built(rows)
    history = profile.history
    assert history is not None
    assert rows.times_ms is not None
    hours = ((rows.times_ms - MONDAY_MS) // HOUR_MS).tolist()
    assert history.events.unpacked().tolist() == [sum(hour % HOURS == slot for hour in hours) for slot in range(HOURS)]
    assert history.weeks.unpacked().tolist() == [
        len({h // HOURS for h in hours if h % HOURS == s}) for s in range(HOURS)
    ]
    assert history.n_panes == len({int(time) // PANE_MS for time in rows.times_ms})
    assert (history.n_events, history.pane_ms) == (3_000, PANE_MS)
    assert (history.first_ms, history.last_ms) == (int(rows.times_ms.min()), int(rows.times_ms.max()))
    for index, (column, place) in enumerate(zip(profile.columns, profile.layout.places, strict=True)):
        values = rows.features.get(column.name, rows.prediction)
        assert values is not None
        grouping = base_grouping(column, profile.reference.counts[place.bins])
        expected = np.zeros((HOURS, grouping.n_groups), dtype=np.int64)
        for hour, group in zip(hours, grouping.index[encode_values(column, values).bins], strict=True):
            expected[hour % HOURS, group] += 1
        np.testing.assert_array_equal(history.season(index), expected)


def test_the_sums_of_panes_are_on_the_base_groups_for_each_window() -> None:
    profile = built(table(3_000, 20))
    history = profile.history
    assert history is not None
    for index, (column, place) in enumerate(zip(profile.columns, profile.layout.places, strict=True)):
        grouping = base_grouping(column, profile.reference.counts[place.bins])
        for window_ms in history.windows_ms:
            for seasonless in (False, True):
                sums = history.sums(index, window_ms, seasonless=seasonless)
                assert sums is not None
                assert sums.between_windows.shape == (grouping.n_groups, grouping.n_groups)
                assert sums.events.sum() == 3_000
        assert history.sums(index, 7) is None
        assert not history.has_sums(index, 7)
        assert history.has_sums(index, HOUR_MS, seasonless=True)
        raw = history.sums(index, history.windows_ms[0])
        assert raw is not None
        assert raw.events.tolist() == grouping.grouped(profile.reference.counts[place.bins]).tolist()
    short = built(table(300, 2)).history
    assert short is not None
    assert short.sums(0, HOUR_MS) is not None
    assert (short.has_sums(0, HOUR_MS), short.has_sums(0, HOUR_MS, seasonless=True)) == (True, False)
    assert short.sums(0, HOUR_MS, seasonless=True) is None, "each hour was seen in one week alone"


def test_rows_without_a_value_or_without_a_time_do_not_count() -> None:
    times = np.array([MONDAY_MS, NO_TIME, MONDAY_MS + 1], dtype=np.int64)
    profile = built(ReferenceTable(3, {"x": [1.0, 2.0, None]}, times_ms=times))
    assert profile.history is not None
    assert profile.n_events == 3
    assert profile.history.n_events == 2
    assert profile.history.season(0).sum() == 1
    assert "1 of 3 rows have no event time: the history leaves them out; give them times" in remarks_of(profile)


def test_the_order_of_the_rows_does_not_show() -> None:
    rows = table(500, 3, n_columns=3)
    order = np.random.default_rng(2).permutation(500)
    assert rows.times_ms is not None
    assert rows.prediction is not None
    features: dict[str, Values] = {name: np.array(values)[order] for name, values in rows.features.items()}
    features["f0"] = list(features["f0"])
    shuffled = ReferenceTable(
        500,
        features,
        [rows.prediction[i] for i in order],
        times_ms=rows.times_ms[order],
    )
    assert built(shuffled).history == built(rows).history


@pytest.mark.parametrize("n_columns", [1, 70])
def test_a_profile_with_history_comes_back_in_records_below_a_brokers_limit(n_columns: int) -> None:
    original = built(table(1_000, 15, n_columns=n_columns))
    records = [value for _, value in encode_profile(original)]
    assert max(map(len, records)) < 1 << 19
    restored = decode_profile(records, "references")
    assert restored.history == original.history
    assert restored.profile_id == original.profile_id


def test_the_history_is_part_of_what_a_profile_is() -> None:
    profile = built(table(100, 1))
    without = replace(profile, history=None)
    assert without.profile_id != profile.profile_id
    assert without.grid_id == profile.grid_id


def test_a_profile_of_the_version_before_is_read_as_one_without_history() -> None:
    profile = replace(built(table(100, 1)), history=None)
    values = []
    for _, value in encode_profile(profile):
        fields = msgspec.msgpack.decode(value)
        fields[12] = fields[12][:4]  # counts, sums, extremes, unseen
        values.append(msgspec.msgpack.encode([1, *fields[1:14]]))
    restored = decode_profile(values, "references")
    assert restored.history is None
    assert restored.grid_id == profile.grid_id, "its sketches are comparable"
    assert restored.reference.counts.tolist() == profile.reference.counts.tolist()
    assert not restored.reference.tail_sums.any()
    again = decode_profile([value for _, value in encode_profile(restored)], "references")
    assert again.profile_id == restored.profile_id, "wherever it is read it has the same id"


@pytest.mark.parametrize(
    ("n", "days", "words"),
    [
        (50, 0.01, "only 15 panes of 1m: with fewer than 100 how much unchanged traffic varies will be learnt"),
        (1_000, 0.2, "panes of 1m: with fewer than 1000 tests are wider than they need be"),
        (1_000, 0.2, "5 of 168 hours of the week are known"),
        (20_000, 15, "3 weeks: hours of the week are thin with fewer than 4"),
    ],
)
def test_what_the_history_is_too_short_for_is_remarked_upon(n: int, days: float, words: str) -> None:
    assert any(words in remark for remark in remarks_of(built(table(n, days))))


def test_a_long_history_needs_no_remark() -> None:
    remarks = remarks_of(built(table(20_000, 28)))
    assert not [remark for remark in remarks if "panes" in remark or "hours" in remark or "weeks" in remark]
