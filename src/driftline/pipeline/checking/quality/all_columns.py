"""A finding of quality about no single column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from driftline.alerts.policy import severity_of
from driftline.events.finding import FindingEvent, finding_id
from driftline.pipeline.checking.quality.outcome import message_of

if TYPE_CHECKING:
    from driftline.events.finding import Effect, LevelEvidence, Statistic
    from driftline.events.model_key import ModelKey
    from driftline.pipeline.checking.common_fields import CommonFields
    from driftline.pipeline.checking.quality.outcome import QualityOutcome

Baseline = Literal["reference", "first windows", "earlier weeks"]


def finding_of_all(
    outcome: QualityOutcome,
    about: tuple[ModelKey, str],
    common: CommonFields,
    level: LevelEvidence,
    evidence: tuple[Statistic, Effect],
    baseline: Baseline,
) -> FindingEvent:
    """Return the finding of an outcome that is about the model as a whole.

    Parameters
    ----------
    outcome : QualityOutcome
    about : (ModelKey, str)
        Model and segment.
    common : CommonFields
        Of the window.
    level : LevelEvidence
        That it came out at.
    evidence : (Statistic, Effect)
    baseline : {"reference", "first windows", "earlier weeks"}
        What the window was compared with.
    """
    statistic, effect = evidence
    fields: CommonFields = {**common, "n": outcome.n, "n_reference": outcome.n_reference}
    return FindingEvent(
        **fields,
        finding_id=finding_id(*about, common["window"], outcome.check, None, None),
        check=outcome.check,
        family="quality",
        column=None,
        role=None,
        severity=severity_of(effect.corrected, effect.gate) if level.in_budget else "info",
        importance=1.0,
        statistic=statistic,
        level=level,
        effect=effect,
        baseline=baseline,
        distances={},
        histograms=outcome.histograms,
        dispersion=None,
        unit_change=None,
        unseen={},
        since=common["window"].start,
        message=message_of(outcome, "", evidence, level),
    )
