"""docs/metrics.md lists every family that is registered, and names follow Prometheus' rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from driftline.runtime.notify.figures import Figures
from driftline.runtime.operations.telemetry import Telemetry
from tests.support.scripts import script_of

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_of("metrics_reference")


def test_the_page_is_current(script: ModuleType) -> None:
    assert script.TARGET.read_text(encoding="utf-8") == script.reference(), "run scripts/metrics_reference.py"


def test_every_registered_family_is_listed(script: ModuleType) -> None:
    collected = [*Telemetry().registry.collect(), *Figures().registry.collect()]
    metrics = {metric.name for metric in collected if metric.name.startswith("driftline_")}
    listed = {name.removesuffix("_total") for name in re.findall(r"\| `(driftline_\w+)` \|", script.reference())}
    assert metrics == listed


def test_names_are_in_base_units_and_counters_end_in_total() -> None:
    for family in (*Telemetry().families, *Figures().families):
        assert re.fullmatch(r"driftline(_[a-z0-9]+)+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        assert not re.search(r"_(ms|milliseconds|minutes|percent|mb|kb)(_|$)", family.name), family.name
        assert not family.documentation.endswith(".")
        assert family.kind != "histogram" or family.name.endswith("_seconds")


def test_the_notifier_shows_no_series_of_when_counters_were_created() -> None:
    figures = Figures()
    figures.of_sink("hook").sent.inc()
    samples = [sample.name for metric in figures.registry.collect() for sample in metric.samples]
    assert "driftline_notify_messages_total" in samples
    assert not any(name.endswith("_created") for name in samples)
