from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline.checks.contract.closed_window import PerformanceBaseline, SegmentEvidence, SegmentWindow
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.labels.performance_check import examine_performance
from driftline.config.model import ModelSettings, PerformanceSettings
from driftline.config.settings import Settings
from driftline.events.explanation import Explained
from driftline.events.output_record import event_record
from driftline.performance.cases import Cases
from driftline.performance.metric_cases import cases_of
from driftline.profiles.error_spread import ErrorSpread, SpreadOfMetric
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import PREDICTED
from tests.support.windows import HOUR, KEY, budget_of
from tests.unit.checks.labels.test_performance_check import PROFILE, baseline_of, cut_of
from tests.unit.checks.labels.test_performance_tests import REGRESSION, of_task, regression_vector

if TYPE_CHECKING:
    from driftline.config.model import TestedMetric
    from driftline.events.finding import FindingEvent

COUNTRY = ModelSettings(segments={"country": ("DE", "FR"), "channel": ("web",)})
TASK = PROFILE.task


def counted(n: int, n_wrong: int) -> np.ndarray:
    """Return n predictions, of which some are wrong; half of both kinds are positive, at one score each."""
    layout = TASK.performance_layout
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    predicted = (np.arange(n) % 2).astype(np.float64)
    actual = np.where(np.arange(n) < n_wrong, 1 - predicted, predicted)
    add_joined(layout, LabelledPairs(predicted, actual, 0.25 + predicted / 2, np.ones(n, dtype=np.int64)), vector)
    vector[PREDICTED] = n
    return vector


def window(hour: int, **segments: tuple[int, int]) -> SegmentWindow:
    """Return a window of which ``others`` are in no segment."""
    vectors = {name.replace("_", "="): counted(*size) for name, size in segments.items()}
    parts = [vector for name, vector in vectors.items() if not name.startswith("channel")]
    vectors["all"] = np.sum(parts, axis=0)
    del vectors["others"]
    sums = {name: cases_of(TASK, vector) for name, vector in vectors.items()}
    return SegmentWindow(hour * HOUR, (hour + 1) * HOUR, "", sums)


def found_in(now: SegmentWindow, *earlier: SegmentWindow, settings: ModelSettings = COUNTRY) -> FindingEvent:
    cases = now.segments["all"]["accuracy"]
    vector = counted(round(cases.weight), round(cases.weight - cases.total))
    cut = msgspec.structs.replace(cut_of(vector), segments=SegmentEvidence(now, earlier))
    baseline = PerformanceBaseline(vector=counted(40_000, 2_000), origin="reference")
    verdict = examine_performance(PROFILE, cut, baseline, budget_of(settings))
    (finding,) = verdict.findings
    assert isinstance(finding.explained, Explained)
    assert isinstance(verdict.event.explained, list)
    assert verdict.event.explained[0] == finding.explained
    return finding


def explained(finding: FindingEvent) -> Explained:
    assert isinstance(finding.explained, Explained)
    return finding.explained


def test_traffic_that_moved_to_a_worse_segment_is_told() -> None:
    before = window(-1, country_DE=(200, 50), country_FR=(400, 20), others=(400, 20), channel_web=(500, 50))
    now = window(0, country_DE=(480, 120), country_FR=(260, 13), others=(260, 13), channel_web=(500, 80))
    finding = found_in(now, before, before)
    assert finding.message.endswith(
        "; against the last 2 windows without a finding, all of it is because the mix of country changed, above all "
        "country=DE from 20 % to 48 % of the labelled traffic"
    )
    by_country, by_channel = explained(finding).mix
    assert (by_country.field, by_channel.field) == ("country", "channel")
    assert [each.segment for each in by_country.segments] == ["country=DE", "country=FR", None]
    first = by_country.segments[0]
    assert (first.share, first.share_before, first.value, first.value_before) == (0.48, 0.2, 0.75, 0.75)
    compared = explained(finding).compared
    assert compared is not None
    assert compared.n_windows == 2
    assert compared.value == pytest.approx(0.91)
    for change in (by_country, by_channel):
        assert change.mix.value + change.within.value == pytest.approx(compared.change, abs=1e-9)
        for part, of_each in (
            (change.mix, [each.mix for each in change.segments]),
            (change.within, [each.within for each in change.segments]),
        ):
            assert sum(each.value for each in of_each) == pytest.approx(part.value, abs=1e-9)
    assert by_channel.mix.fraction == pytest.approx(0.0, abs=1e-9)


def test_one_segment_that_became_worse_is_told() -> None:
    before = window(-1, country_DE=(200, 10), country_FR=(400, 20), others=(400, 20), channel_web=(500, 25))
    now = window(0, country_DE=(200, 100), country_FR=(400, 20), others=(400, 20), channel_web=(500, 70))
    finding = found_in(now, before)
    assert finding.message.endswith(
        "; against the last window without a finding, all of it is because accuracy of segment country=DE went from "
        "95.0 % to 50.0 %"
    )


def test_a_segmentation_of_one_value_is_told_by_it() -> None:
    settings = ModelSettings(segments={"channel": ("web",)})
    before = window(-1, channel_web=(200, 80), others=(1_000, 110))
    now = window(0, channel_web=(600, 240), others=(1_000, 256))
    finding = found_in(now, before, settings=settings)
    assert "because segment channel=web went from 20 % to 60 % of the labelled traffic" in finding.message


def test_where_all_segments_become_worse_alike_none_is_blamed() -> None:
    before = window(-1, country_DE=(500, 25), country_FR=(300, 15), others=(200, 10), channel_web=(500, 25))
    now = window(0, country_DE=(500, 100), country_FR=(300, 60), others=(200, 40), channel_web=(500, 100))
    finding = found_in(now, before)
    assert "country" not in finding.message
    assert finding.message.endswith("; all of it is because the same scores have other outcomes than in the baseline")


def test_without_segments_or_earlier_windows_it_is_said_so() -> None:
    now = window(0, country_DE=(480, 120), others=(520, 26))
    assert explained(found_in(now)).mix_missing == "no earlier windows"
    cut = cut_of(counted(1_000, 200))
    (finding,) = examine_performance(PROFILE, cut, baseline_of(4_000, 200), budget_of()).findings
    assert explained(finding).mix_missing == "no segments"
    assert (explained(finding).mix, explained(finding).compared) == ([], None)


def test_more_in_the_segments_than_in_all_is_said() -> None:
    now = window(0, country_DE=(480, 120), others=(520, 26))
    before = window(-1, country_DE=(480, 120), others=(520, 26))
    more = {**before.segments, "country=DE": {"accuracy": Cases(2_000.0, 1.0, 1.0, 2_000.0)}}
    found = explained(found_in(now, msgspec.structs.replace(before, segments=more)))
    assert (found.mix, found.mix_missing) == ([], "inconsistent counts")


def test_earlier_windows_without_the_metric_are_said() -> None:
    now = window(0, country_DE=(480, 120), others=(520, 26))
    assert explained(found_in(now, SegmentWindow(-HOUR, 0, "", {"all": {}}))).mix_missing == "no cases"


def test_positive_share_and_mean_score_stand_beside_the_metrics() -> None:
    now, before = window(0, country_DE=(480, 120), others=(520, 26)), window(-1, country_DE=(200, 50), others=(800, 40))
    cut = msgspec.structs.replace(cut_of(counted(1_000, 146)), segments=SegmentEvidence(now, (before,)))
    event = examine_performance(PROFILE, cut, baseline_of(40_000, 2_000), budget_of(COUNTRY)).event
    assert isinstance(event.explained, list)
    assert [each.metric for each in event.explained] == ["accuracy", "positive_share", "mean_score"]
    assert {each.scores_missing for each in event.explained[1:]} == {"not by score"}


def scored(shares: tuple[float, ...], rates: tuple[float, ...], n: int = 4_000) -> np.ndarray:
    """Return predictions at a few scores, of which fixed fractions are positive."""
    layout, vector = TASK.performance_layout, np.zeros(TASK.performance_layout.n_cells, dtype=np.int64)
    for score, share, rate in zip((0.1, 0.4, 0.6, 0.9), shares, rates, strict=True):
        size = round(n * share)
        actual = (np.arange(size) < round(size * rate)).astype(np.float64)
        signs = np.ones(size, dtype=np.int64)
        add_joined(
            layout, LabelledPairs(np.full(size, float(score > 0.5)), actual, np.full(size, score), signs), vector
        )
    vector[PREDICTED] = n
    return vector


SURE, UNSURE, RATES = (0.4, 0.1, 0.1, 0.4), (0.1, 0.4, 0.4, 0.1), (0.1, 0.4, 0.6, 0.9)


@pytest.mark.parametrize(
    ("shares", "rates", "words"),
    [
        (UNSURE, RATES, "all of it is because other scores came, which in the baseline too had such outcomes"),
        (SURE, (0.3, 0.4, 0.6, 0.7), "all of it is because the same scores have other outcomes than in the baseline"),
    ],
)
@pytest.mark.parametrize("metric", ["accuracy", "precision", "recall", "specificity"])
def test_other_scores_and_other_outcomes_are_told_apart(
    shares: tuple[float, ...], rates: tuple[float, ...], words: str, metric: TestedMetric
) -> None:
    settings = ModelSettings(performance=PerformanceSettings(metrics=(metric,)))
    baseline = PerformanceBaseline(vector=scored(SURE, RATES), origin="reference")
    verdict = examine_performance(PROFILE, cut_of(scored(shares, rates)), baseline, budget_of(settings))
    (finding,) = verdict.findings
    found = explained(finding)
    assert finding.message.endswith(words)
    assert finding.effect is not None
    assert found.change == pytest.approx(-finding.effect.raw, abs=1e-9)
    assert found.data is not None
    assert found.concept is not None
    assert found.data.value + found.concept.value == pytest.approx(found.change, abs=1e-9)
    assert found.outside == 0


def test_other_metrics_and_tasks_say_why_scores_explain_nothing() -> None:
    settings = ModelSettings(performance=PerformanceSettings(metrics=("brier",)))
    baseline = PerformanceBaseline(vector=scored(SURE, RATES), origin="reference")
    verdict = examine_performance(PROFILE, cut_of(scored(UNSURE, RATES)), baseline, budget_of(settings))
    assert explained(verdict.findings[0]).scores_missing == "not by score"
    baseline = PerformanceBaseline(vector=regression_vector(4_000, 0.5), origin="reference")
    verdict = examine_performance(of_task(REGRESSION), cut_of(regression_vector(800, 0.8, 1)), baseline, budget_of())
    found = explained(verdict.findings[0])
    assert (found.metric, found.scores_missing, found.change, found.outside) == ("mae", "not binary", None, None)


def test_errors_in_bursts_widen_the_standard_errors() -> None:
    profile = of_task(TASK, ErrorSpread(HOUR, {"accuracy": SpreadOfMetric(4.0, 200, 10_000.0)}))
    baseline = PerformanceBaseline(vector=scored(SURE, RATES), origin="reference")
    budget, errors = ErrorBudget.of(Settings(), KEY.model), []
    for each in (PROFILE, profile):
        (finding,) = examine_performance(each, cut_of(scored(UNSURE, RATES)), baseline, budget).findings
        data = explained(finding).data
        assert data is not None
        errors.append(data.standard_error)
    assert errors[1] == pytest.approx(2 * errors[0])


def test_without_a_finding_nothing_is_explained() -> None:
    verdict = examine_performance(PROFILE, cut_of(counted(1_000, 50)), baseline_of(4_000, 200), budget_of())
    assert verdict.event.explained is msgspec.UNSET
    value = event_record(verdict.event, "here").value
    assert value is not None
    assert b"explained" not in value
