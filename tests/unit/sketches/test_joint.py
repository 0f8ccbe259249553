"""What sketches keep of several features together: exact, however events are split."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.model import CheckSettings, ColumnSettings, ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.sketches.bottom_k import SAMPLE_ROWS, merge_rows, rows_of, sample_rows
from driftline.sketches.columns import NumericColumn
from driftline.sketches.fixed_point import join, split
from driftline.sketches.joint import FEATURE_UNITS, MAX_JOINT, Z_UNITS, Joint
from driftline.sketches.packed import NO_WORDS
from driftline.sketches.pane_sketch import PaneSketch, count, merge_sketches
from driftline.sketches.word_types import pack_words, unpack_words

if TYPE_CHECKING:
    import random

    from driftline.config.model import MultivariateCheck
    from driftline.profiles.profile import Profile

KEY = ModelKey("risk", "1")
RNG = np.random.default_rng(5)
CHECKS: tuple[MultivariateCheck, ...] = ("correlation", "mean_embedding")


def profile_of(features: dict[str, np.ndarray], settings: ModelSettings | None = None) -> Profile:
    n = len(next(iter(features.values())))
    chosen = settings or ModelSettings(checks=CheckSettings(multivariate=CHECKS))
    return build_profile(KEY, ReferenceTable(n, dict(features), [0, 1] * (n // 2)), chosen, 0, "training")


FEATURES = {"a": RNG.normal(3, 2, 400), "b": RNG.gamma(2, 1, 400), "flat": np.full(400, 2.0)}
FEATURES["c"] = FEATURES["a"] + RNG.normal(0, 1, 400)
PROFILE = profile_of(FEATURES)
VALUE = st.one_of(st.floats(-20, 20), st.just(math.nan), st.floats(allow_nan=False))
ROWS = st.lists(st.tuples(VALUE, VALUE, VALUE), max_size=30)


def sketches(rows: list[tuple[float, float, float]], slots: list[int], n_slots: int) -> list[PaneSketch]:
    columns = dict(zip("abc", np.array(rows).reshape(-1, 3).T, strict=True)) | {"flat": np.full(len(rows), 2.0)}
    names = [column.name for column in PROFILE.columns[:4]]
    encoded = [encode_values(column, columns[name]) for column, name in zip(PROFILE.columns, names, strict=False)]
    encoded.append(encode_values(PROFILE.columns[4], [1] * len(rows)))
    return count(PROFILE.layout, encoded, np.array(slots, dtype=np.int64), n_slots)


def test_features_that_vary_are_taken_together() -> None:
    assert PROFILE.joint is not None
    assert [PROFILE.columns[i].name for i in PROFILE.joint.columns] == ["a", "b", "c"]
    assert PROFILE.joint.n_cells == 1 + 3 + 6 + 64


@given(ROWS, st.randoms(use_true_random=False))
def test_any_split_merges_to_the_whole(rows: list[tuple[float, float, float]], chance: random.Random) -> None:
    n_slots = 4
    slots = [chance.randrange(n_slots) for _ in rows]
    parts = sketches(rows, slots, n_slots)
    whole = sketches(rows, [0] * len(rows), 1)[0].pack()
    merged = PaneSketch(PROFILE.layout)
    for part in parts:
        merged.merge(part)
    assert merged.pack() == whole
    assert PaneSketch.unpack(merge_sketches([part.pack() for part in parts]), PROFILE.layout).pack() == whole


def test_sums_are_those_of_complete_events() -> None:
    rows = [(1.0, 2.0, 3.0), (math.nan, 1.0, 1.0), (4.0, 0.5, math.inf), (2.0, 2.0, 2.0)]
    cells = join(sketches(rows, [0] * 4, 1)[0].joint)
    z = np.array(
        [
            [(value - column.mean) / column.spread for value, column in zip(row, numeric(), strict=True)]
            for row in (rows[0], rows[3])
        ]
    )
    assert cells[0] == 2
    assert np.array(cells[1:4]) / Z_UNITS == pytest.approx(z.sum(axis=0), abs=0.005)
    assert np.array(cells[4:10]) / Z_UNITS**2 == pytest.approx((z.T @ z)[np.triu_indices(3)], abs=0.02)
    assert PROFILE.joint is not None
    turns = z @ (PROFILE.joint.weights.T / 2**20) + PROFILE.joint.offsets.ravel() / 2**28
    assert np.array(cells[10:]) / FEATURE_UNITS == pytest.approx(np.cos(2 * np.pi * turns).sum(axis=0), abs=0.01)


def numeric() -> list[NumericColumn]:
    return [column for column in PROFILE.columns if isinstance(column, NumericColumn) and column.name != "flat"]


def test_many_features_are_capped_by_importance_then_name() -> None:
    features = {f"x{i:03d}": RNG.normal(size=50) for i in range(70)}
    settings = ModelSettings(columns={"x069": ColumnSettings(importance=5.0)})
    profile = profile_of(features, settings)
    assert profile.joint is not None
    names = [profile.columns[i].name for i in profile.joint.columns]
    assert len(names) == MAX_JOINT
    assert names == [f"x{i:03d}" for i in range(63)] + ["x069"]


@pytest.mark.parametrize(
    ("features", "checks"),
    [({"a": FEATURES["a"]}, CHECKS), (FEATURES, ()), ({"a": FEATURES["a"], "flat": FEATURES["flat"]}, CHECKS)],
)
def test_nothing_is_kept_where_nothing_can_be_compared(
    features: dict[str, np.ndarray], checks: tuple[MultivariateCheck, ...]
) -> None:
    profile = profile_of(features, ModelSettings(checks=CheckSettings(multivariate=checks)))
    assert (profile.joint, profile.joint_reference) == (None, None)
    assert profile.reference.pack().joint == NO_WORDS


def test_a_profile_keeps_it_on_the_wire_and_in_its_grid() -> None:
    read = decode_profile([value for _, value in encode_profile(PROFILE)], "test")
    assert (read.joint, read.joint_reference) == (PROFILE.joint, PROFILE.joint_reference)
    assert read.reference.pack() == PROFILE.reference.pack()
    assert (read.grid_id, read.profile_id) == (PROFILE.grid_id, PROFILE.profile_id)
    plain = profile_of(FEATURES, ModelSettings(checks=CheckSettings(multivariate=())))
    assert plain.grid_id != PROFILE.grid_id
    assert profile_of(FEATURES).profile_id == PROFILE.profile_id


@given(st.lists(st.integers(-(2**62), 2**62), max_size=20))
def test_packed_words_are_the_words(sums: list[int]) -> None:
    words = split(np.array(sums, dtype=np.int64))
    assert join(unpack_words(pack_words(words))) == (sums if any(sums) else [])


def test_the_kernel_is_within_the_bound_of_its_random_features() -> None:
    """Hoeffding: with m features the kernel of two points is off by more than ε with chance 2 exp(-m ε²/4)."""
    assert PROFILE.joint is not None
    assert PROFILE.joint_reference is not None
    z = PROFILE.joint_reference.sample(3)[:40].T
    m = PROFILE.joint.n_features
    features = PROFILE.joint.features(z * Z_UNITS) * (math.sqrt(2 / m) / FEATURE_UNITS)
    distances = [((z[:, i] - z[:, j]) ** 2).sum() for i, j in itertools.combinations(range(400), 2) if j < 40]
    sample = PROFILE.joint_reference.sample(3)
    squared = ((sample[:, None] - sample[None]) ** 2).sum(axis=2)
    width = np.median(squared[np.triu_indices(400, 1)])
    exact = np.exp(-np.array(distances) / (2 * width))
    approximate = (features.T @ features)[np.triu_indices(40, 1)]
    bound = math.sqrt(4 / m * math.log(2 / 0.01))
    assert np.mean(np.abs(approximate - exact) > bound) <= 0.01


def hashed(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)


def test_a_sample_of_rows_is_the_same_however_they_are_split() -> None:
    joint = Joint((0, 1), cross=False, sampled=True)
    rng = np.random.default_rng(4)
    n = 2_000
    z, hashes = rng.integers(-500, 500, (2, n)).astype(np.float64), hashed(n, 3)
    hashes[n // 2 :] = hashes[: n // 2]  # every id comes twice
    whole = dict(sample_rows(z, hashes, np.zeros(n, dtype=np.int64)))[0]
    assert sorted(whole) == sorted({int(h) for h in hashes})[:SAMPLE_ROWS]
    merged: dict[int, bytes] = {}
    for _, rows in sample_rows(z, hashes, rng.integers(0, 7, n)):
        merge_rows(merged, rows)
    assert merged == whole
    assert rows_of(whole, joint.n_columns).shape == (SAMPLE_ROWS, 2)
