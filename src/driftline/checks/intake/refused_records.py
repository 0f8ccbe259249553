"""An input topic as such: how many of its records are refused, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.checks.contract.check import Outcome, effect_of, not_tested, statistic_of
from driftline.checks.contract.common_fields import topic_fields
from driftline.checks.contract.ladder import judge
from driftline.checks.contract.verdict import Verdict
from driftline.checks.contract.wording import number, percent
from driftline.events.evidence import Event
from driftline.events.model_key import ModelKey
from driftline.events.source import Kind, Offsets

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.config.settings import IntakeSettings

REFUSED: Final = "intake.refused"
CRITICAL_SHARE: Final = 0.5
"""Share of refused records above which most of the input is lost."""


class Refusals(Struct, frozen=True, kw_only=True):
    """The records of one topic in one window of their own time."""

    key: ModelKey
    """Stands for the topic."""
    topic: str
    """Its name on Kafka."""
    start_ms: int
    end_ms: int
    n_read: int
    """All records, refused or not."""
    refused: dict[str, int]
    """By reason code."""
    example: str | None
    """Message of the first dead letter, by partition and offset."""
    offsets: dict[Kind, Offsets]
    flags: frozenset[str]

    @property
    def n_refused(self) -> int:
        """Refused records."""
        return sum(self.refused.values())


def examine_refusals(window: Refusals, settings: IntakeSettings, budget: ErrorBudget) -> Verdict[Event]:
    """Return the finding that more of a topic's records are refused than is configured; nothing is tested.

    A window with too many refused records among too few changes no alert.
    """
    n, n_refused = window.n_read, window.n_refused
    common = topic_fields(window.key, (window.start_ms, window.end_ms), window.offsets, window.flags, budget)
    common["n"] = n
    share = n_refused / n
    many = share > settings.max_refused
    enough = n >= settings.min_records
    outcomes = [_outcome(window, share, settings)] if many and enough else []
    return Verdict(
        findings=tuple(judge(outcomes, (), common)),
        sequence="intake",
        tested=enough or not many,
        observed=Event(**common),
    )


def _outcome(window: Refusals, share: float, settings: IntakeSettings) -> Outcome:
    reasons = sorted(window.refused.items(), key=lambda item: (-item[1], item[0]))
    message = (
        f"{number(window.n_refused)} of {number(window.n_read)} records of `{window.topic}` were refused "
        f"({percent(share)}): {', '.join(f'{number(n)} {reason}' for reason, n in reasons)}. The first: "
        f"{window.example}. Mend the producer or the mapping of fields; the records are kept as dead letters"
    )
    return Outcome(
        check=REFUSED,
        family="intake",
        statistic=statistic_of("refused_share", share, threshold=settings.max_refused),
        effect=effect_of("refused_share", share, settings.max_refused, current=share),
        n=window.n_read,
        n_reference=0,
        message=message,
        baseline="configured",
        level=not_tested("intake.max_refused"),
        severity="critical" if share > CRITICAL_SHARE else "warning",
    )
