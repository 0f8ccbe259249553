"""Predicted and true outcomes: classes or numbers, scores as probabilities, and the weights of labels."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import Meta

from driftline.config.field_places import ScoreAt
from driftline.errors import EventError
from driftline.events.class_order import classes_in_order
from driftline.events.dead_letter import INVALID_TYPE, INVALID_VALUE
from driftline.events.documents import ABSENT
from driftline.events.json_type import name_of
from driftline.events.unusable import WRONG_TYPE, Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_CLASS: Final = 1_024
"""Characters of a class."""
SMALLEST_INT: Final = -(1 << 63)
LARGEST_INT: Final = (1 << 63) - 1
"""Whole numbers of 64 bits: what is remembered of them is MessagePack, which has no larger ones."""
LARGEST_WEIGHT: Final = float(1 << 20)
"""Of a label: what is kept of it are whole multiples of 2⁻¹⁰ up to 2³⁰ of them."""
ROUNDING: Final = 1e-6
"""How far beyond 0 or 1 a probability may be by rounding: float32 has 1.0000001."""

ClassOrNumber = (
    Annotated[str, Meta(max_length=MAX_CLASS)] | Annotated[int, Meta(ge=SMALLEST_INT, le=LARGEST_INT)] | float | bool
)
Score = float | dict[str, float]
_CLASS_TYPES: Final = frozenset((str, int, float, bool, type(None)))
_EVEN: Final = ScoreAt("")
_TEXT_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How protobuf's JSON mapping writes what JSON has no literal for."""


def predictions(values: Sequence[Any]) -> Sequence[Any]:
    """Return predicted classes or numbers; :class:`Unusable` where one is neither, None where there is none."""
    if _all_fit(values):
        return values
    return [_prediction(value) for value in values]


def _all_fit(values: Sequence[Any]) -> bool:
    """Whether all values are classes or numbers, or None, and none is too long or too great."""
    kinds = set(map(type, values))
    if not kinds <= _CLASS_TYPES:
        return False
    if kinds == {int}:
        return bool(min(values) >= SMALLEST_INT and max(values) <= LARGEST_INT)
    if kinds == {str}:
        return max(map(len, values)) <= MAX_CLASS
    return kinds.isdisjoint((int, str)) or all(map(_fits, values))


def _fits(value: object) -> bool:
    if type(value) is str:
        return len(value) <= MAX_CLASS
    return type(value) is not int or SMALLEST_INT <= value <= LARGEST_INT


def _prediction(value: Any) -> Any:  # noqa: ANN401  # any JSON
    if value is None or value is ABSENT:
        return None
    if isinstance(value, Decimal):
        return float(value)
    if type(value) not in _CLASS_TYPES:
        return WRONG_TYPE
    if _fits(value):
        return value
    return WRONG_TYPE if isinstance(value, str) else _as_float(value)


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def plain_outcomes(values: Sequence[Any]) -> bool:
    """Whether all labels can be taken as they are."""
    return _all_fit(values) and all(math.isfinite(value) for value in values if type(value) is float)


def true_outcome(value: Any, at: str) -> Any:  # noqa: ANN401  # any JSON
    """Return a label: a class, a number, or None, which takes one back.

    Raises
    ------
    EventError
        When it is of another type or out of range.
    """
    if value is None or value is ABSENT:
        return None
    if isinstance(value, Decimal):
        value = float(value)
    if type(value) not in _CLASS_TYPES:
        raise EventError(INVALID_TYPE, f"Expected a class or a number, got {name_of(value)} - at `{at}`")
    if isinstance(value, float) and not math.isfinite(value):
        raise EventError(INVALID_VALUE, f"Expected a class or a finite number, got {value!r} - at `{at}`")
    if not _fits(value):
        expected = f"a class of at most {MAX_CLASS:,} characters, or a number of 64 bits"
        got = f"{len(value):,} characters" if isinstance(value, str) else "a larger one"
        raise EventError(INVALID_VALUE, f"Expected {expected}, got {got} - at `{at}`")
    return value


def is_weight(weight: float | None) -> bool:
    """Whether a label may have this weight."""
    return weight is None or 0.0 <= weight <= LARGEST_WEIGHT


def weight_of(value: Any, at: str) -> float | None:  # noqa: ANN401  # any JSON
    """Return a label's weight; None where there is none.

    Raises
    ------
    EventError
        When it is no number, or out of range.
    """
    if value is None or value is ABSENT:
        return None
    number = number_of(value)
    if number is None:
        raise EventError(INVALID_TYPE, f"Expected a weight in [0, 2²⁰], got {name_of(value)} - at `{at}`")
    if not is_weight(number):
        raise EventError(INVALID_VALUE, f"Expected a weight in [0, 2²⁰], got {value!r} - at `{at}`")
    return number


def scores(values: Sequence[Any], place: ScoreAt = _EVEN) -> Sequence[Any]:
    """Return scores as probabilities, or as maps of class to probability.

    Parameters
    ----------
    values : sequence of object
        As they stand in the records.
    place : ScoreAt
        Scale of the scores, and the order of lists of them.

    Returns
    -------
    sequence of float, dict, Unusable or None
        None where there is none; :class:`Unusable` where it is no probability.

    Examples
    --------
    >>> scores(["0.25", 1.0000001, [0.75, 0.25], 1.7, {"a": 0.5, "b": 0.5}])
    [0.25, 1.0, 0.25, Unusable(value=1.7), {'a': 0.5, 'b': 0.5}]
    >>> scores([575, 850], ScoreAt("/p", scale=(300, 850), higher="safer"))
    [0.5, 0.0]
    """
    if place is _EVEN and set(map(type, values)) == {float} and all(0.0 <= value <= 1.0 for value in values):
        return values
    read = _reader(place)
    return [None if value is None or value is ABSENT else read(value) for value in values]


def _reader(place: ScoreAt) -> Callable[[Any], Any]:
    scaled = _scale(place)
    order = [str(name) for name in place.order]

    def one(value: Any) -> Any:  # noqa: ANN401  # any JSON
        number = number_of(value)
        return WRONG_TYPE if number is None else _probability(scaled(number))

    def each(values: dict[str, Any]) -> Any:  # noqa: ANN401  # a map, Unusable or None
        found = {str(name): one(value) for name, value in values.items() if value is not None}
        wrong = next((value for value in found.values() if type(value) is Unusable), None)
        return wrong if wrong is not None else found or None

    def read(value: Any) -> Any:  # noqa: ANN401  # any JSON
        if isinstance(value, dict):
            return each(value)
        if not isinstance(value, list):
            return one(value)
        if order:
            return each(dict(zip(order, value, strict=True))) if len(value) == len(order) else WRONG_TYPE
        if not value:
            return None
        return one(value[-1]) if len(value) <= 2 else WRONG_TYPE  # noqa: PLR2004  # both classes of a binary task

    return read


def _scale(place: ScoreAt) -> Callable[[float], float]:
    turned = place.higher == "safer"
    if isinstance(place.scale, tuple):
        low, high = place.scale
        return (lambda x: (high - x) / (high - low)) if turned else (lambda x: (x - low) / (high - low))
    by_name: dict[str, Callable[[float], float]] = {"probability": _same, "percent": _percent, "margin": _logistic}
    straight = by_name[place.scale]
    return (lambda x: 1.0 - straight(x)) if turned else straight


def _same(number: float) -> float:
    return number


def _percent(number: float) -> float:
    return number / 100.0


def _logistic(margin: float) -> float:
    """Return the probability of log-odds, without overflow on either side."""
    if margin >= 0:
        return 1.0 / (1.0 + math.exp(-margin))
    odds = math.exp(margin)
    return odds / (1.0 + odds)


def number_of(value: Any) -> float | None:  # noqa: ANN401  # any JSON
    """Return a value as a number, also one written as text; None where it is none."""
    if isinstance(value, str):
        try:
            return _TEXT_NUMBERS[value] if value in _TEXT_NUMBERS else _of_text(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return _as_float(value) if isinstance(value, int) else float(value)


def _of_text(text: str) -> float:
    """Return the number that a text is; Python's own further forms (``1_000``, ``inf``) are none."""
    if not text.isascii() or "_" in text or text.strip()[-1:].isalpha():
        raise ValueError(text)
    return float(text)


def _probability(number: float) -> Any:  # noqa: ANN401  # a number or Unusable
    if 0.0 <= number <= 1.0:
        return number
    if -ROUNDING <= number <= 1.0 + ROUNDING:
        return 0.0 if number < 0.0 else 1.0
    return Unusable(number)


def untold_score(score: Any, positive: str | None) -> float | None:  # noqa: ANN401  # Score, Unusable or None
    """Return one probability where the task is not known yet: of two classes that of the second in their order, if
    ``positive`` is none of them.

    Examples
    --------
    >>> untold_score({"yes": 0.3, "no": 0.7}, None), untold_score({"yes": 0.3, "no": 0.7}, "no")
    (0.3, 0.7)
    """
    if isinstance(score, dict) and len(score) == 2 and positive not in score:  # noqa: PLR2004  # binary
        return one_score(score, classes_in_order(score)[-1])
    return one_score(score, positive)


def one_score(score: Any, positive: str | None) -> float | None:  # noqa: ANN401  # Score, Unusable or None
    """Return one probability: of the positive class where it is among the classes, otherwise the greatest.

    Examples
    --------
    >>> one_score({"no": 0.7, "yes": 0.3}, "yes"), one_score({"a": 0.7, "b": 0.3}, None), one_score(0.2, "yes")
    (0.3, 0.7, 0.2)
    """
    if type(score) is Unusable:
        return None
    if not isinstance(score, dict):
        return score  # type: ignore[no-any-return]  # a number or None
    one: float = score[positive] if positive is not None and positive in score else max(score.values())
    return one


def plain_scores(
    scores: Sequence[Score | Unusable | None],
    positive: str | None,
    own_names: Callable[[Mapping[str, float]], dict[str, float]] | None = None,
) -> Sequence[float | None]:
    """Return one probability for each score as :func:`one_score` does, None where there is none that can be used.

    ``own_names`` returns a map by the classes' own names, for one that spells the positive class in another way.
    """
    if set(map(type, scores)).isdisjoint((dict, Unusable)):
        return scores  # type: ignore[return-value]  # no map is among them
    if positive is None or own_names is None:
        return [one_score(score, positive) for score in scores]
    return [
        one_score(own_names(score) if isinstance(score, dict) and positive not in score else score, positive)
        for score in scores
    ]
