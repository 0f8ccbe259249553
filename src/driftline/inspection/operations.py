"""Where records say how long a prediction took, and why it failed; and what was understood of that."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.config.field_places import LatencyAt
from driftline.events.operation_fields import error_of, has_failed, numbers, reason_of
from driftline.inspection.names import CLEAR, LIKELY, is_discouraged, weight, words_of
from driftline.inspection.report import Line, note, ok, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.config.field_places import Place, TimeUnit
    from driftline.config.input_settings import PredictionFields
    from driftline.events.operation_fields import OperationRow
    from driftline.inspection.survey import Fact, Path, Survey

_UNITS: Final[dict[str, TimeUnit]] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("us", "usec", "micros", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds"), "ns"),
}
_USUAL: Final = {("latency_ms",), ("error",)}
"""Where they stand by default."""
_MOST_FAILED: Final = 0.5
_SHOWN: Final = 3


class OperationGuess(NamedTuple):
    """Where a latency or an error stands."""

    name: str
    place: Place | LatencyAt
    reason: str
    doubt: str = ""


def guess_operations(survey: Survey, rows: Path | None, taken: frozenset[Path], features: str) -> list[OperationGuess]:
    """Return where latency and error stand, if not where they do by default.

    What stands in the object of features, to which the pointer ``features`` leads, is a feature. Where the record
    itself is that object only a name that is clear counts: a duration may be a feature.
    """
    facts = [
        fact
        for fact in survey.scalars(rows)
        if fact.path not in taken and not is_discouraged(fact.path) and not _is_feature(fact, features)
    ]
    least = LIKELY if features else CLEAR
    guesses = [_latency(facts, least), _error(facts, least)]
    return [guess for guess in guesses if guess is not None]


def _latency(facts: list[Fact], least: float) -> OperationGuess | None:
    fitting = [fact for fact in facts if fact.is_numeric and min(fact.numbers, default=-1.0) >= 0]
    fact = _best("latency", fitting, least)
    if fact is None or fact.path in _USUAL or not isinstance(fact.place, str):
        return None
    unit = _UNITS.get(words_of(fact.path[-1])[-1])
    doubt = "" if unit else "the unit of the latency: milliseconds, as its name does not say it"
    place = fact.place if unit in (None, "ms") else LatencyAt(fact.place, unit or "ms")
    return OperationGuess("latency_ms", place, f"values such as {fact.numbers[0]:g}", doubt)


def _error(facts: list[Fact], least: float) -> OperationGuess | None:
    fact = _best("error", [fact for fact in facts if not fact.is_numeric], least)
    if fact is None or fact.path in _USUAL:
        return None
    return OperationGuess("error", fact.place, f"values such as {str(fact.values[0])[:40]!r}")


def _best(role: str, facts: Sequence[Fact], least: float) -> Fact | None:
    fitting = [fact for fact in facts if weight(role, fact.path) >= least]
    return max(fitting, key=lambda fact: weight(role, fact.path), default=None)


def _is_feature(fact: Fact, features: str) -> bool:
    return bool(features) and isinstance(fact.place, str) and fact.place.startswith(f"{features}/")


def operation_lines(rows: Sequence[OperationRow | None], fields: PredictionFields) -> Iterator[Line]:
    """Yield what events say of how they were made; nothing where they say nothing."""
    told = [row for row in rows if row is not None]
    if not told:
        return
    latency, given = numbers([row[0] for row in told])
    usable = latency[~np.isnan(latency)]
    if usable.size:
        unit = fields.latency_ms.unit if isinstance(fields.latency_ms, LatencyAt) else "ms"
        yield ok(f"latency: {usable.min():.3g} to {usable.max():.3g} {unit}, median {np.median(usable):.3g}")
    if usable.size < given.sum():
        yield note(f"{percent(1 - usable.size / given.sum())} of the latencies are no numbers that can be used")
    reasons = Counter(reason_of(error) for row in told if has_failed(error := error_of(row)))
    if reasons:
        share = reasons.total() / len(rows)
        shown = ", ".join(reason for reason, _ in reasons.most_common(_SHOWN))
        make = note if share > _MOST_FAILED else ok
        yield make(f"{percent(share)} of the predictions failed ({shown})")
