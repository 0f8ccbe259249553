from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline import distances
from driftline.config.load import known_distances, load_settings
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

CHECKS = [known_distances(distances.names())]


def test_every_registered_distance_can_be_configured(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yaml"
    file.write_text(f"defaults: {{checks: {{distances: [{', '.join(distances.names())}]}}}}\n", encoding="utf-8")
    assert load_settings(file, {}, model_checks=CHECKS).defaults.checks.distances == distances.names()


def test_a_distance_that_is_not_registered_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yaml"
    file.write_text("defaults: {checks: {distances: [psi, wassserstein]}}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"Expected one of .*`wasserstein`.*got 'wassserstein'") as caught:
        load_settings(file, {}, model_checks=CHECKS)
    assert "$.defaults.checks.distances[1]" in str(caught.value)


def test_the_distances_reported_by_default_are_registered() -> None:
    assert load_settings(None, {}, model_checks=CHECKS).defaults.checks.distances == (
        "psi",
        "jensen_shannon",
        "kolmogorov_smirnov",
    )
