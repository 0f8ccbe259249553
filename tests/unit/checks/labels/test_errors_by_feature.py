"""Errors and labels by the values of features: what is found, what it says, and why nothing is compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from driftline.alerts.wording import words_of
from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceCase, PerformanceRevision
from driftline.checks.labels.errors_by_feature import errors_by_feature
from driftline.checks.labels.feature_evidence import errors_by_feature_of, feature_remarks
from driftline.checks.labels.feature_spread import spread_of_part
from driftline.events.by_feature import ValueErrors
from driftline.profiles.error_spread import SpreadOfMetric
from driftline.sketches.feature_errors import counts_of
from tests.support.by_feature import cells_of, evidence_of
from tests.support.windows import HOUR, KEY, independent, judged
from tests.unit.profiles.test_feature_errors import ON, profile_of, table_of

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import FeatureEvidence
    from driftline.profiles.profile import Profile

PROFILE, NUMBERS = profile_of(table_of()), profile_of(table_of(regression=True))
BEFORE = cells_of(PROFILE, 20_000, 0)
SETTINGS = independent(ON)


def case_of(evidence: FeatureEvidence, profile: Profile = PROFILE) -> PerformanceCase:
    assert profile.performance is not None
    revision = PerformanceRevision(
        key=KEY,
        segment="all",
        start_ms=0,
        end_ms=HOUR,
        vector=profile.performance,
        offsets={},
        revision=0,
        age_ms=HOUR,
        final=False,
        tested=True,
        by_feature=evidence,
    )
    return PerformanceCase(
        profile, revision, PerformanceBaseline(vector=profile.performance, origin="reference"), SETTINGS
    )


def test_errors_that_rose_at_some_values_are_found_with_the_values_and_both_rates() -> None:
    age = PROFILE.feature_groups[0]
    now = cells_of(PROFILE, 2_000, 1, wrong_at={7: 0.3, 8: 0.3})
    found = judged(errors_by_feature.examine(case_of(evidence_of(now, BEFORE))), 1e-4)
    assert [(each.check, each.column, each.severity) for each in found] == [("concept.errors", "age", "warning")]
    (finding,) = found
    bound = age.labels[7].split(", ")[0][1:]
    assert finding.message.startswith(f"errors rose where `age` >= {bound}: ")
    assert "; elsewhere " in finding.message
    group = finding.group
    assert isinstance(group, ValueErrors)
    assert (group.values, group.n) == (f">= {bound}", finding.n)
    assert 0.25 < group.wrong / group.n < 0.35
    assert 0.08 < group.wrong_reference / group.n_reference < 0.12
    assert finding.effect is not None
    assert finding.effect.current == group.wrong / group.n
    words = words_of(finding)
    assert words.title.startswith(f"errors where age >= {bound}: 10 % → ")
    assert words.what == f"errors have risen where `age` >= {bound}"


def test_errors_that_moved_between_values_are_found_though_as_many_are_wrong_as_before() -> None:
    now = cells_of(PROFILE, 4_000, 1, wrong=0.07, wrong_at={8: 0.3})
    (finding,) = judged(errors_by_feature.examine(case_of(evidence_of(now, BEFORE))), 1e-4)
    assert isinstance(finding.group, ValueErrors)
    assert finding.group.values == PROFILE.feature_groups[0].labels[8]
    assert counts_of(now)[0, :, 1].sum() / 4_000 == pytest.approx(0.1, abs=0.01)


def test_errors_that_rose_alike_everywhere_are_no_finding() -> None:
    now = cells_of(PROFILE, 4_000, 1, wrong=0.25)
    assert judged(errors_by_feature.examine(case_of(evidence_of(now, BEFORE))), 1e-3) == []


@pytest.mark.parametrize(("rate", "word", "label"), [(0.8, "rose", "rise"), (0.2, "fell", "fall")])
def test_labels_that_became_more_or_fewer_at_some_values_are_found(rate: float, word: str, label: str) -> None:
    now = cells_of(PROFILE, 2_000, 1, positive_at={3: rate})
    (finding,) = judged(errors_by_feature.examine(case_of(evidence_of(now, BEFORE))), 1e-4)
    values = PROFILE.feature_groups[0].labels[3]
    assert finding.check == "concept.labels", label
    assert finding.message.startswith(f"labels `1` {word} where `age` is in {values}: 5")
    assert finding.effect is not None
    assert finding.effect.current == pytest.approx(rate, abs=0.06)
    assert (finding.effect.raw > 0) == (word == "rose")
    assert words_of(finding).title.startswith(f"positive labels where age = {values}: 5")


def test_the_labels_of_numbers_are_not_compared_and_large_errors_are_named_by_their_limit() -> None:
    before, now = cells_of(NUMBERS, 20_000, 0), cells_of(NUMBERS, 2_000, 1, wrong_at={8: 0.4}, positive_at={3: 0.9})
    found = judged(errors_by_feature.examine(case_of(evidence_of(now, before), NUMBERS)), 1e-4)
    assert [each.check for each in found] == ["concept.errors"]
    assert found[0].message.startswith("errors above 1.")


def test_the_event_says_the_rates_or_why_there_are_none() -> None:
    now = cells_of(PROFILE, 2_000, 1)
    told = errors_by_feature_of(PROFILE, SETTINGS, evidence_of(now, BEFORE))
    assert told is not None
    assert (told.why_not, told.baseline, told.limit) == (None, "reference", None)
    assert [each.column for each in told.features] == ["age", "channel"]
    for each in told.features:
        assert sum(group.n for group in each.groups) == 2_000
        assert sum(group.n_reference for group in each.groups) == 20_000
    of_numbers = errors_by_feature_of(NUMBERS, SETTINGS, evidence_of(now, BEFORE))
    assert of_numbers is not None
    assert of_numbers.limit == pytest.approx(1.3, abs=0.15)
    reasons = [
        (PROFILE, evidence_of(now, None), "the reference has no errors by feature, and the first windows have 0 of"),
        (PROFILE, evidence_of(0 * now, BEFORE), "the predictions were made before"),
        (replace(PROFILE, origin="bootstrap"), evidence_of(now, BEFORE), "driftline learnt the reference"),
        (replace(NUMBERS, feature_errors=None), evidence_of(now, BEFORE), "the reference does not say which errors"),
        (replace(PROFILE, task=replace(PROFILE.task, weighted=True)), evidence_of(now, BEFORE), "labels have weights"),
    ]
    for profile, evidence, why in reasons:
        told = errors_by_feature_of(profile, SETTINGS, evidence)
        assert told is not None
        assert told.why_not is not None
        assert told.why_not.startswith(why)
        assert (told.features, told.baseline) == ([], None)
        assert [*errors_by_feature.examine(case_of(evidence, replace(profile, performance=PROFILE.performance)))] == []


def test_whoever_builds_a_reference_is_told_what_it_lacks() -> None:
    assert feature_remarks(PROFILE, SETTINGS) == []
    (without,) = feature_remarks(replace(PROFILE, feature_errors=None), SETTINGS)
    assert without.startswith("errors by feature are compared with the first 1,000 labelled predictions or more")
    (numbers,) = feature_remarks(replace(NUMBERS, feature_errors=None), SETTINGS)
    assert numbers.startswith("errors are not compared by feature: the reference does not say which errors of a")
    assert feature_remarks(replace(NUMBERS, feature_errors=None), independent()) == []


def test_nothing_is_tested_or_told_where_it_is_off() -> None:
    off = SETTINGS.replace(performance=structs.replace(SETTINGS.performance, by_feature=0))
    assert errors_by_feature.tests(off) == 0
    assert errors_by_feature.tests(SETTINGS) == 1
    assert errors_by_feature_of(PROFILE, off, None) is None


def test_a_group_that_varies_more_than_the_others_has_its_own_spread() -> None:
    usual = {group: SpreadOfMetric(1.1, 41, 50.0) for group in range(8)}
    assert spread_of_part(usual, [3]).dispersion == pytest.approx(1.1)
    bursts = usual | {3: SpreadOfMetric(9.0, 41, 50.0)}
    assert spread_of_part(bursts, [3]) == bursts[3]
    assert spread_of_part(bursts, [2, 3]) == bursts[3]
    assert spread_of_part(bursts, [2]).dispersion == pytest.approx((7 * 1.1 + 9) / 8)
