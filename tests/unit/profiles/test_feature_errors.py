"""Groups of a profile's most important features, and the reference's errors and labels in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.config.model import ColumnSettings, ModelSettings, PerformanceSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.profiles.error_spread import spread_between
from driftline.sketches.columns import NumericColumn
from driftline.sketches.feature_errors import MAX_FEATURES, N_CODES, counts_of

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

KEY, HOUR_MS = ModelKey("m", "1"), 3_600_000
ON = ModelSettings(performance=PerformanceSettings(by_feature=8))


def table_of(n: int = 3_000, seed: int = 1, *, regression: bool = False) -> ReferenceTable:
    rng = np.random.default_rng(seed)
    age = rng.normal(45, 10, n)
    age[rng.random(n) < 0.05] = np.nan
    predicted = rng.normal(size=n) if regression else rng.integers(0, 2, n)
    label = predicted + rng.normal(size=n) if regression else np.where(rng.random(n) < 0.2, 1 - predicted, predicted)
    features = {"age": age, "channel": rng.choice(["web", "shop", "app"], n).tolist(), "same": np.ones(n)}
    return ReferenceTable(
        n, features, predicted.tolist(), None, label.tolist(), times_ms=np.arange(n) * (20 * HOUR_MS // n)
    )


def profile_of(table: ReferenceTable, settings: ModelSettings = ON) -> Profile:
    return build_profile(KEY, table, settings, 0, "training")


def test_features_of_one_value_have_no_groups_and_important_ones_come_first() -> None:
    table = table_of()
    assert [each.column.name for each in profile_of(table).feature_groups] == ["age", "channel"]
    ranked = ON.replace(columns={"channel": ColumnSettings(importance=5.0), "age": ColumnSettings(importance=0.5)})
    assert [each.column.name for each in profile_of(table, ranked).feature_groups] == ["channel", "age"]


def test_no_more_features_than_a_word_holds_and_no_more_groups_than_a_code() -> None:
    rng, n = np.random.default_rng(2), 2_000
    features: dict[str, Any] = {f"x{i:02d}": rng.integers(0, 2 + i, n).astype(float) for i in range(30)}
    features["many"] = rng.choice([f"c{i}" for i in range(100)], n).tolist()
    settings = ON.replace(columns={"many": ColumnSettings(importance=2.0)})
    groups = profile_of(ReferenceTable(n, features, ["0", "1"] * (n // 2)), settings).feature_groups
    assert len(groups) == MAX_FEATURES
    assert groups[0].column.name == "many"
    assert all(2 <= each.grouping.n_groups < N_CODES for each in groups)
    assert all(int(each.codes.max()) <= N_CODES for each in groups)


def test_parts_are_the_groups_and_runs_of_neighbours_with_the_bounds_of_both_ends() -> None:
    age, channel = profile_of(table_of()).feature_groups
    parts = {part.groups: part.label for part in age.parts()}
    assert parts[(0,)] == "missing"
    assert len(parts) == 1 + 8 + 7 + 6 + 5
    labels = age.labels
    assert parts[(1, 2)] == f"< {labels[2].split(', ')[1][:-1]}"
    assert parts[(7, 8)] == f">= {labels[7].split(', ')[0][1:]}"
    assert parts[(3, 4, 5)] == f"{labels[3].split(', ')[0]}, {labels[5].split(', ')[1]}"
    assert [part.label for part in channel.parts()] == ["missing", *channel.grouping.labels]


@pytest.mark.parametrize("regression", [False, True])
def test_the_profile_counts_its_labelled_rows_as_they_are(*, regression: bool) -> None:
    table = table_of(regression=regression)
    profile = profile_of(table)
    known = profile.feature_errors
    assert known is not None
    error = np.abs(np.array(table.prediction, dtype=float) - np.array(table.label, dtype=float))
    limit = known.threshold * profile.task.spread
    wrong = error > limit
    assert 0.19 < wrong.mean() < 0.21 if regression else limit == 0.5
    age, channel = profile.feature_groups
    assert isinstance(age.column, NumericColumn)
    values, labels = np.asarray(table.features["age"]), np.array(table.label, dtype=float).astype(int).tolist()
    expected: Counter[tuple[int, int, int, int]] = Counter()
    for row, (old, way) in enumerate(zip(values, table.features["channel"], strict=True)):
        bin_ = np.searchsorted(age.column.edges, old, side="right")
        positive = 0 if regression else labels[row]
        group = 0 if np.isnan(old) else 1 + age.grouping.groups[bin_]
        expected[0, group, int(wrong[row]), positive] += 1
        expected[1, channel.labels.index(way), int(wrong[row]), positive] += 1
    counts = counts_of(known.vector())
    found = {at: int(counts[at]) for at in zip(*(axis.tolist() for axis in np.nonzero(counts)), strict=True)}
    assert found == dict(expected)
    in_web = np.array(table.features["channel"]) == "web"
    assert table.times_ms is not None
    spread = spread_between(wrong[in_web].astype(float), table.times_ms[in_web] // HOUR_MS)
    assert known.spreads[N_CODES + channel.labels.index("web")] == spread
    assert bool(known.label_spreads) != regression


def test_it_comes_back_from_the_topic_and_changes_nothing_where_it_is_off() -> None:
    made, plain = profile_of(table_of()), profile_of(table_of(), ModelSettings())
    read = decode_profile([value for _, value in encode_profile(made)], "x")
    assert read.feature_errors == made.feature_errors
    assert read.profile_id == made.profile_id != plain.profile_id
    assert plain.profile_id == replace(made, feature_errors=None).profile_id
    assert read.feature_groups == made.feature_groups == plain.feature_groups


def test_rows_without_labels_and_labels_with_weights_say_nothing() -> None:
    table = table_of()
    assert profile_of(replace(table, label=None)).feature_errors is None
    weighted = ON.replace(performance=PerformanceSettings(by_feature=8, weighted=True))
    assert profile_of(table, weighted).feature_errors is None
