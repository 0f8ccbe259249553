"""Which field is the id of a prediction, and which field of the labels refers to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.inspection.names import is_discouraged, weight
from driftline.inspection.survey import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftline.events.source import Kind
    from driftline.inspection.survey import Fact, Path, Survey

_ENOUGH: Final = 0.5
"""Share of the records that must have an id."""
_SHARED: Final = 5
"""Different values in both topics, at least, before they are evidence."""
_SHARED_SHARE: Final = 0.05
_VALUES_SAY: Final = 12.0
"""Weight of values that agree in all records: as much as a name that leaves no doubt."""
_MAX_LENGTH: Final = 200
_ROW_NUMBER: Final = re.compile(r"#\d+$")
_BEGINNING: Final = re.compile(r"\D+(?=\w)")
"""What stands before the first digit of an id."""


class IdGuess(NamedTuple):
    """A field that is an id, and why."""

    fact: Fact
    score: float
    reason: str

    @property
    def numbered(self) -> bool:
        """Whether the values end in the number of a row."""
        return any(_ROW_NUMBER.search(text) for text in self.fact.counted)


class Affix(NamedTuple):
    """What the ids of one topic have before those of the other."""

    text: str
    lacking: Kind
    """The topic whose ids lack it."""


class IdPair(NamedTuple):
    """The ids of predictions and of labels; ``n_shared`` different values are in both samples."""

    prediction: IdGuess | None
    label: IdGuess | None
    n_shared: int = 0
    affix: Affix | None = None


def guess_ids(
    predictions: Survey | None, labels: Survey | None, rows: Path | None = None, taken: frozenset[Path] = frozenset()
) -> IdPair:
    """Return the ids of predictions and of labels; values that are in both topics say more than names.

    ``rows`` leads to the list of rows of the predictions, and ``taken`` are paths that hold times.
    """
    of_predictions = [] if predictions is None else [*_candidates(predictions, rows, taken)]
    of_labels = [] if labels is None else [*_candidates(labels, None, taken)]
    pairs = [
        (one.score + other.score + _VALUES_SAY * share + _in_values(one, other), n, one, other)
        for one in of_predictions
        for other in of_labels
        for share, n in (_overlap(_ids_of(one.fact, rows), one.fact, other.fact, rows),)
        if n and (one.score > _BARE or other.score > _BARE)
    ]
    if pairs:
        _, n, one, other = max(pairs, key=lambda pair: pair[0])
        reason = f"{n:,} of its values are also in the other topic"
        return IdPair(one._replace(reason=reason), other._replace(reason=reason), n)
    best, label = _best(of_predictions), _best(of_labels, unique=False)
    affix = None if best is None or label is None else affix_between(best.fact.counted, label.fact.counted)
    return IdPair(best, label, 0, affix)


def _in_values(one: IdGuess, other: IdGuess) -> float:
    """Return how much more a pair counts that stands in the records' values: keys often repeat a field."""
    return _INSIDE * (one.fact.in_value + other.fact.in_value)


_INSIDE: Final = 5.0
_BARE: Final = 6.5
"""Score of a field whose values alone speak for it."""


def _best(candidates: list[IdGuess], *, unique: bool = True) -> IdGuess | None:
    """Return the best one; without a name for an id, only values that are all different count."""
    fit = [each for each in candidates if each.score > _BARE or (unique and each.fact.uniqueness > 0.98)]  # noqa: PLR2004
    return max(fit, key=lambda each: each.score, default=None)


def _candidates(survey: Survey, rows: Path | None, taken: frozenset[Path]) -> Iterator[IdGuess]:
    for fact in survey.scalars(rows, beside=True):
        if fact.path in taken or fact.share < _ENOUGH or not _may_be_id(fact):
            continue
        named = 4.0 if fact.path == KEY else weight("id", fact.path)
        if not named and (fact.kind == "integer" or not fact.in_value):
            continue  # numbers that happen to differ, and traces of other systems
        score = named + 6.0 * fact.uniqueness + 2.0 * fact.share - 4.0 * is_discouraged(fact.path)
        score += str(fact.place).startswith("row:")
        score -= 0.1 * len(fact.path) + (1.0 if not fact.in_value and fact.path != KEY else 0.0)
        yield IdGuess(fact, score, f"{len(fact.counted):,} different values in {len(fact.values):,}")


def _may_be_id(fact: Fact) -> bool:
    """Whether values can be ids: texts or whole numbers that are not too long."""
    kinds = fact.kinds
    fractions = sum(isinstance(value, float) and not value.is_integer() for value in fact.values)
    if kinds["boolean"] or fractions > 0.05 * len(fact.values):
        return False
    return max(map(len, fact.texts), default=0) <= _MAX_LENGTH


def _overlap(ids: frozenset[str], one: Fact, other: Fact, rows: Path | None) -> tuple[float, int]:
    """Return which share of the smaller side's values is on both sides, and how many values; 0 where too few."""
    others = _ids_of(other, rows)
    shared, smaller = len(ids & others), min(len(ids), len(others))
    few = shared < min(_SHARED, smaller) or shared < _SHARED_SHARE * smaller
    flags = min(one.uniqueness, other.uniqueness) < 0.2 and smaller < 100  # noqa: PLR2004  # categories agree as well
    return (0.0, 0) if few or flags else (shared / smaller, shared)


def _ids_of(fact: Fact, rows: Path | None) -> frozenset[str]:
    """Return the values of a field; where predictions stand in rows, without the number of the row."""
    return frozenset(_ROW_NUMBER.sub("", text) for text in fact.counted) if rows else frozenset(fact.counted)


def affix_between(one: Iterable[str], other: Iterable[str]) -> Affix | None:
    """Return the text that all ids of one topic begin with, if the others agree without it.

    Examples
    --------
    >>> affix_between([f"{n}" for n in range(1000, 1010)], [f"A-{n}" for n in range(1000, 1010)])
    Affix(text='A-', lacking='predictions')
    """
    sides: tuple[tuple[Kind, set[str], set[str]], ...] = (
        ("predictions", set(other), set(one)),
        ("labels", set(one), set(other)),
    )
    for lacking, longer, shorter in sides:
        begins = {match[0] for text in longer if (match := _BEGINNING.match(text))}
        if len(begins) != 1:
            continue
        (prefix,) = begins
        without = {text.removeprefix(prefix) for text in longer}
        if len(without & shorter) >= _SHARED:
            return Affix(prefix, lacking)
    return None
