"""Findings of the e-detector of errors: they have become more, or fewer, by the labels that came lately."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from driftline.alerts.policy import severity_of
from driftline.checks.contract.check import Outcome, effect_of, statistic_of
from driftline.checks.contract.common_fields import common_fields, span
from driftline.checks.contract.ladder import judge
from driftline.checks.contract.verdict import Verdict
from driftline.checks.contract.wording import number, percent
from driftline.checks.labels.error_bets import LOSS, METRIC
from driftline.checks.labels.gates import gate_of
from driftline.checks.labels.performance_tests import BETTER_PREFIX, PREFIX, SURE
from driftline.config.model import TestedMetric
from driftline.events.cloudevents import rfc3339
from driftline.events.model_key import ModelKey
from driftline.events.source import SEGMENT_ALL, Kind, Offsets
from driftline.performance.losses import is_fraction, is_loss

if TYPE_CHECKING:
    from typing import Literal

    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.evidence import Event
    from driftline.profiles.profile import Profile


WORSE_CHECKS: Final = (f"{PREFIX}{METRIC}", f"{PREFIX}{LOSS}")
"""Permanent names of the checks of a change for the worse."""


class FoundErrors(Struct, frozen=True, kw_only=True):
    """A change of a model's errors, and the pane of labels that brought it to light."""

    key: ModelKey
    segment: str
    start_ms: int
    end_ms: int
    offsets: dict[Kind, Offsets]
    flags: tuple[str, ...]
    statistic: float
    threshold: float
    n: int
    """Labels since it began."""
    n_independent: float
    """Independent labels that say as much."""
    metric: TestedMetric
    before: float
    after: float
    """Metric of the baseline, and of these labels."""
    deviation: float
    """Standard deviation of what one label adds to it."""
    n_baseline: int
    origin: str
    """What the baseline is."""
    since_ms: int
    """Event time of the predictions from which on it shows."""
    worse: bool

    @property
    def check(self) -> str:
        """Permanent name of the check."""
        return f"{PREFIX if self.worse else BETTER_PREFIX}{self.metric}"

    @property
    def change(self) -> float:
        """How much the metric changed: the difference of fractions, of others in multiples of the baseline's."""
        return abs(self.after - self.before) / self._unit

    @property
    def _unit(self) -> float:
        return 1.0 if is_fraction(self.metric) else self.before

    def sure(self, errors: float) -> float:
        """Return the change of the metric, so many standard errors less, at least 0."""
        error = self.deviation / math.sqrt(max(self.n_independent, 1.0)) / self._unit
        return max(0.0, self.change - errors * error)

    def matters(self, gate: float) -> bool:
        """Return whether it is for the worse and as large as matters; of a segment, whose labels are few, surely so."""
        return self.worse and self.sure(0.0 if self.segment == SEGMENT_ALL else 1.0) >= gate


def examine_errors(profile: Profile, found: FoundErrors, budget: ErrorBudget) -> Verdict[Event]:
    """Return the finding of a change, a ``warning`` or worse where it is for the worse and as large as matters.

    No registered check, as it decides by itself as labels come: its threshold bounds its false alarms.
    """
    window = span("pane", found.start_ms, found.end_ms, found.end_ms - found.start_ms)
    common = common_fields(found.key, found.segment, window, profile, budget, found.offsets, found.flags)
    metric, show = found.metric, percent if is_fraction(found.metric) else number
    gate = gate_of(metric, budget.settings)
    matters = found.matters(gate)
    of_segment = found.segment != SEGMENT_ALL
    # of few labels the change looks greater than it is, and a segment has few
    size = found.sure(SURE) if of_segment else found.change
    severity = severity_of(size, gate) if matters else "info"
    level = budget.detector_level(len(profile.columns), of_segment=of_segment)
    if not matters:
        why = "for the better" if not found.worse else "not as large as matters"
        level = structs.replace(level, derivation=f"{why}, notifies nobody: {level.derivation}", in_budget=False)
    word: Literal["drop", "rise"] = "rise" if found.worse == is_loss(metric) else "drop"
    outcome = Outcome(
        check=found.check,
        family="performance",
        statistic=statistic_of("log_mixture", found.statistic, threshold=found.threshold),
        effect=effect_of(
            f"{metric}_{word}", abs(found.after - found.before), gate, found.after, found.before, corrected=found.change
        ),
        n=found.n,
        n_reference=found.n_baseline,
        message=f"{metric}{f' of {found.segment}' if of_segment else ''} {show(found.before)} -> "
        f"{show(found.after)} against {found.origin}"
        f"{'' if found.worse else ', which is better'} (a {word} matters from {percent(gate)}; ln of the e-value "
        f"{number(found.statistic)}, threshold {number(found.threshold)}; {found.n:,} labels of predictions since "
        f"{rfc3339(found.since_ms)})",
        severity=severity,
        level=level,
        for_the_better=not found.worse,
        baseline="reference" if found.origin == "the reference" else "first windows",
    )
    (finding,) = judge([outcome], (), common)
    finding = structs.replace(finding, since=rfc3339(found.since_ms))
    return Verdict(findings=(finding,), sequence="performance", tested=True)
