"""Labels that meet no prediction at all, as where the ids of the two topics differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.checks.contract.check import Outcome, effect_of, not_tested, statistic_of
from driftline.checks.contract.common_fields import topic_fields
from driftline.checks.contract.ladder import judge
from driftline.checks.contract.verdict import Verdict
from driftline.checks.contract.wording import number, percent
from driftline.events.evidence import Event
from driftline.events.source import LABEL_STREAM, Kind, Offsets

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.config.settings import IntakeSettings

UNMATCHED: Final = "intake.unmatched"


class LabelMatches(Struct, frozen=True, kw_only=True):
    """What became of the labels of a stretch of event time."""

    start_ms: int
    end_ms: int
    n_joined: int
    n_orphans: int
    """Labels whose prediction did not come within ``labels.wait``."""
    prediction_id: str | None
    """An id of a prediction, for example; None where none was seen."""
    label_id: str | None
    """An id that a label names."""
    offsets: dict[Kind, Offsets]
    flags: frozenset[str]


def examine_matches(window: LabelMatches, settings: IntakeSettings, budget: ErrorBudget) -> Verdict[Event]:
    """Return the finding that more labels met no prediction than is configured; nothing is tested.

    Unlike the test of orphans it compares with no earlier days, so that it can speak on the first.
    """
    n = window.n_joined + window.n_orphans
    common = topic_fields(LABEL_STREAM, (window.start_ms, window.end_ms), window.offsets, window.flags, budget)
    common["n"] = n
    share = window.n_orphans / n
    outcomes = [_outcome(window, n, share, settings)] if share > settings.max_unmatched else []
    return Verdict(
        findings=tuple(judge(outcomes, (), common)), sequence="intake", tested=True, observed=Event(**common)
    )


def _outcome(window: LabelMatches, n: int, share: float, settings: IntakeSettings) -> Outcome:
    if window.prediction_id is None or window.label_id is None:
        ids = "their ids differ: look at `labels.fields.prediction_id`"
    elif window.prediction_id == window.label_id:
        ids = f"their ids agree, as `{window.label_id}` does, but their times do not: look at `labels.fields.ts`"
    else:
        ids = (
            f"their ids differ (a label names `{window.label_id}`, a prediction is called `{window.prediction_id}`): "
            "look at `labels.fields.prediction_id`"
        )
    message = (
        f"{number(window.n_orphans)} of {number(n)} labels met no prediction ({percent(share)}). Either {ids}; or the "
        "two topics are not partitioned alike by the id: set `join.repartition`; or they are labels of predictions "
        "from before driftline began to read, and this resolves by itself"
    )
    return Outcome(
        check=UNMATCHED,
        family="intake",
        statistic=statistic_of("unmatched_share", share, threshold=settings.max_unmatched),
        effect=effect_of("unmatched_share", share, settings.max_unmatched, current=share),
        n=n,
        n_reference=0,
        message=message,
        baseline="configured",
        level=not_tested("intake.max_unmatched"),
        severity="warning",
    )
