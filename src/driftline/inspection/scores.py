"""Which field is a score, and how it becomes a probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftline.config.field_places import ScoreAt
from driftline.inspection.names import is_discouraged, weight, words_of
from driftline.inspection.survey import ELEMENT, number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.inspection.survey import Fact, Path, Survey

_ENOUGH: Final = 0.95
_SLACK: Final = 1e-6
_PERCENT: Final = 100.0
_KNOWN_RANGES: Final = ((300, 850, "safer"), (0, 999, "riskier"), (0, 1000, "riskier"), (0, 10, "riskier"))
"""Ranges that scores are given in: credit scores, and those of fraud engines."""
_RISKS: Final = frozenset(("fraud", "risk", "churn", "default", "anomaly", "abuse"))
"""Words in the name of a score that says how likely something bad is."""
_BINARY: Final = 2


class ScoreGuess(NamedTuple):
    """Where a score stands and on which scale; ``doubt`` is what a person has to confirm."""

    fact: Fact
    place: str | ScoreAt
    reason: str
    doubt: str = ""


def guess_score(survey: Survey, rows: Path | None, classes: Sequence[str]) -> ScoreGuess | None:
    """Return where the score stands; None where no field has the name and the values of one.

    ``classes`` are those of the predictions, for lists of more than two probabilities.
    """
    best: tuple[float, ScoreGuess] | None = None
    for fact in survey.candidates(rows):
        named = weight("score", fact.path[:-1] if fact.path[-1] == ELEMENT else fact.path)
        if not named or not fact.values or (rows is not None and survey.same_lengths(fact.path, rows)):
            continue  # a list with one element for each row is looked at by its elements
        found = _as_score(fact, classes)
        if found is None:
            continue
        ranked = named + 2 * fact.share - 4 * is_discouraged(fact.path) - 0.1 * len(fact.path)
        if best is None or ranked > best[0]:
            best = ranked, found
    return None if best is None else best[1]


def _as_score(fact: Fact, classes: Sequence[str]) -> ScoreGuess | None:
    if not isinstance(fact.place, str):
        return None
    if fact.kind == "object":
        maps = [value for value in fact.values if isinstance(value, dict)]
        fits = all(_is_probability(each) for value in maps for each in value.values() if each is not None)
        return ScoreGuess(fact, fact.place, "a probability for each class") if maps and fits else None
    if fact.kind == "list":
        return _of_lists(fact, fact.place, classes)
    return _of_numbers(fact, fact.place) if fact.is_numeric else None


def _is_probability(value: Any) -> bool:  # noqa: ANN401  # any JSON
    number = number_of(value)
    return number is not None and -_SLACK <= number <= 1 + _SLACK


def _of_lists(fact: Fact, pointer: str, classes: Sequence[str]) -> ScoreGuess | None:
    lists = [value for value in fact.values if isinstance(value, list)]
    lengths = {len(value) for value in lists}
    if not all(map(_is_probability, (each for value in lists for each in value))) or len(lengths) != 1:
        return None
    (length,) = lengths
    if not length > 0:
        return None
    if length <= _BINARY:
        return ScoreGuess(fact, pointer, "probabilities of both classes; the second is the positive class's")
    if len(classes) == length:
        order = tuple(sorted(classes, key=_number_first))
        doubt = f"that the {length} probabilities are in the order {', '.join(order)}"
        return ScoreGuess(fact, ScoreAt(pointer, order=order), f"probabilities of {length} classes", doubt)
    doubt = f"the classes of the {length} probabilities: give them as `order`, in the order of the list"
    return ScoreGuess(fact, pointer, f"a list of {length} probabilities", doubt)


def _number_first(name: str) -> tuple[float, str]:
    number = number_of(name)
    return (number if number is not None else float("inf"), name)


def _of_numbers(fact: Fact, pointer: str) -> ScoreGuess:
    numbers = [number for number in fact.numbers if number == number]  # noqa: PLR0124  # not-a-number is not itself
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    within = sum(-_SLACK <= number <= 1 + _SLACK for number in numbers)
    if within >= _ENOUGH * len(numbers):
        return ScoreGuess(fact, pointer, "a probability")
    shown = f"values from {low:g} to {high:g}"
    words = {word for step in fact.path for word in words_of(step)}
    if low < 0 and (words & {"logit", "margin", "logodds", "raw"} or high < 50):  # noqa: PLR2004
        return ScoreGuess(fact, ScoreAt(pointer, scale="margin"), f"{shown}: log-odds", "that these are log-odds")
    if low >= 0 and high <= _PERCENT and not (high <= 10 and not words & {"percent", "pct"}):  # noqa: PLR2004
        return ScoreGuess(fact, ScoreAt(pointer, scale="percent"), f"{shown}: percent", "that these are percent")
    for start, end, usual in _KNOWN_RANGES:
        if start <= low and high <= end:
            higher = "riskier" if words & _RISKS else usual
            place = ScoreAt(pointer, scale=(start, end), higher=higher)  # type: ignore[arg-type]  # one of the two
            return ScoreGuess(
                fact, place, f"{shown}: a scale from {start} to {end}", f"the scale, and that higher is {higher}"
            )
    return ScoreGuess(
        fact, pointer, shown, "its scale: no probability, percent or log-odds; give it as `scale: [low, high]`"
    )
