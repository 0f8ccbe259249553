"""Columns with more categories than a profile lists: what is new is found, and what the reference had is not new."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.checks.contract.check import Subject
from driftline.checks.quality.columns import column_outcomes
from driftline.checks.quality.families import n_quality_tests
from driftline.checks.quality.outcome import Quality
from driftline.checks.references.cases import ColumnCase
from driftline.checks.references.reference_view import ReferenceView
from driftline.checks.references.share_dispersion import independent
from driftline.config.model import CheckSettings, ModelSettings
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.sketches.rare_categories import MAX_RARE, RareCategories
from tests.support.windows import HOUR, judged, profile_of, window_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.contract.check import Outcome
    from driftline.profiles.profile import Profile

N_NAMES = 600
CHECKS = CheckSettings()
ANY_SIZE = CheckSettings(min_share_change=0, min_cardinality_growth=0)


def drawn(n: int, seed: int, n_names: int = N_NAMES) -> list[str]:
    """Return names by Zipf's law, so that the reference has many that its profile does not list."""
    weights = 1.0 / np.arange(1, n_names + 1)
    return [f"c{i}" for i in np.random.default_rng(seed).choice(n_names, n, p=weights / weights.sum())]


def table(values: Sequence[str]) -> ReferenceTable:
    return ReferenceTable(len(values), {"x": values}, prediction=[0, 1] * (len(values) // 2))


REFERENCE = drawn(20_000, 0)
PROFILE = profile_of(table(REFERENCE))
KNOWN = set(REFERENCE)
LISTED = set(PROFILE.columns[0].categories)  # type: ignore[union-attr]  # it is categorical
RARE = sorted(KNOWN - LISTED)


def outcomes(window: Sequence[str], profile: Profile = PROFILE, checks: CheckSettings = CHECKS) -> list[Outcome]:
    column = profile.columns[0]
    about = Quality(Subject("x", "feature"), checks, n_quality_tests(column), independent)
    return column_outcomes(about, profile, 0, window_of(profile, table(window)).sketch)


def test_the_profile_knows_what_it_does_not_list_and_is_read_back_with_it() -> None:
    assert len(LISTED) == 256
    assert len(RareCategories(PROFILE.rare["x"])) == len(RARE) > 100
    read = decode_profile([value for _, value in encode_profile(PROFILE)], "x")
    assert (read.rare, read.profile_id) == (PROFILE.rare, PROFILE.profile_id)
    few = profile_of(table(["a", "b"] * 500))
    assert few.rare == {}


def test_one_new_category_among_hundreds_is_found_by_its_name() -> None:
    window = drawn(2_000, 1)
    window[::25] = ["new"] * 80
    (finding,) = judged(outcomes(window), 1e-6)
    assert finding.check == "quality.unseen"
    assert finding.unseen["new"] == 80
    assert KNOWN.isdisjoint(finding.unseen)
    assert "categories that the reference does not have 0" in finding.message
    assert "'new' 80" in finding.message


def test_many_new_categories_of_one_event_each_are_found() -> None:
    window = drawn(1_000, 2)
    window[::2] = [f"id-{i}" for i in range(500)]
    (finding,) = judged(outcomes(window), 1e-3)
    assert finding.check in {"quality.unseen", "quality.cardinality"}
    assert len(finding.unseen) == 8
    assert all(name.startswith("id-") for name in finding.unseen)
    share = {each.check: each.statistic.value for each in outcomes(window)}["quality.unseen"]
    assert 0.2 < share <= 1, "an estimate of 0.5 from eight names"


def test_a_rare_category_that_the_reference_had_is_never_new() -> None:
    window = drawn(2_000, 3)
    window[::4] = [RARE[i % len(RARE)] for i in range(500)]
    found = {each.check: each for each in outcomes(window)}
    assert found["quality.unseen"].statistic.p_value == pytest.approx(1.0) or (
        found["quality.unseen"].statistic.value < 0.01
    )
    assert judged(found.values(), 1e-6) == []
    view = ReferenceView(PROFILE, ModelSettings(), HOUR)
    closed = window_of(PROFILE, table(window))
    assert KNOWN.isdisjoint(ColumnCase(view, closed, 0.01, 0).unseen)
    assert closed.sketch.unseen[0], "names of known categories were kept, where there is room"


def test_a_column_that_froze_on_a_rare_category_is_found() -> None:
    (finding,) = judged(outcomes([RARE[0]] * 1_000), 1e-6)
    assert finding.check == "quality.frozen"
    assert f"all 1,000 values are '{RARE[0]}'" in finding.message


def test_a_column_of_too_many_categories_has_no_test() -> None:
    names = [f"n{i}" for i in range(MAX_RARE + 300)]
    profile = profile_of(table(names))
    assert profile.rare == {}
    window = names[:1_000] + ["new"] * 1_000
    assert {each.check: each.statistic.p_value for each in outcomes(window, profile)}["quality.unseen"] == 1.0
    closed = window_of(profile, table(window))
    assert ColumnCase(ReferenceView(profile, ModelSettings(), HOUR), closed, 0.01, 0).unseen == {}


@pytest.mark.parametrize(("n_names", "n_reference"), [(400, 20_000), (3_000, 10_000)])
def test_unchanged_columns_are_found_no_more_often_than_the_level_says(n_names: int, n_reference: int) -> None:
    n_windows, p_values = 100, []
    for seed in range(n_windows):
        if seed % 10 == 0:
            profile = profile_of(table(drawn(n_reference, 1_000 + seed, n_names)))
        found = outcomes(drawn(1_000, 2_000 + seed, n_names), profile, ANY_SIZE)
        p_values += [each.statistic.p_value or 0.0 for each in found if each.check == "quality.unseen"]
    assert len(p_values) == n_windows
    for level in (0.2, 0.05):
        assert np.sum(np.array(p_values) <= level) <= level * n_windows + 3 * math.sqrt(level * n_windows)
