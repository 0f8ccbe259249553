from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xxhash
from msgspec import structs

from driftline.config.model import CheckSettings, ModelSettings, PerformanceSettings
from driftline.errors import ProfileError
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.production import ProductionOptions, TimedRow, build_from_production
from driftline.profiles.building.rebaseline import rebaselined
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import ProfileAssembler, decode_block, encode_profile
from driftline.profiles.estimator import BinaryEstimator
from driftline.profiles.season_counts import season_counts
from driftline.sketches.fixed_point import join
from driftline.sketches.packed import NO_CELLS, SampleRow
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from driftline.profiles.profile import Profile

KEY = ModelKey("m", "1")
PANE_MS = 60_000
HOUR_MS = 3_600_000
MONDAY_MS = 1_767_571_200_000
SETTINGS = ModelSettings(checks=CheckSettings(multivariate=("correlation",)))
HOW = ProductionOptions(PANE_MS)
COLUMNS = ("c", "x", "y", "prediction", "score")


@cache
def standing(*, regression: bool = False, weeks: int = 4) -> Profile:
    """Return a reference with labels, whose rows lie in some weeks, an hour apart."""
    rng = np.random.default_rng(1)
    n = weeks * 168
    label = rng.normal(size=n).tolist() if regression else (rng.random(n) < 0.5).astype(int).tolist()
    table = ReferenceTable(
        n,
        {"c": rng.choice([*"ab"], n).tolist(), "x": rng.normal(size=n), "y": rng.normal(size=n)},
        prediction=rng.normal(size=n).tolist() if regression else label,
        score=None if regression else rng.random(n).tolist(),
        label=label,
        times_ms=MONDAY_MS + np.arange(n) * HOUR_MS,
    )
    return build_profile(KEY, table, SETTINGS, 0, "training", in_time=TimeOptions(PANE_MS))


def span(n: int = 336, **more: object) -> list[TimedRow]:
    """Return production events an hour apart: x is shifted, c has a new category."""
    rng = random.Random(2)
    found = []
    for i in range(n):
        features = {"x": rng.gauss(50, 3), "y": rng.gauss(0, 1), "c": rng.choice("abz"), **more}
        features = {name: value for name, value in features.items() if value is not None}
        digest = xxhash.xxh3_64_intdigest(str(i).encode())
        row = SampleRow(digest, json.dumps(features).encode(), rng.choice([0, 1]), rng.random())
        found.append(TimedRow(MONDAY_MS + 40 * 168 * HOUR_MS + i * HOUR_MS, row))
    return found


def made(
    old: Profile, rows: Sequence[TimedRow], wanted: Collection[str] | None = None
) -> tuple[Profile, list[str], list[str]]:
    return rebaselined(old, lambda: iter([rows[:100], rows[100:]]), SETTINGS, 5, HOW, wanted)


def cells(profile: Profile, name: str) -> list[int]:
    place = next(p for p in profile.layout.places if profile.columns[p.index].name == name)
    return [int(n) for n in profile.reference.counts[place.bins.start : place.quality.stop]]


def test_a_column_is_that_of_production_and_the_others_stay() -> None:
    old, rows = standing(), span()
    new = build_from_production(KEY, lambda: iter([rows]), SETTINGS, 5, HOW)
    profile, names, remarks = made(old, rows, ["x"])
    assert names == ["x"]
    assert [column.name for column in profile.columns] == [*COLUMNS]
    assert profile.columns[1] == new.columns[1]
    assert cells(profile, "x") == cells(new, "x")
    for name in ("c", "y", "prediction", "score"):
        assert cells(profile, name) == cells(old, name)
    assert [profile.n_of(i) for i in range(5)] == [672, 336, 672, 672, 672]
    assert (profile.n_events, profile.origin, profile.effective_from_ms) == (336, "production", 5)
    assert profile.performance is not None
    assert profile.performance.tolist() == (old.performance if old.performance is not None else np.empty(0)).tolist()
    assert profile.estimator == old.estimator
    assert isinstance(profile.estimator, BinaryEstimator)
    [remark] = remarks
    assert remark.startswith("how numeric features go together is taken from the span for all of them")
    assert profile.joint is not None
    assert join(profile.reference.joint)[0] == 336
    assembler, again = ProfileAssembler(), None
    for _, value in encode_profile(profile):
        again = assembler.add(decode_block(value, "here"))
    assert again is not None
    assert again.profile_id == profile.profile_id


def test_errors_by_feature_stay_where_the_groups_do_and_else_only_which_errors_are_large() -> None:
    settings = SETTINGS.replace(performance=PerformanceSettings(by_feature=2))
    rng = np.random.default_rng(1)
    table = ReferenceTable(
        400,
        {"x": rng.normal(size=400)},
        prediction=rng.normal(size=400).tolist(),
        label=rng.normal(size=400).tolist(),
        times_ms=MONDAY_MS + np.arange(400) * HOUR_MS,
    )
    old = build_profile(KEY, table, settings, 0, "training", in_time=TimeOptions(PANE_MS))
    known = old.feature_errors
    assert known is not None
    same, _, remarks = made(old, span(), ["prediction"])
    assert same.feature_errors == known
    assert not any("errors by feature" in remark for remark in remarks)
    other, _, remarks = made(old, span(), ["x"])
    assert other.feature_errors == structs.replace(known, cells=NO_CELLS, spreads={}, label_spreads={})
    assert other.feature_errors.threshold == known.threshold
    assert any(remark.startswith("errors by feature are compared with the first windows") for remark in remarks)


def test_relations_stay_where_no_column_of_theirs_is_taken_over() -> None:
    old = standing()
    profile, names, remarks = made(old, span(), ["c"])
    assert (names, remarks) == (["c"], [])
    assert profile.joint == old.joint
    assert profile.joint_reference == old.joint_reference
    assert profile.reference.joint.tolist() == old.reference.joint.tolist()
    assert cells(profile, "x") == cells(old, "x")
    assert "z" in dict(zip(profile.columns[0].categories, cells(profile, "c"), strict=False))  # type: ignore[union-attr]


def test_without_columns_all_are_taken_over_and_performance_stays() -> None:
    old, rows = standing(), span()
    new = build_from_production(KEY, lambda: iter([rows]), SETTINGS, 5, HOW)
    profile, names, remarks = made(old, rows)
    assert (names, remarks) == ([*COLUMNS], [])
    assert profile.reference.pack() == new.reference.pack()
    assert old.history is not None
    assert new.history is not None
    assert profile.history == structs.replace(new.history, errors=old.history.errors)
    assert profile.estimator == old.estimator
    assert profile.performance is not None


def test_each_column_has_its_own_hours_of_the_week_scaled_to_the_weeks_that_both_have() -> None:
    old = standing(weeks=4)
    profile, _, _ = made(old, span(2 * 168), ["x"])
    assert profile.history is not None
    assert profile.history.weeks.unpacked().tolist() == [2] * 168
    hour = MONDAY_MS + 50 * 168 * HOUR_MS
    kept, taken = season_counts(profile, 2, hour, hour + HOUR_MS), season_counts(profile, 1, hour, hour + HOUR_MS)
    assert kept is not None
    assert taken is not None
    assert (kept.n, taken.n, kept.weeks) == (2, 2, 2)
    assert profile.history.columns[2].sums == (old.history.columns[2].sums if old.history else None)


def test_hours_that_the_span_lacks_are_said() -> None:
    profile, _, remarks = made(standing(), span(72), ["c"])
    assert profile.history is not None
    assert profile.history.n_hours == 72
    [lost] = remarks
    assert lost.startswith("the span has 72 of the 168 hours of the week that the reference had")


def test_a_reference_without_times_knows_no_hours_and_new_columns_know_how_they_vary() -> None:
    old = replace(standing(), history=None)
    profile, _, remarks = made(old, span(), ["c"])
    assert remarks == []
    assert profile.history is not None
    assert profile.history.n_hours == 0
    assert profile.history.columns[0].sums is not None
    assert profile.history.columns[1].sums is None


def test_an_estimate_that_looks_at_a_column_that_is_taken_over_is_dropped() -> None:
    old = standing(regression=True)
    assert old.estimator is not None
    rows = [each._replace(row=structs.replace(each.row, score=None)) for each in span()]
    profile, _, remarks = made(old, rows, ["x"])
    assert profile.estimator is None
    assert any(remark.startswith("the estimate of performance looks at columns") for remark in remarks)


def test_losses_by_stratum_are_kept_with_the_predictions_they_are_of() -> None:
    old = standing(regression=True)
    assert old.losses is not None
    rows = [
        each._replace(row=structs.replace(each.row, prediction=float(i), score=None)) for i, each in enumerate(span())
    ]
    same, _, _ = made(old, rows, ["x"])
    assert same.losses is not None
    assert same.losses.tolist() == old.losses.tolist()
    other, _, _ = made(old, rows, ["prediction"])
    assert other.losses is None


def test_a_column_that_cannot_be_taken_over_is_said_and_stays() -> None:
    old = standing()
    profile, names, remarks = made(old, span(y=None), ["x", "y"])
    assert names == ["x"]
    assert cells(profile, "y") == cells(old, "y")
    assert remarks[0] == "`y` cannot be taken over: the span has no value of it; it stays as it was"


def test_a_column_that_the_reference_does_not_have_is_added() -> None:
    profile, names, _ = made(standing(), span(new="q"), ["new"])
    assert names == ["new"]
    assert [column.name for column in profile.columns] == ["c", "x", "y", "new", "prediction", "score"]
    assert profile.estimator is not None
    assert profile.estimator.prediction == 4


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["q"], r"Expected columns of `m@1` \(`c`, `prediction`, `score`, `x`, `y`\), got 'q' - at `--columns`"),
        (["y"], r"Expected a column that can be taken over, got none - at `m@1`: `y` cannot be taken over"),
    ],
)
def test_what_is_not_there_is_an_error(wanted: list[str], said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        made(standing(), span(y=None), wanted)


def test_an_empty_reference_has_nothing_to_keep() -> None:
    old = replace(standing(), reference=PaneSketch(standing().layout))
    with pytest.raises(ProfileError, match="still being learnt"):
        made(old, span(), ["x"])
