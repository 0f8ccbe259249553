"""What a check is: a name, the tests that it costs the false-alarm budget, and the outcomes of one case.

A check is one module in ``driftline.checks.columns``, ``quality`` or ``labels`` whose function carries :func:`check`;
``driftline.checks`` imports all of them, so nothing else lists it. It says nothing of levels and severities: that is
the business of :func:`driftline.checks.contract.ladder.judge` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from msgspec import UNSET, Struct, UnsetType

from driftline.config.model import ModelSettings
from driftline.events.by_feature import ValueErrors
from driftline.events.evidence import DispersionEvidence, Severity
from driftline.events.finding import (
    ColumnMoments,
    Effect,
    Family,
    HistogramPair,
    LevelEvidence,
    Statistic,
    StuckValue,
    UnitChange,
)
from driftline.events.window import DistanceValue
from driftline.registry import Registry

if TYPE_CHECKING:
    from driftline.events.evidence import EventRole

Case = TypeVar("Case")
Scope: TypeAlias = Literal["column", "window", "performance", "cohort", "label stream", "estimate", "operations"]
"""What a check examines: a column of a verdict window, such a window as a whole, the tested revision of a performance
window, a cohort of predictions (at each age), a span of the labels topic, an estimate, or how the predictions of a
window were made."""
FindingBaseline: TypeAlias = Literal[
    "reference", "first windows", "earlier weeks", "rolling", "earlier cohorts", "configured", "earlier windows"
]


class Subject(NamedTuple):
    """What an outcome is about; the model as a whole where ``column`` and ``role`` are None."""

    column: str | None = None
    role: EventRole | None = None
    importance: float = 1.0
    weight: float = 1.0
    """Importance relative to the most important column, in (0, 1]: the effect is multiplied by it for the severity."""
    may_notify: bool = True
    """Whether drift of the column opens alerts: it is important enough."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What a finding shows beside its statistic and effect, as :class:`~driftline.events.finding.FindingEvent` has it.

    ``details`` is what its message says after the p-value.
    """

    details: str = ""
    distances: dict[str, DistanceValue] = {}
    histograms: HistogramPair | None = None
    dispersion: DispersionEvidence | None = None
    unseen: dict[str, int] = {}
    unit_change: UnitChange | None = None
    stuck: StuckValue | UnsetType | None = UNSET
    moments: ColumnMoments | None = None
    most_changed: tuple[str, ...] = ()
    group: ValueErrors | UnsetType = UNSET


class Outcome(Struct, frozen=True, kw_only=True):
    """What one test says of one subject."""

    check: str
    """Permanent name, as findings carry it."""
    family: Family
    statistic: Statistic
    """With the p-value of this test alone. Without a p-value nothing was tested: the outcome is a finding as it stands,
    at ``level`` and of ``severity``, and the budget does not bound it."""
    effect: Effect | None
    """How large the change is, beside the smallest that matters. None for sequential detectors alone."""
    n: int
    n_reference: int
    """Events that the test saw."""
    message: str
    """What changed, with numbers; the p-value and its level follow."""
    subject: Subject = Subject()
    evidence: Callable[[], Evidence] = Evidence
    """Asked only once the outcome is a finding."""
    baseline: FindingBaseline = "reference"
    """What was compared with."""
    alternatives: int = 1
    """1, or how many tests are one test of the budget together, this among them: its p-value is multiplied by as many
    (Bonferroni), and of all of one case at most one becomes a finding."""
    precedence: int = 0
    """Among alternatives the lowest comes first; of equals the smallest p-value does."""
    sure: float | None = None
    """Lower limit of the effect, by which its severity goes; None: the effect itself. Given where a window's effect
    varies by as much as matters: of many windows the worst would else be critical by chance."""
    part: float = 1.0
    """Part of a test's level that this outcome has, in (0, 1]."""
    calibrating: bool = False
    """Whether the dispersion of the data is still being learnt: then nothing may page."""
    for_the_better: bool = False
    """Whether the change is one that nobody needs to mend: it is information."""
    level: LevelEvidence | None = None
    severity: Severity = "info"
    """These two of an outcome that was not tested."""
    lingers: bool = False
    """Whether it is no finding: it was not tested, and is below its limit, but not by enough to be over."""

    @property
    def p_value(self) -> float | None:
        """Of the test of the budget: the smallest of so many alternatives is as unlikely."""
        alone = self.statistic.p_value
        return alone if alone is None or self.alternatives == 1 else min(1.0, alone * self.alternatives)


def statistic_of(
    name: str,
    value: float,
    p_value: float | None = None,
    *,
    degrees_of_freedom: int | None = None,
    threshold: float | None = None,
) -> Statistic:
    """Return a statistic; without a p-value of something that was not tested."""
    return Statistic(
        name=name, value=value, degrees_of_freedom=degrees_of_freedom, p_value=p_value, threshold=threshold
    )


def effect_of(
    name: str,
    change: float,
    gate: float,
    current: float | None = None,
    reference: float | None = None,
    *,
    corrected: float | None = None,
) -> Effect:
    """Return an effect; what is held against the gate is the change itself, unless a corrected one is given."""
    corrected = change if corrected is None else corrected
    return Effect(name=name, raw=change, corrected=corrected, gate=gate, current=current, reference=reference)


class Check(Struct, Generic[Case], frozen=True, kw_only=True):
    """A registered check."""

    name: str
    """Permanent key; also what ``driftline explain-budget`` calls its tests."""
    scope: Scope
    tests: Callable[[ModelSettings], int]
    """From a model's settings to the tests of the budget that one case costs: a column, a window, a cohort over all its
    ages. Never fewer than outcomes of the case can become findings. It depends on the settings alone, never on the
    data; a test that could not be made spends nothing."""
    examine: Callable[[Case], Iterable[Outcome]]
    """From a case to its outcomes."""
    order: int
    """Findings of a window are told in this order; those of one column together where it is 0."""


_CHECKS: Final[Registry[Check[Any]]] = Registry("check", "driftline.checks")


def check(
    name: str, scope: Scope, tests: Callable[[ModelSettings], int] = lambda _settings: 1, order: int = 0
) -> Callable[[Callable[[Case], Iterable[Outcome]]], Check[Case]]:
    """Register a function from a case to outcomes as a check; by default it costs one test a case."""

    def enter(examine: Callable[[Case], Iterable[Outcome]]) -> Check[Case]:
        made = Check(name=name, scope=scope, tests=tests, examine=examine, order=order)
        _CHECKS.enter(name, made)
        return made

    return enter


def checks_of(scope: Scope | None = None) -> tuple[Check[Any], ...]:
    """Return the registered checks of a scope, or all, in the order in which they are told; equal ones by name."""
    every = [_CHECKS.get(name) for name in _CHECKS.names()]
    return tuple(sorted((each for each in every if scope in (None, each.scope)), key=lambda each: each.order))


def tests_of(scope: Scope, settings: ModelSettings) -> int:
    """Return how many tests of the budget all checks of a scope make of one case."""
    return sum(each.tests(settings) for each in checks_of(scope))


def not_tested(setting: str) -> LevelEvidence:
    """Return the level of what is held against a setting, with no test and no bound on false alarms."""
    return LevelEvidence(
        level=1.0, n_tests=1, derivation=f"configured ({setting}), no false-alarm bound", in_budget=False
    )
