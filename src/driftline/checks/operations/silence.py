"""A model that makes no predictions, for as long as is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.alerts.policy import SILENT
from driftline.checks.contract.check import Outcome, effect_of, not_tested, statistic_of
from driftline.checks.contract.common_fields import topic_fields
from driftline.checks.contract.ladder import judge
from driftline.checks.contract.verdict import Verdict
from driftline.config.durations import Duration
from driftline.events.evidence import Event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.model_key import ModelKey


def model_silence(
    key: ModelKey, since_ms: int, limit_ms: int, flags: Iterable[str], budget: ErrorBudget
) -> Verdict[Event]:
    """Return the finding that a model has made no prediction for ``limit_ms`` since a moment.

    Notes
    -----
    No registered check: nothing is tested. It says nothing that depends on the moment at which the silence was noticed,
    so that it repeats byte for byte.
    """
    common = topic_fields(key, (since_ms, since_ms + limit_ms), {}, flags, budget)
    seconds = limit_ms / 1000
    outcome = Outcome(
        check=SILENT,
        family="operations",
        statistic=statistic_of("silent_seconds", seconds, threshold=seconds),
        effect=effect_of("silent_seconds", seconds, gate=seconds),
        n=0,
        n_reference=0,
        message=(
            f"no prediction of `{key.model}` for {Duration(limit_ms)}. Either nobody asks the model, or it does not "
            "answer, or its events do not reach the topic"
        ),
        baseline="configured",
        level=not_tested("operations.silence"),
        severity="critical",
    )
    findings = tuple(judge([outcome], (), common))
    return Verdict(findings=findings, sequence="model silence", tested=True, observed=Event(**common))


def model_heard(key: ModelKey, start_ms: int, end_ms: int, flags: Iterable[str], budget: ErrorBudget) -> Verdict[Event]:
    """Return the verdict of a pane in which a silent model makes predictions again."""
    common = topic_fields(key, (start_ms, end_ms), {}, flags, budget)
    return Verdict(findings=(), sequence="model silence", tested=True, observed=Event(**common))
