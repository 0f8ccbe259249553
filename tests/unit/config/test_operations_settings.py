"""The limits of operations as people write them, and what they leave unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.durations import Duration
from driftline.config.fingerprint import model_settings_hash
from driftline.config.load import load_settings
from driftline.config.settings import Settings
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.model import ModelSettings


def loaded(tmp_path: Path, text: str) -> ModelSettings:
    path = tmp_path / "driftline.yaml"
    path.write_text(text)
    return load_settings(path, {}).model("m")


def test_limits_as_people_write_them(tmp_path: Path) -> None:
    text = "defaults: {operations: {max_failed: 5 %, max_p99_ms: 500, silence: 60s}}\n"
    text += "models: {m: {operations: {window: 1m}}}"
    operations = loaded(tmp_path, text).operations
    assert (operations.max_failed, operations.max_p99_ms) == (0.05, 500.0)
    assert (operations.silence, operations.window) == (Duration(60_000), Duration(60_000))


def test_fractions_of_any_setting_may_be_percentages(tmp_path: Path) -> None:
    model = loaded(tmp_path, "defaults: {checks: {min_share_change: 0.5%}, alerts: {shares: {1h: 25 %}}}")
    assert (model.checks.min_share_change, model.alerts.shares) == (0.005, {"1h": 0.25})


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("max_failed: 120 %", "max_failed"),
        ("max_failed: much", "max_failed"),
        ("max_p99_ms: 5 %", "max_p99_ms"),
        ("silence: 0s", "Expected a duration above zero, got '0ms'"),
        ("silence: soon", "silence"),
        ("window: 15s", "Expected a multiple of the pane (10s), got '15s'"),
    ],
)
def test_limits_that_cannot_be_are_refused(tmp_path: Path, section: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, f"defaults: {{operations: {{{section}}}}}")
    assert message in str(caught.value)
    assert "$.defaults.operations." in str(caught.value)


def test_nothing_changes_where_nothing_is_set(tmp_path: Path) -> None:
    usual = Settings()
    limited = load_settings(_written(tmp_path, "defaults: {operations: {silence: 60s}}"), {})
    assert model_settings_hash(limited, "m") != model_settings_hash(usual, "m")
    assert ErrorBudget.of(limited, "m").column_level(3_600_000, 10) == ErrorBudget.of(usual, "m").column_level(
        3_600_000, 10
    )
    assert usual.silence_limits_ms == frozenset()
    assert limited.silence_limits_ms == {60_000}


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "driftline.yaml"
    path.write_text(text)
    return path


def test_its_tests_have_a_hundredth_or_a_share(tmp_path: Path) -> None:
    usual = ErrorBudget.of(Settings(), "m")
    assert usual.shares == pytest.approx({"1h": 0.165, "1d": 0.165, "detectors": 0.66, "operations": 0.01})
    level = usual.operations_level()
    assert level.level == pytest.approx(0.01 / (720 * 3))
    assert "share 0.01 for operations" in level.derivation
    whole = load_settings(_written(tmp_path, "defaults: {alerts: {shares: {1h: 0.2, 1d: 0.2, detectors: 0.6}}}"), {})
    reduced = {"1h": 0.198, "1d": 0.198, "detectors": 0.594, "operations": 0.01}
    assert ErrorBudget.of(whole, "m").shares == pytest.approx(reduced), (
        "where they leave nothing, each gives a hundredth"
    )
    settings = load_settings(_written(tmp_path, "defaults: {alerts: {shares: {operations: 20 %}}}"), {})
    budget = ErrorBudget.of(settings, "m")
    assert budget.operations_level().level == pytest.approx(0.2 / (720 * 3))
    assert sum(budget.shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        (
            "{cpu_ms: /cpu, rss_bytes: /rss}",
            "a number that `predictions.fields.operations` maps (`cpu_ms`, `rss_bytes`)",
        ),
        ("{}", "a number that `predictions.fields.operations` maps, which maps none"),
    ],
)
def test_limits_are_of_numbers_that_are_mapped(tmp_path: Path, mapped: str, expected: str) -> None:
    text = f"predictions: {{fields: {{operations: {mapped}}}}}\n"
    text += "models: {m: {operations: {max_p99: {memory: 2e9}}}}"
    with pytest.raises(ConfigurationError) as error:
        load_settings(_written(tmp_path, text), {})
    assert f"Expected {expected}, got 'memory' - at `$.models.m.operations.max_p99`" in str(error.value)


@pytest.mark.parametrize(("text", "expected"), [("2e9", 2e9), ("1.5e+3", 1500.0), ("2E-3", 0.002), ("5", 5.0)])
def test_large_numbers_are_written_with_an_exponent(tmp_path: Path, text: str, expected: float) -> None:
    whole = f"predictions: {{fields: {{operations: {{m: /m}}}}}}\ndefaults: {{operations: {{max_p99: {{m: {text}}}}}}}"
    assert loaded(tmp_path, whole).operations.max_p99 == {"m": expected}


def test_settings_that_came_later_change_no_hash_unless_they_are_set(tmp_path: Path) -> None:
    usual = load_settings(_written(tmp_path, "defaults: {operations: {max_failed: 5 %}}"), {})
    again = load_settings(_written(tmp_path, "defaults: {operations: {max_failed: 5 %, min_measure_rise: 0.25}}"), {})
    other = load_settings(_written(tmp_path, "defaults: {operations: {max_failed: 5 %, min_measure_rise: 0.3}}"), {})
    assert model_settings_hash(usual, "m") == model_settings_hash(again, "m") != model_settings_hash(other, "m")
    lower = load_settings(_written(tmp_path, "defaults: {alerts: {close_below: 0.4}}"), {})
    assert model_settings_hash(lower, "m") != model_settings_hash(Settings(), "m")
