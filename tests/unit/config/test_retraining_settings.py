"""What a retraining policy and proposals need, and what they leave unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.durations import Duration
from driftline.config.load import load_settings
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.settings import Settings


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "driftline.yaml"
    path.write_text(text)
    return load_settings(path, {})


def test_both_are_off_by_default_and_set_by_model(tmp_path: Path) -> None:
    text = "labels: {}\nmodels: {m: {retraining: {enabled: true, after: 6h}, proposals: {threshold: recall}}}"
    settings = loaded(tmp_path, text)
    usual, model = settings.model("other"), settings.model("m")
    assert (usual.retraining.enabled, usual.proposals.wanted) == (False, False)
    assert (model.retraining.after, model.proposals.wanted) == (Duration(21_600_000), True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defaults: {retraining: {enabled: true}}", "Expected a section `labels`, as retraining needs them"),
        ("models: {m: {proposals: {threshold: recall}}}", "Expected a section `labels`, as proposals needs them"),
        ("labels: {}\ndefaults: {retraining: {enabled: true, span: 90d}}", "2,000 of them (2000h)"),
        ("labels: {}\ndefaults: {proposals: {threshold: recall, span: 10m}}", "a performance window (1h)"),
        (
            "labels: {}\ndefaults: {task: regression, proposals: {recalibration: platt}}",
            "Expected no proposals for a task that is not binary",
        ),
        ("labels: {}\ndefaults: {retraining: {causes: [silence]}}", "causes"),
        ("labels: {}\ndefaults: {retraining: {min_labels: 0}}", "min_labels"),
    ],
)
def test_policies_that_cannot_be_met_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text)
    assert message in str(caught.value)


def test_a_long_span_does_not_matter_where_nothing_is_wanted(tmp_path: Path) -> None:
    assert loaded(tmp_path, "defaults: {windows: {performance: 1m}}").defaults.retraining.span == Duration(
        30 * 86_400_000
    )
