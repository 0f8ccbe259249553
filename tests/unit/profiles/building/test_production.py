from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xxhash

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.errors import ProfileError
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.production import ProductionOptions, TimedRow, build_from_production
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.columns import NumericColumn
from driftline.sketches.packed import SampleRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.profiles.profile import Profile

KEY = ModelKey("m", "1")
PANE_MS = 60_000


def events(n: int, seed: int = 1) -> list[TimedRow]:
    rng = random.Random(seed)
    found = []
    for i in range(n):
        features: dict[str, object] = {"x": rng.gauss(0, 1), "c": rng.choice("abc"), "late": i if i >= n // 2 else None}
        row = SampleRow(
            xxhash.xxh3_64_intdigest(str(i).encode()), json.dumps(features).encode(), rng.choice([0, 1]), rng.random()
        )
        found.append(TimedRow(1_767_571_200_000 + i * 7_000, row))
    return found


def built(batches: Sequence[Sequence[TimedRow]], sample: int = 20_000, max_values: int = 1 << 30) -> Profile:
    def read() -> Iterator[Sequence[TimedRow]]:
        return iter(batches)

    settings = ModelSettings(columns={"x": ColumnSettings(importance=3.0)})
    return build_from_production(KEY, read, settings, 5, ProductionOptions(PANE_MS, sample, max_values))


def test_members_that_are_no_features_are_no_columns() -> None:
    rows = events(500)
    beside = frozenset({"c", "late"})
    profile = build_from_production(
        KEY, lambda: iter([rows]), ModelSettings(), 5, ProductionOptions(PANE_MS, not_features=beside)
    )
    assert [column.name for column in profile.columns if column.role == "feature"] == ["x"]


def test_where_the_sample_holds_all_it_is_the_profile_of_the_rows_themselves() -> None:
    rows = events(2_000)
    profile = built([rows])
    ordered = sorted(rows, key=lambda event: event.row.hash)
    features = [json.loads(event.row.features) for event in ordered]
    table = ReferenceTable(
        2_000,
        {name: [row[name] for row in features] for name in ("c", "late", "x")},
        [event.row.prediction for event in ordered],
        [event.row.score for event in ordered],
        times_ms=np.array([event.time_ms for event in ordered], dtype=np.int64),
    )
    settings = ModelSettings(columns={"x": ColumnSettings(importance=3.0)})
    expected = build_profile(KEY, table, settings, 5, "production", in_time=TimeOptions(PANE_MS))
    assert profile.columns == expected.columns
    assert profile.reference.pack() == expected.reference.pack()
    assert profile.history == expected.history
    assert (profile.origin, profile.importances, profile.effective_from_ms) == ("production", {"x": 3.0}, 5)
    assert profile.profile_id == expected.profile_id


@pytest.mark.parametrize("sample", [300, 20_000])
def test_neither_the_order_nor_the_batches_show(sample: int) -> None:
    rows = events(2_000)
    shuffled = rows.copy()
    random.Random(2).shuffle(shuffled)
    one = built([rows], sample)
    many = built([shuffled[:7], [], shuffled[7:900], shuffled[900:]], sample)
    assert many.profile_id == one.profile_id


def test_a_sample_fixes_the_grid_and_every_event_is_counted() -> None:
    rows = events(2_000)
    profile = built([rows], sample=300)
    assert profile.n_events == 2_000
    assert profile.history is not None
    assert profile.history.n_events == 2_000
    column = next(each for each in profile.columns if each.name == "x")
    assert isinstance(column, NumericColumn)
    values = [json.loads(event.row.features)["x"] for event in rows]
    assert min(values) < column.minimum, "the range is the sample's"
    assert profile.reference.tail_extremes.max() > 0, "what lies beyond it is counted all the same"


def test_what_cannot_be_built_is_named() -> None:
    with pytest.raises(ProfileError, match=r"Expected events of `m@1`, got none"):
        built([[]])
    with pytest.raises(ProfileError, match=r"Expected at most 20 events of 5 columns, got more .* shorter stretch"):
        built([events(30)], max_values=100)
