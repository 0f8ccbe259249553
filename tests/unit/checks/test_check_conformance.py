"""What every registered check must keep, found by looking at the packages, so that none escapes."""

from __future__ import annotations

import inspect
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from driftline import checks
from driftline.checks.contract.check import Check, Outcome, checks_of
from tests.support.check_cases import SETTINGS, examples
from tests.support.windows import judged

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = checks_of()
DOCS = Path(__file__).parents[3] / "docs" / "budget.md"
PARAMETERS = {
    "estimate": "estimate.<metric>",
    "improvement": "improvement.<metric>",
    "labels.arrival": "labels.arrival.<age>",
    "operations.resource": "operations.resource.<name>",
    "performance": "performance.<metric>",
    "threshold": "threshold.<distance>",
}
"""Names of findings that end in a parameter, and how the documentation writes them."""


@cache
def examined(name: str) -> list[tuple[bool, list[list[Outcome]]]]:
    """Return, for each unit of a check's scope, whether it is changed, and the outcomes of each of its cases."""
    check = next(each for each in ALL if each.name == name)
    return [(unit.changed, [[*check.examine(case)] for case in unit.cases]) for unit in examples(check.scope)]


def outcomes_of(name: str) -> list[Outcome]:
    return [outcome for _, cases in examined(name) for case in cases for outcome in case]


def n_tests(outcomes: Sequence[Outcome]) -> float:
    """Return how many tests of the budget the outcomes of one case spend."""
    tested = [each for each in outcomes if each.p_value is not None and not each.for_the_better]
    return sum(each.part for each in tested if each.alternatives == 1) + any(each.alternatives > 1 for each in tested)


def by_name(check: Check[Any]) -> str:
    return check.name


def test_every_check_in_the_packages_is_registered() -> None:
    modules = [import_module(found.name) for found in walk_packages(checks.__path__, f"{checks.__name__}.")]
    defined = {id(found) for module in modules for _, found in inspect.getmembers(module) if isinstance(found, Check)}
    assert defined == {id(check) for check in ALL}
    assert len(ALL) == len({check.name for check in ALL}) > 0


@pytest.mark.parametrize("check", ALL, ids=by_name)
def test_a_check_says_something_of_changed_data(check: Check[Any]) -> None:
    """Else nothing below would be about it."""
    assert any(outcome for changed, cases in examined(check.name) if changed for case in cases for outcome in case)


@pytest.mark.parametrize("check", ALL, ids=by_name)
def test_never_more_outcomes_than_tests_that_the_budget_counts(check: Check[Any]) -> None:
    counted = check.tests(SETTINGS)
    for _, cases in examined(check.name):
        spent = sum(n_tests(outcomes) for outcomes in cases)
        assert spent <= counted + 1e-9, f"{check.name} counts {counted} tests, its outcomes are {spent:g}"


@pytest.mark.parametrize("check", ALL, ids=by_name)
def test_a_p_value_is_multiplied_by_at_least_as_many_tests_as_it_is_the_smallest_of(check: Check[Any]) -> None:
    for _, cases in examined(check.name):
        for outcomes in cases:
            together = [each for each in outcomes if each.alternatives > 1]
            p_values = {each.statistic.p_value for each in together}
            assert all(len(p_values) <= each.alternatives for each in together)


@pytest.mark.parametrize("check", ALL, ids=by_name)
def test_p_values_are_probabilities_and_sizes_are_counts(check: Check[Any]) -> None:
    for outcome in outcomes_of(check.name):
        for p_value in (outcome.statistic.p_value, outcome.p_value):
            assert p_value is None or 0 <= p_value <= 1
        assert outcome.n >= 0
        assert outcome.n_reference >= 0
        assert 0 < outcome.part <= 1


@pytest.mark.parametrize("check", ALL, ids=by_name)
def test_unchanged_data_at_a_level_of_nought_find_nothing(check: Check[Any]) -> None:
    unchanged = [outcomes for changed, cases in examined(check.name) if not changed for outcomes in cases]
    assert unchanged
    assert [finding.message for outcomes in unchanged for finding in judged(outcomes, 0.0)] == []


@pytest.mark.parametrize("check", ALL, ids=by_name)
def test_every_effect_has_a_gate_below_which_nothing_is_found(check: Check[Any]) -> None:
    for outcome in outcomes_of(check.name):
        assert outcome.effect is not None
        assert outcome.effect.gate > 0
        if outcome.p_value is None:
            continue
        for size, is_found in ((0.99, False), (1.01, True)):
            effect = structs.replace(outcome.effect, corrected=size * outcome.effect.gate)
            certain = structs.replace(outcome, effect=effect, statistic=structs.replace(outcome.statistic, p_value=0.0))
            assert bool(judged([certain], 1e-6)) == is_found


@pytest.mark.parametrize("check", ALL, ids=by_name)
def test_a_check_and_its_findings_and_gates_have_a_line_in_the_documentation(check: Check[Any]) -> None:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith(f"| `{check.name}` |")]
    assert len(rows) == 1, f"Expected one row for the check `{check.name}` in the table of {DOCS.name}, got {len(rows)}"
    *_, names, gates, _ = rows[0].split("|")
    for outcome in outcomes_of(check.name):
        stem = outcome.check.rsplit(".", 1)[0]
        assert f"`{PARAMETERS.get(stem, outcome.check)}`" in names
        assert outcome.effect is not None
        assert outcome.effect.gate in _values(gates)


def _values(gates: str) -> set[float]:
    """Return the values of the settings that a cell names, and numbers in it."""
    values: set[float] = {float(number) for number in re.findall(r"\b0\.\d+\b", gates)}
    for path in re.findall(r"`([a-z_.]+)`", gates):
        setting: Any = SETTINGS
        for name in path.split("."):
            setting = getattr(setting, name)
        values.update(setting.values() if isinstance(setting, dict) else [setting])
    return values
