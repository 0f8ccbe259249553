from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from driftline import write_profile
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.error_budget_explained import Reference, explained
from driftline.cli import main
from driftline.config.model import ModelSettings, ReferenceSettings, RollingSettings
from driftline.config.settings import Settings
from tests.support.windows import profile_of, table_of

if TYPE_CHECKING:
    from pathlib import Path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["explain-budget", *map(str, arguments)])
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("DRIFTLINE_") or each in {"FORCE_COLOR", "NO_COLOR"}]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("DRIFTLINE_DEFAULTS__CHECKS__MULTIVARIATE", "[correlation]")


def test_tests_levels_and_sizes_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "--columns", 50)
    assert code == 0
    for words in (
        "Budget of every model: false pages 1 per 30d",
        "50 columns, 79,410 tests",
        "50 distribution + 50 quality + 2 window + 1 multivariate",
        "2.2e-06",
        "1 failed + 1 resources + 1 slow",
        "Smallest changes detected in 80% of the windows",
        "share from 1% to",
        "10,000",
    ):
        assert words in text


def test_json_is_one_object_whose_levels_add_up_to_the_budget(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "labels: {}\nmodels: {m: {alerts: {false_alarm_budget: 3 per 30d, open_after: {findings: 2, windows: 4}}}}\n",
        encoding="utf-8",
    )
    code, text, _ = run(capsys, "--config", file, "--model", "m", "--columns", 8, "--json")
    assert code == 0
    found = json.loads(text)
    assert (found["budget"], found["findings_to_open"], found["within_windows"]) == ("3 per 30d", 2, 4)
    assert [each["spender"] for each in found["spenders"]] == [
        "1h",
        "1d",
        "performance",
        "labels",
        "detectors",
        "operations",
    ]
    assert sum(each["share"] for each in found["spenders"]) == pytest.approx(1)
    tested = [each for each in found["spenders"] if each["level"] is not None]
    spent = sum(each["level"] * each["n_windows"] * sum(each["tests"].values()) for each in tested)
    (early,) = (each for each in found["spenders"] if each["level"] is None)
    assert spent / 2 + early["pages"] == pytest.approx(3.0)
    assert found["n_tests"] == sum(each["n_windows"] * sum(each["tests"].values()) for each in found["spenders"])
    assert [(each["spender"], each["n"]) for each in found["detectable"]] == [
        (size, n) for size in ("1h", "1d") for n in (200, 1_000, 10_000)
    ]
    for each in found["detectable"]:
        assert all(size["found"] >= size["by_test"] > 0 for size in each["sizes"])


def test_a_profile_gives_columns_and_events(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    profile = profile_of(table_of(5_000))
    file = tmp_path / "m.profile"
    write_profile(file, profile)
    code, text, _ = run(capsys, "--profile", file, "--json")
    assert code == 0
    found = json.loads(text)
    assert (found["n_columns"], found["n_reference"]) == (len(profile.columns), 5_000)
    code, _, error = run(capsys, "--profile", file, "--columns", 3)
    assert code == 2
    assert "neither --columns nor --reference-events beside --profile" in error


def test_dispersion_makes_the_sizes_larger() -> None:
    context = ErrorBudget.of(Settings(), "m")
    plain, bursts = (explained(context, Reference(n_columns=5, n_events=20_000, dispersion=d)) for d in (1.0, 8.0))
    pairs = zip(plain.detectable, bursts.detectable, strict=True)
    sizes = [(one, other) for a, b in pairs for one, other in zip(a.sizes, b.sizes, strict=True)]
    assert all(other.by_test is None or other.by_test > (one.by_test or 0.0) for one, other in sizes)
    assert plain.spenders == bursts.spenders


def test_what_e_detectors_find_in_time_stands_beside_the_tests(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text, _ = run(capsys)
    assert code == 0
    assert "│ detectors  │ 0.66  " in text
    assert "Smallest changes that the e-detectors of the columns find in time" in text
    assert "│ 10,000 " in text
    _, text, _ = run(capsys, "--json")
    early = json.loads(text)["early"]
    assert [(each["events_per_hour"], each["minutes"]) for each in early[:3]] == [(200, 15), (200, 60), (200, 1440)]
    shifts = [size["by_detector"] for each in early for size in each["sizes"] if size["change"] == "mean_shift"]
    assert shifts[0] > shifts[1] > shifts[2] > 0, "longer times find less"
    assert shifts[0] > shifts[3] > shifts[6], "and so do more events"
    assert all(size["found"] >= size["by_detector"] for each in early for size in each["sizes"] if size["found"])
    monkeypatch.setenv("DRIFTLINE_DEFAULTS__CHECKS__SEQUENTIAL", "false")
    _, text, _ = run(capsys)
    assert "e-detectors" not in text


def test_a_rolling_reference_is_told_apart_from_checks_between_columns() -> None:
    settings = Settings(defaults=ModelSettings(reference=ReferenceSettings(rolling=RollingSettings())))
    explanation = explained(ErrorBudget.of(settings, "m"), Reference(n_columns=50, n_events=20_000))
    (hourly,) = (each for each in explanation.spenders if each.spender == "1h")
    assert hourly.tests == {"distribution": 50, "quality": 50, "rolling": 50, "window": 2, "multivariate": 1}
    assert f"x {sum(hourly.tests.values())} tests)" in hourly.derivation
