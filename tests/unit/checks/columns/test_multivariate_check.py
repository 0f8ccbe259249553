"""Windows whose numeric features have changed only together."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from driftline.alerts.policy import cause_of
from driftline.checks.columns.multivariate_check import Inflation
from driftline.config.model import CheckSettings, ColumnSettings, ModelSettings
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.bottom_k import sample_rows
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.joint import complete_rows
from tests.support.windows import budget_of, examine_window, profile_of, window_of

if TYPE_CHECKING:
    from driftline.checks.contract.verdict import Verdict
    from driftline.config.model import MultivariateCheck
    from driftline.events.finding import FindingEvent
    from driftline.events.window import WindowEvent
    from driftline.profiles.profile import Profile

ALL: tuple[MultivariateCheck, ...] = ("correlation", "reconstruction", "mean_embedding")
SETTINGS = ModelSettings(checks=CheckSettings(multivariate=ALL), columns={"income": ColumnSettings(importance=3.0)})


def table_of(n: int, seed: int, *, sign: float = 1.0, missing: float = 0.0) -> ReferenceTable:
    """Return rows of three correlated features and one of its own."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    age, limit, income = (0.97 * common + 0.243 * rng.normal(size=n) for _ in range(3))
    features = {"age": age, "limit": limit, "income": sign * income, "other": rng.normal(size=n)}
    features["age"][rng.random(n) < missing] = np.nan
    return ReferenceTable(n, dict(features), rng.integers(0, 2, n).tolist(), None)


def verdict_of(table: ReferenceTable, settings: ModelSettings = SETTINGS) -> Verdict[WindowEvent]:
    profile = profile_of(table_of(20_000, 1), settings)
    return examine_window(profile, window_of(profile, table), budget_of(settings))


def together(verdict: Verdict[WindowEvent]) -> dict[str, FindingEvent]:
    return {finding.check: finding for finding in verdict.findings if finding.family == "multivariate"}


def test_a_flipped_feature_is_found_by_every_check_and_by_no_column() -> None:
    verdict = verdict_of(table_of(2_000, 2, sign=-1.0))
    found = together(verdict)
    assert {finding.family for finding in verdict.findings} == {"multivariate"}
    assert sorted(found) == [f"multivariate.{name}" for name in sorted(ALL)]
    for finding in found.values():
        assert (finding.column, finding.role, finding.n, finding.n_reference) == (None, None, 2_000, 20_000)
        assert cause_of(finding) == "data drift"
        assert finding.level is not None
        assert finding.level.in_budget
    correlation = found["multivariate.correlation"]
    assert correlation.effect is not None
    assert (correlation.effect.reference, correlation.effect.current) == pytest.approx((0.94, -0.94), abs=0.02)
    assert correlation.message.startswith("correlation of ")
    assert "income" in correlation.message
    assert correlation.importance == 3.0
    assert "in income" in found["multivariate.reconstruction"].message


def test_nothing_is_found_where_nothing_changed() -> None:
    verdict = verdict_of(table_of(2_000, 3))
    assert together(verdict) == {}
    p_values = {each.check: each.p_value for each in verdict.statistics if each.check.startswith("multivariate.")}
    assert sorted(p_values) == [f"multivariate.{name}" for name in sorted(ALL)]
    assert all(p is not None and p > 1e-4 for p in p_values.values())


def test_a_change_too_small_to_matter_is_no_finding() -> None:
    checks = CheckSettings(
        multivariate=ALL, min_correlation_change=1.9, min_reconstruction_change=50.0, min_embedding_distance=1.9
    )
    verdict = verdict_of(table_of(2_000, 2, sign=-1.0), ModelSettings(checks=checks))
    assert together(verdict) == {}
    assert min(each.p_value or 0 for each in verdict.statistics if each.check == "multivariate.correlation") < 1e-100


def test_only_complete_events_count_and_few_are_too_few() -> None:
    half = together(verdict_of(table_of(2_000, 2, sign=-1.0, missing=0.5)))
    assert 900 < half["multivariate.correlation"].n < 1_100
    assert together(verdict_of(table_of(2_000, 2, sign=-1.0, missing=0.97))) == {}


def test_a_reference_that_keeps_nothing_together_takes_no_part() -> None:
    profile = profile_of(table_of(20_000, 1), ModelSettings(checks=CheckSettings(multivariate=())))
    verdict = examine_window(profile, window_of(profile, table_of(2_000, 2, sign=-1.0)), budget_of(SETTINGS))
    assert together(verdict) == {}
    assert not [each for each in verdict.statistics if each.check.startswith("multivariate.")]


def test_each_check_is_one_test_of_a_window() -> None:
    levels = []
    for checks in ((), ALL):
        settings = ModelSettings(checks=CheckSettings(multivariate=checks))
        levels.append(budget_of(settings).tests_per_window(5))
    assert levels[1] - levels[0] == 3


def test_an_estimated_dispersion_widens_the_tail() -> None:
    assert Inflation(1.0, math.inf, calibrating=False).widened(1e-6) == 1e-6
    widened = Inflation(4.0, 30.0, calibrating=False).widened(1e-6)
    assert widened == pytest.approx(2 * stats.t.sf(stats.norm.isf(5e-7), 30))
    assert widened > 1e-5


def test_while_the_dispersion_is_learnt_nothing_pages() -> None:
    settings = ModelSettings(checks=CheckSettings(multivariate=ALL))
    profile = profile_of(table_of(20_000, 1), settings)
    window = window_of(profile, table_of(2_000, 2, sign=-1.0))
    context = budget_of().__class__(settings=settings, settings_hash="x", has_labels=False, source="test")
    found = together(examine_window(profile, window, context))
    assert sorted(found) == [f"multivariate.{name}" for name in sorted(ALL)]
    assert {finding.severity for finding in found.values()} == {"info"}
    assert all(finding.level is not None and not finding.level.in_budget for finding in found.values())


def test_a_classifier_on_sampled_rows_tells_a_changed_window() -> None:
    settings = ModelSettings(checks=CheckSettings(multivariate=("domain_classifier",)))
    profile = profile_of(table_of(20_000, 1), settings)
    assert profile.joint is not None
    found = {}
    for sign in (1.0, -1.0):
        table = table_of(2_000, 2, sign=sign)
        others = np.asarray(table.features["other"]) * (1.0 if sign > 0 else 3.0)
        table = replace(table, features={**table.features, "other": others})
        window = window_of(profile, table)
        z, _ = complete_rows(profile.joint, profile.layout.numeric, encoded_of(profile, table))
        hashes = np.random.default_rng(3).integers(0, 2**60, table.n).astype(np.uint64)
        window.sketch.rows = dict(sample_rows(z, hashes, np.zeros(table.n, dtype=np.int64)))[0]
        found[sign] = together(examine_window(profile, window, budget_of(settings)))
    assert found[1.0] == {}
    finding = found[-1.0]["multivariate.domain_classifier"]
    assert finding.n == 300
    assert finding.effect is not None
    assert finding.effect.corrected > 0.6
    assert "most of all by other" in finding.message


def encoded_of(profile: Profile, table: ReferenceTable) -> EncodedColumns:
    values = {**table.features, "prediction": table.prediction or []}
    encoded = [encode_values(column, values[column.name]) for column in profile.columns]
    return EncodedColumns.of(encoded, table.n)
