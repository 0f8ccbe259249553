from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline.checks.columns import window_check
from driftline.checks.columns.window_check import shown_columns
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.durations import Duration
from driftline.config.model import (
    AlertSettings,
    Budget,
    CheckSettings,
    ColumnSettings,
    ModelSettings,
    WindowSettings,
    hours,
)
from driftline.events.output_record import event_record
from driftline.profiles.building.table import ReferenceTable
from tests.support.windows import HOUR, KEY, budget_of, examine_window, profile_of, table_of, window_of

if TYPE_CHECKING:
    from collections.abc import Sequence

PROFILE = profile_of(table_of(20_000))


def test_an_unchanged_window_gives_no_finding_and_all_columns() -> None:
    verdict = examine_window(PROFILE, window_of(PROFILE, table_of(2_000, 1)), budget_of())
    assert verdict.findings == ()
    (event,) = verdict.events
    assert [column.name for column in event.columns] == ["x", "channel", "prediction", "score"]
    assert (event.n, event.n_reference, event.n_findings, event.n_columns) == (2_000, 20_000, 0, 4)
    assert event.offsets == {"predictions": {"3": (5, 9), "11": (7, 8)}}
    assert set(event.columns[0].distances) == {"psi", "jensen_shannon", "kolmogorov_smirnov"}
    assert set(event.columns[1].distances) == {"psi", "jensen_shannon"}


def test_a_shifted_column_is_found_with_its_evidence() -> None:
    table = table_of(2_000, 1, mean=0.8)
    verdict = examine_window(PROFILE, window_of(PROFILE, table), budget_of())
    (finding,) = verdict.findings
    assert (finding.column, finding.check, finding.role) == ("x", "distribution.pearson", "feature")
    assert finding.finding_id == finding.ce_id
    assert finding.effect is not None
    assert finding.level is not None
    assert finding.statistic.p_value is not None
    assert finding.effect.corrected >= 2.5 * finding.effect.gate
    assert finding.severity == "critical"
    assert finding.statistic.p_value <= finding.level.level
    # The evidence suffices to compute the effect again.
    assert finding.histograms is not None
    here, there = np.array(finding.histograms.current), np.array(finding.histograms.reference)
    assert (here.sum(), there.sum()) == (finding.n, finding.n_reference) == (2_000, 20_000)
    p, q = (here + 0.5) / (here + 0.5).sum(), (there + 0.5) / (there + 0.5).sum()
    assert finding.effect.raw == pytest.approx(float(((p - q) * np.log(p / q)).sum()), rel=1e-12)
    assert finding.message.startswith(f"x: PSI {finding.effect.raw:.2f} (corrected {finding.effect.corrected:.2f}, ")
    assert verdict.events[0].n_findings == 1


def test_a_real_change_that_does_not_matter_is_no_finding() -> None:
    table = table_of(50_000, 1, mean=0.1)
    verdict = examine_window(PROFILE, window_of(PROFILE, table), budget_of())
    test = verdict.events[0].columns[0].test
    assert test is not None
    assert test.p_value < 1e-15
    assert verdict.findings == ()


def test_a_large_change_that_may_be_chance_is_no_finding() -> None:
    table = table_of(30, 1, mean=0.5)
    verdict = examine_window(PROFILE, window_of(PROFILE, table), budget_of())
    psi = verdict.events[0].columns[0].distances["psi"]
    assert psi.raw > 0.1
    assert verdict.findings == ()


def test_missing_values_are_a_finding_of_quality_not_of_distribution() -> None:
    table = table_of(2_000, 1, missing=0.08)
    (finding,) = examine_window(PROFILE, window_of(PROFILE, table), budget_of()).findings
    assert (finding.check, finding.family, finding.column) == ("quality.missing", "quality", "x")
    assert finding.effect is not None
    assert finding.histograms is not None
    absent = int(np.isnan(np.asarray(table.features["x"])).sum())
    assert finding.effect.corrected == absent / 2_000
    assert finding.histograms.bins == ["present", "missing"]
    assert finding.histograms.current == [2_000 - absent, absent]
    assert f"{absent} of 2,000" in finding.message


def test_fewer_missing_values_than_in_the_reference_are_a_finding_too() -> None:
    profile = profile_of(table_of(20_000, missing=0.2))
    (finding,) = examine_window(profile, window_of(profile, table_of(2_000, 1)), budget_of()).findings
    assert finding.effect is not None
    assert finding.effect.raw < 0
    assert finding.effect.corrected == -finding.effect.raw


def test_a_column_that_vanished_is_found_and_has_no_distances() -> None:
    table = table_of(2_000, 1)
    gone = ReferenceTable(2_000, {**table.features, "x": np.full(2_000, np.nan)}, table.prediction, table.score)
    verdict = examine_window(PROFILE, window_of(PROFILE, gone), budget_of())
    (finding,) = verdict.findings
    assert finding.check == "quality.vanished"
    column = verdict.events[0].columns[0]
    assert (column.n, column.absent.missing, column.distances, column.test, column.mean) == (0, 2_000, {}, None, None)


def test_unseen_categories_are_named() -> None:
    table = table_of(2_000, 1)
    channels = ["phone" if i % 4 == 0 else "web" if i % 2 else "branch" for i in range(2_000)]
    changed = ReferenceTable(2_000, {**table.features, "channel": channels}, table.prediction, table.score)
    verdict = examine_window(PROFILE, window_of(PROFILE, changed), budget_of())
    assert [finding.check for finding in verdict.findings] == ["distribution.pearson", "quality.unseen"]
    for finding in verdict.findings:
        assert finding.column == "channel"
        assert finding.unseen == {"phone": 500}
    assert verdict.events[0].columns[1].unseen == 500


def test_moments_come_in_the_columns_unit() -> None:
    x = np.array([18.0, 20.0, 21.0, 90.0] * 50)
    profile = profile_of(ReferenceTable(200, {"age": x}, [0, 1] * 100))
    window = window_of(profile, ReferenceTable(200, {"age": x + 1}, [0, 1] * 100))
    age = examine_window(profile, window, budget_of()).events[0].columns[0]
    assert (age.mean, age.reference_mean, age.minimum, age.maximum) == (38.25, 37.25, 19.0, 91.0)
    assert age.standard_deviation == pytest.approx(x.std(), abs=1e-2)
    assert age.out_of_range == 50


def test_sliding_windows_get_no_verdict() -> None:
    window = window_of(PROFILE, table_of(2_000, 1, mean=0.8), "sliding")
    verdict = examine_window(PROFILE, window, budget_of())
    assert verdict.findings == ()
    assert verdict.events[0].window.kind == "sliding"
    assert verdict.events[0].columns[0].distances["psi"].raw > 0.1


def test_a_sliding_window_of_the_same_events_shows_the_columns_of_the_verdict_window() -> None:
    table = table_of(2_000, 1, mean=0.8)
    verdict, sliding = (window_of(PROFILE, table, kind) for kind in ("tumbling", "sliding"))
    beside = verdict, examine_window(PROFILE, verdict, budget_of())
    alone = examine_window(PROFILE, sliding, budget_of())
    known = shown_columns(sliding, beside, ModelSettings())
    view = ReferenceView(PROFILE, budget_of().settings, HOUR)
    assert known == list(alone.events[0].columns)
    assert window_check.examine_window(view, sliding, budget_of(), known) == alone

    later = msgspec.structs.replace(sliding, start_ms=sliding.start_ms + 1)
    fewer = window_of(PROFILE, table_of(1_999, 1, mean=0.8), "sliding")
    simulated = ModelSettings(checks=CheckSettings(test="wasserstein"))
    assert shown_columns(later, beside, ModelSettings()) == []
    assert shown_columns(fewer, beside, ModelSettings()) == []
    assert shown_columns(sliding, beside, simulated) == []
    assert shown_columns(sliding, None, ModelSettings()) == []


def test_columns_come_in_blocks_of_fifty() -> None:
    rng = np.random.default_rng(0)
    table = ReferenceTable(600, {f"f{i:03}": rng.normal(size=600) for i in range(119)}, [0, 1] * 300)
    profile = profile_of(table)
    verdict = examine_window(profile, window_of(profile, table), budget_of())
    assert [(len(event.columns), event.block.index, event.block.of) for event in verdict.events] == [
        (50, 0, 3),
        (50, 1, 3),
        (20, 2, 3),
    ]
    assert len({event.ce_id for event in verdict.events}) == 3


def test_flags_say_what_makes_the_event_depend_on_more_than_the_input() -> None:
    profile = profile_of(table_of(5_000), origin="bootstrap")
    verdict = examine_window(profile, window_of(profile, table_of(600, 1), flags=("after_idle",)), budget_of())
    assert verdict.events[0].flags == ["after_idle", "bootstrap"]


def test_importance_comes_from_the_profile() -> None:
    settings = ModelSettings(columns={"x": ColumnSettings(importance=3.0)})
    profile = profile_of(table_of(5_000), settings)
    findings = examine_window(profile, window_of(profile, table_of(2_000, 1, mean=1)), budget_of(settings)).findings
    assert findings
    assert {finding.importance for finding in findings} == {3.0}


def test_a_profile_that_counted_nothing_compares_nothing() -> None:
    profile = profile_of(table_of(5_000), origin="bootstrap", grid_only=True)
    verdict = examine_window(profile, window_of(profile, table_of(600, 1, mean=3)), budget_of())
    assert verdict.findings == ()
    assert all(column.test is None and not column.distances for column in verdict.events[0].columns)


def test_numbers_out_of_all_bounds_leave_no_infinity_in_the_event() -> None:
    labels = [0, 1] * 300
    tame: dict[str, np.ndarray | Sequence[object]] = {
        "wide": np.linspace(-1e150, 1e150, 600),
        "tiny": np.linspace(0, 1e-320, 600),
        "constant": np.ones(600),
    }
    profile = profile_of(ReferenceTable(600, tame, labels))
    wild = np.array([1.7e308, -1.7e308, 0.0, np.inf] * 150)
    table = ReferenceTable(600, dict.fromkeys(tame, wild), labels)
    verdict = examine_window(profile, window_of(profile, table), budget_of())
    value = event_record(verdict.events[0], "s").value
    assert value is not None
    numbers = [n for n in _numbers(msgspec.json.decode(value)) if isinstance(n, float)]
    assert numbers
    assert all(math.isfinite(number) for number in numbers)


def _numbers(value: object) -> list[object]:
    if isinstance(value, dict):
        return [number for part in value.values() for number in _numbers(part)]
    if isinstance(value, list):
        return [number for part in value for number in _numbers(part)]
    return [value]


def test_the_same_window_gives_the_same_bytes() -> None:
    def run() -> list[bytes | None]:
        verdict = examine_window(PROFILE, window_of(PROFILE, table_of(2_000, 1, mean=0.8)), budget_of())
        return [event_record(event, "s").value for event in (*verdict.events, *verdict.findings)]

    assert run() == run()


def test_ids_differ_by_size_of_window_though_its_span_is_the_same() -> None:
    window = window_of(PROFILE, table_of(2_000, 1, mean=0.8))
    settings = ModelSettings(windows=WindowSettings(verdict=(hours(1), hours(2))))
    longer = msgspec.structs.replace(window, size_ms=2 * HOUR)
    one, two = (examine_window(PROFILE, each, budget_of(settings)) for each in (window, longer))
    assert one.events[0].ce_id != two.events[0].ce_id
    assert one.findings[0].ce_id != two.findings[0].ce_id


def test_unchanged_windows_stay_within_the_budget() -> None:
    # Without the gates the budget alone decides: 0.4 findings a window may be expected, and no more.
    checks = CheckSettings(min_psi=0.0, min_share_change=0.0)
    budget = Budget(pages=0.4, horizon=Duration(HOUR))
    windows = WindowSettings(verdict=(hours(1),))
    settings = ModelSettings(checks=checks, windows=windows, alerts=AlertSettings(false_alarm_budget=budget))
    context = budget_of(settings)
    n_windows = 400
    found = sum(
        len(examine_window(PROFILE, window_of(PROFILE, table_of(500, 100 + i, missing=0.0)), context).findings)
        for i in range(n_windows)
    )
    assert found <= 0.4 * n_windows + 4 * math.sqrt(0.4 * n_windows)
    assert found > 0


def test_the_key_names_model_and_version() -> None:
    (event,) = examine_window(PROFILE, window_of(PROFILE, table_of(600, 1)), budget_of()).events
    assert event_record(event, "s").key == str(KEY).encode() == b"m@2"


@pytest.mark.parametrize("n", [300, 2_000])
@pytest.mark.parametrize("moved", [0.5, 1.0])
def test_a_column_that_was_constant_in_the_reference_is_found_when_it_varies(n: int, moved: float) -> None:
    constant = table_of(20_000)
    profile = profile_of(replace(constant, features={**constant.features, "x": np.full(20_000, 0.25)}))
    x = np.full(n, 0.25)
    same = table_of(n, 1)
    unchanged = examine_window(
        profile, window_of(profile, replace(same, features={**same.features, "x": x})), budget_of()
    )
    assert unchanged.findings == ()
    x = np.where(np.arange(n) < moved * n, np.random.default_rng(2).normal(size=n), x)
    finding, beyond = examine_window(
        profile, window_of(profile, replace(same, features={**same.features, "x": x})), budget_of()
    ).findings
    assert (beyond.column, beyond.check) == ("x", "quality.out_of_range")
    assert (finding.column, finding.check, finding.severity) == ("x", "distribution.pearson", "critical")
    assert finding.histograms is not None
    assert finding.histograms.bins == ["< 0.25", "0.25", "> 0.25"] or moved == 1
