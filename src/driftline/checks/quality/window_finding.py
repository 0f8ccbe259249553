"""A finding of quality about no single column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from driftline.checks.contract.finding_builder import Subject, finding_of, seen_by
from driftline.checks.quality.outcome import message_of

if TYPE_CHECKING:
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.finding_builder import FindingBaseline
    from driftline.checks.quality.outcome import QualityOutcome
    from driftline.events.finding import Effect, FindingEvent, LevelEvidence, Statistic


def finding_of_all(
    outcome: QualityOutcome,
    common: CommonFields,
    level: LevelEvidence,
    evidence: tuple[Statistic, Effect],
    baseline: FindingBaseline,
) -> FindingEvent:
    """Return the finding of an outcome that is about the model as a whole.

    Parameters
    ----------
    outcome : QualityOutcome
    common : CommonFields
        Of the window.
    level : LevelEvidence
        That it came out at.
    evidence : (Statistic, Effect)
    baseline : {"reference", "first windows", "earlier weeks"}
        What the window was compared with.
    """
    seen, subject = seen_by(common, outcome.n, outcome.n_reference), Subject(outcome.check, "quality")
    finding = finding_of(seen, subject, evidence, level, message_of(outcome, "", evidence, level), baseline)
    return structs.replace(finding, histograms=outcome.histograms)
