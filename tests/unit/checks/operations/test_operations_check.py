"""What is said of how predictions are made: messages, and which of the tests and limits speak."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from driftline.alerts.policy import cause_of
from driftline.alerts.roots import root_of
from driftline.alerts.wording import words_of
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.operations.case import Activity, EarlierWindow, OperationsCase, OperationsWindow
from driftline.checks.operations.operations_check import examine_operations, measure_summary
from driftline.checks.operations.silence import model_silence
from driftline.config.model import ModelSettings, OperationsSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.sketches.operations import Measure
from tests.support.operations import made_operations

KEY, HOUR_MS = ModelKey("loan", "1"), 3_600_000
EARLIER = [EarlierWindow(1_000, hour % 3, made_operations(0).latency, slow=False) for hour in range(24)]


def examined(  # type: ignore[no-untyped-def]  # noqa: ANN201
    n_failed: int,
    factor: float = 1.0,
    *,
    earlier: list[EarlierWindow] = EARLIER,
    usage: dict[str, float] | None = None,
    **limits: object,
):
    model = ModelSettings(operations=OperationsSettings(**limits))  # type: ignore[arg-type]  # its fields
    settings = replace(Settings(), defaults=model)
    now = made_operations(n_failed, factor, usage=usage or {}).operations
    window = OperationsWindow(KEY, 0, HOUR_MS, 1_000, now, Activity(None, None), {0: (0, 999)}, frozenset())
    return examine_operations(window, OperationsCase(0, 1_000, now, earlier, model), ErrorBudget.of(settings, "loan"))


def test_unchanged_predictions_find_nothing() -> None:
    verdict = examined(2)
    assert (verdict.event.status, verdict.findings, verdict.tested) == ("usual", (), True)
    assert (verdict.event.n, verdict.event.n_reference) == (1_000, 24_000)


def test_failures_are_told_with_their_reasons() -> None:
    verdict = examined(90)
    (finding,) = verdict.findings
    assert (finding.check, finding.baseline, finding.n_reference) == ("operations.failed", "earlier windows", 24_000)
    assert finding.message.startswith("failed predictions: 0.100 % -> 9.00 % of all (a rise matters from 1.00 %); p = ")
    assert finding.message.endswith("; 90 timeout")
    assert (finding.severity, cause_of(finding)) == ("critical", "operations")
    assert verdict.event.status == "degraded"


def test_a_slow_model_is_told_by_its_tail() -> None:
    (finding,) = examined(0, 1.6).findings
    assert finding.check == "operations.slow"
    assert "95th percentile of latency: 38.8 ms -> " in finding.message
    assert finding.effect is not None
    assert 0.55 < finding.effect.corrected < 0.65
    assert examined(0, 1.15).findings == (), "a rise by 15 % does not matter"


def test_limits_need_no_earlier_windows() -> None:
    verdict = examined(90, 2.0, earlier=[], max_failed=0.05, max_p95_ms=50.0, max_p99_ms=1_000.0)
    assert [finding.check for finding in verdict.findings] == ["operations.max_failed", "operations.max_p95_ms"]
    failed, slow = verdict.findings
    assert failed.message == "90 of 1,000 predictions failed (9.00 %), more than 5.00 %: 90 timeout"
    assert slow.message.startswith("5.00 % of 1,000 predictions took longer than 77")
    assert all(finding.level is not None and not finding.level.in_budget for finding in verdict.findings)
    assert [words_of(finding).title for finding in verdict.findings] == [
        "failed predictions 9.0 %, limit 5.0 %",
        "latency p95 77.5 ms, limit 50 ms",
    ]
    assert examined(90, earlier=[]).tested is False
    assert examined(90, earlier=[]).event.status == "calibrating"


def using(raised: tuple[str, ...] = (), **usage: float) -> EarlierWindow:
    """Return an earlier window of predictions that used something."""
    made = made_operations(0, usage=usage).operations
    return EarlierWindow(1_000, 0, made.measures["latency_ms"], slow=False, measures=made.measures, raised=raised)


def test_more_memory_than_before_is_told_by_its_tail() -> None:
    earlier = [using(memory_bytes=1e9, cpu_ms=4) for _ in range(24)]
    (finding,) = examined(0, earlier=earlier, usage={"memory_bytes": 2e9, "cpu_ms": 4}).findings
    assert finding.check == "operations.resource.memory_bytes"
    assert finding.message.startswith("95th percentile of memory_bytes: 1,920,000,000 -> 3,840,000,000 (a rise matters")
    assert finding.effect is not None
    assert 0.95 < finding.effect.corrected < 1.05
    assert finding.level is not None
    assert finding.level.level == 0.01 / (720 * 3) / 2, "two measures have half of a test each"
    assert (cause_of(finding), root_of(finding)) == ("operations", "resource use")
    assert words_of(finding).clause == "predictions use more `memory_bytes` than before (p95 1.92 → 3.84 GB)"
    both = examined(0, earlier=earlier, usage={"memory_bytes": 2e9, "cpu_ms": 9}).findings
    assert [words_of(each).title for each in both] == [
        "cpu_ms: p95 7.7 → 17.4 ms",
        "memory_bytes: p95 1.92 → 3.84 GB",
    ]
    assert examined(0, earlier=earlier, usage={"memory_bytes": 1.15e9}).findings == ()
    assert examined(0, earlier=EARLIER, usage={"memory_bytes": 2e9}).findings == (), "nobody knows what it was before"


def test_what_a_model_used_in_the_latest_windows_becomes_what_it_uses() -> None:
    before = [using(memory_bytes=1e9) for _ in range(24)]
    more = [using(("memory_bytes",), memory_bytes=2e9) for _ in range(14)]
    usage = {"memory_bytes": 2e9}
    assert len(examined(0, earlier=[*before, *more[1:]], usage=usage).findings) == 1
    assert examined(0, earlier=[*before, *more], usage=usage).findings == ()


def test_limits_of_memory_need_no_earlier_windows() -> None:
    verdict = examined(
        0,
        earlier=[],
        usage={"memory_bytes": 1e9, "cpu_ms": 4.0},
        max_p99={"memory_bytes": 2e9, "cpu_ms": 50.0},
        max_p95={"cpu_ms": 7.0, "absent": 1.0},
    )
    assert verdict.tested
    assert [finding.check for finding in verdict.findings] == [
        "operations.max_p95.cpu_ms",
        "operations.max_p99.memory_bytes",
    ]
    assert [words_of(finding).title for finding in verdict.findings] == [
        "cpu_ms: p95 7.72 ms, limit 7 ms",
        "memory_bytes: p99 2.53 GB, limit 2 GB",
    ]
    assert verdict.findings[1].message == (
        "1.00 % of 1,000 predictions had a memory_bytes above 2,530,000,000; the limit is 2,000,000,000"
    )
    assert all(finding.level is not None and not finding.level.in_budget for finding in verdict.findings)


def test_a_limit_that_is_nearly_reached_keeps_an_alert_open() -> None:
    limits: dict[str, Any] = {"max_failed": 0.05, "max_p95_ms": 50.0, "max_p99": {"memory_bytes": 4e9}}
    verdict = examined(30, earlier=[], usage={"memory_bytes": 1e9}, **limits)
    assert verdict.findings == ()
    assert verdict.lingering == {
        "operations.max_failed//",
        "operations.max_p95_ms//",
        "operations.max_p99.memory_bytes//",
    }
    assert examined(24, 0.6, earlier=[], usage={"memory_bytes": 5e8}, **limits).lingering == frozenset()
    assert examined(0, earlier=[], max_failed=0.0).lingering == frozenset(), "no failure is none too many"


def test_a_window_without_predictions_has_figures_of_none() -> None:
    window = OperationsWindow(
        KEY, 0, HOUR_MS, 0, made_operations(0, n=1).operations, Activity(HOUR_MS, HOUR_MS), {}, frozenset()
    )
    verdict = examine_operations(window, None, ErrorBudget.of(Settings(), "loan"))
    assert (verdict.event.status, verdict.event.failed_share, verdict.event.uptime_share) == ("waiting", 0.0, 0.0)
    assert verdict.tested is False
    assert measure_summary(Measure()) is None


def test_silence_says_the_same_whenever_it_is_noticed() -> None:
    budget = ErrorBudget.of(Settings(), "loan")
    verdict = model_silence(KEY, 10_000, 60_000, (), budget)
    (finding,) = verdict.findings
    assert finding.message.startswith("no prediction of `loan` for 1m. Either nobody asks the model, or ")
    assert (finding.window.start, finding.window.end) == ("1970-01-01T00:00:10.000Z", "1970-01-01T00:01:10.000Z")
    assert (cause_of(finding), words_of(finding).title) == ("silence", "no predictions for 1m")
