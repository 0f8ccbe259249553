"""docs/notify.md is true: its example is a configuration, and its tables say what the code says."""

from __future__ import annotations

import re

import pytest
import yaml

from driftline.config.load import load_settings
from driftline.notify.check import notify_problems
from driftline.notify.template import FIELDS, URL_FIELDS
from driftline.runtime.notify.figures import Figures
from tests.support.real_broker import ROOT

PAGE = (ROOT / "docs" / "notify.md").read_text(encoding="utf-8")


def test_the_example_is_a_configuration() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    settings = load_settings(None, {}, yaml.safe_load(block), settings_checks=[notify_problems])
    assert {sink.kind for sink in settings.notify.sinks.values()} == {
        "alertmanager",
        "pagerduty",
        "webhook",
        "email",
        "apprise",
    }


def test_the_placeholders() -> None:
    rows = re.findall(r"^\| `\{(\w+)\}`( \*)? \| (.*) \|$", PAGE, re.MULTILINE)
    assert {name: text for name, _, text in rows} == FIELDS
    assert {name for name, star, _ in rows if star} == URL_FIELDS


@pytest.mark.parametrize("kind", ["counter", "gauge"])
def test_the_metrics(kind: str) -> None:
    figures = Figures()
    figures.of_sink("a")
    named = set(re.findall(r"^\| `(driftline_notify_\w+)`", PAGE, re.MULTILINE))
    measured = {
        metric.name + ("_total" if kind == "counter" else "")
        for metric in figures.registry.collect()
        if metric.name.startswith("driftline_notify_") and metric.type == kind
    }
    assert measured
    assert measured == {name for name in named if name.endswith("_total") == (kind == "counter")}
