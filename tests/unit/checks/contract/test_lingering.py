"""Which outcomes keep an open alert open without being findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from driftline.checks.contract.check import Outcome, Subject, effect_of, statistic_of
from driftline.checks.contract.ladder import lingering
from driftline.config.model import ModelSettings
from driftline.events.finding import LevelEvidence
from tests.support.windows import budget_of, judged

if TYPE_CHECKING:
    from typing import Any

LEVEL = LevelEvidence(level=1e-3, n_tests=1, derivation="test")
GATE = 0.1


def outcome(effect: float, p_value: float | None = 1e-6, **more: Any) -> Outcome:  # noqa: ANN401  # fields of outcomes
    return Outcome(
        check="distribution.pearson",
        family="distribution",
        subject=Subject("x", "feature", may_notify=more.pop("may_notify", True)),
        statistic=statistic_of("pearson", 1.0, p_value),
        effect=effect_of("psi", effect, GATE),
        n=1_000,
        n_reference=1_000,
        message="x moved",
        **more,
    )


@pytest.mark.parametrize(
    ("given", "lingers"),
    [
        (outcome(0.05), True),
        (outcome(0.0999), True),
        (outcome(0.049), False),
        (outcome(0.1), False),
        (outcome(0.09, 0.01), False),
        (outcome(0.09, 6e-4, part=0.5), False),
        (outcome(0.09, 4e-4, part=0.5), True),
        (outcome(0.09, 6e-4, alternatives=2), False),
        (outcome(0.09, calibrating=True), False),
        (outcome(0.09, may_notify=False), False),
        (outcome(0.09, None, lingers=True), True),
        (outcome(0.09, None), False),
    ],
    ids=[
        "from the fraction on",
        "up to the gate",
        "not below the fraction",
        "not what is a finding",
        "not what may be chance",
        "a part of a test has a part of its level",
        "and may be as unlikely",
        "one of several alternatives is less unlikely",
        "not while the dispersion is learnt",
        "not of a column of little importance",
        "what was not tested says so itself",
        "and is a finding where it does not",
    ],
)
def test_what_is_real_and_a_little_smaller_than_matters_lingers(given: Outcome, *, lingers: bool) -> None:
    found = list(lingering([given], LEVEL, budget_of()))
    assert found == (["distribution.pearson/feature/x"] if lingers else [])
    if lingers:
        assert judged([given], LEVEL.level) == []


def test_with_the_whole_gate_nothing_lingers() -> None:
    settings = ModelSettings()
    alerts = msgspec.structs.replace(settings.alerts, close_below=1.0)
    assert not list(lingering([outcome(0.0999)], LEVEL, budget_of(settings.replace(alerts=alerts))))
