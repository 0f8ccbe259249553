from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from driftline import detectors
from driftline.config.load import known_detectors, load_settings
from driftline.config.settings import Settings
from tests.support.scripts import script_of

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_of("configuration_reference")


def test_the_reference_is_current(script: ModuleType) -> None:
    current = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert current == script.reference(), "run scripts/configuration_reference.py"


def test_every_setting_is_in_the_reference(script: ModuleType) -> None:
    text = script.reference()
    for heading in ("kafka", "kafka.security", "labels.fields", "defaults.windows", "defaults.columns.<name>"):
        assert f"\n## `{heading}`\n" in text
    for row in ("| `brokers` |", "| `false_alarm_budget` | a budget such as `1 per 30d` | `1 per 30d` |", "| `port` |"):
        assert row in text


def test_the_example_configuration_is_valid_and_is_what_it_says() -> None:
    checks = [known_detectors(detectors.names())]
    settings = load_settings(ROOT / "deploy" / "driftline.yaml", {}, model_checks=checks)
    assert settings.kafka == Settings().kafka
    assert settings.predictions == Settings().predictions
    assert settings.time == Settings().time
    assert settings.models["credit-risk"].windows.verdict == settings.defaults.windows.verdict
