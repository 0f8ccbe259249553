"""Ids, models and versions: the fields without which there is no event."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from driftline.errors import EventError
from driftline.events.dead_letter import INVALID_TYPE, INVALID_VALUE, MISSING_FIELD
from driftline.events.documents import ABSENT
from driftline.events.json_type import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_ID: Final = 1_024
"""Characters of a prediction id; ids are remembered until their labels have come."""
MAX_NAME: Final = 256
"""Characters of a model's name and version."""


def identifier(value: object, at: str) -> str:
    """Return an id as text; a number without a fraction is the whole number.

    Raises
    ------
    EventError
        When it is absent, of another type, empty or too long.

    Examples
    --------
    >>> identifier(1000017.0, "$.id"), identifier("a-1", "$.id")
    ('1000017', 'a-1')
    """
    if isinstance(value, str):
        return _sized(value, 1, MAX_ID, "an id", at)
    if isinstance(value, int) and not isinstance(value, bool):
        return _sized(str(value), 1, MAX_ID, "an id", at)
    if isinstance(value, float | Decimal) and _is_whole(value):
        return _sized(str(int(value)), 1, MAX_ID, "an id", at)
    if isinstance(value, UUID):
        return str(value)
    raise _wrong(value, "an id, a text or a whole number", at)


def model_name(value: object, at: str) -> str:
    """Return a model's name.

    Raises
    ------
    EventError
        When it is absent, no text, empty or too long.
    """
    if isinstance(value, str):
        return _sized(value, 1, MAX_NAME, "a model's name", at)
    raise _wrong(value, "a model's name, a text", at)


def version_name(value: object, at: str) -> str:
    """Return a model's version as text; empty where there is none.

    Raises
    ------
    EventError
        When it is neither text nor number, or too long.

    Examples
    --------
    >>> version_name(1.2, "$.v"), version_name(3, "$.v"), version_name(None, "$.v")
    ('1.2', '3', '')
    """
    if value is None or value is ABSENT:
        return ""
    if isinstance(value, str):
        return _sized(value, 0, MAX_NAME, "a model's version", at)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _sized(str(value), 0, MAX_NAME, "a model's version", at)
    raise _wrong(value, "a model's version, a text or a number", at)


def text_of(value: object) -> str | None:
    """Return a scalar as text, so that numbers and texts that read the same are equal; None for anything else.

    Examples
    --------
    >>> text_of(1.0), text_of("1"), text_of(True), text_of([])
    ('1', '1', 'true', None)
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal) and _is_whole(value):
        return str(int(value))
    return str(value) if isinstance(value, int | float | Decimal | UUID) else None


def plain_texts(values: Sequence[Any], shortest: int, longest: int) -> bool:
    """Whether all values are texts of allowed lengths, n >= 1 of them."""
    if set(map(type, values)) != {str}:
        return False
    lengths = [*map(len, values)]
    return min(lengths) >= shortest and max(lengths) <= longest


def _is_whole(value: float | Decimal) -> bool:
    """Whether a number has no fraction; a decimal beyond any that is written out has one."""
    if isinstance(value, float):
        return value.is_integer()
    return value.is_finite() and value.adjusted() < MAX_ID and value == value.to_integral_value()


def ids_as_text(ids: Sequence[Any]) -> Sequence[str]:
    """Return ids that the typed decoder has checked, as :func:`identifier` does.

    Raises
    ------
    EventError
        When one is a number with a fraction, or of too many digits.
    """
    kinds = set(map(type, ids))
    if kinds == {str}:
        return ids
    if float in kinds:
        return [identifier(value, "$.prediction_id") for value in ids]
    texts = [*map(str, ids)]
    if max(map(len, texts)) > MAX_ID:
        raise EventError(INVALID_VALUE, "Expected shorter ids - at `$.prediction_id`")  # a closer look says more
    return texts


def versions_as_text(versions: Sequence[Any]) -> Sequence[str]:
    """Return versions that the typed decoder has checked, as :func:`version_name` does.

    Raises
    ------
    EventError
        When one is a number of too many digits.
    """
    if set(map(type, versions)) == {str}:
        return versions
    return [version_name(value, "$.model_version") for value in versions]


def read_each(
    values: Sequence[Any],
    read: Callable[[Any, str], Any],
    at: Callable[[int], str],
    problems: dict[int, EventError],
) -> list[Any]:
    """Return what ``read`` makes of each value; what it raises is noted under the event's number."""
    result = []
    for event, value in enumerate(values):
        try:
            result.append(read(value, at(event)))
        except EventError as error:
            problems.setdefault(event, error)
            result.append(None)
    return result


def _sized(text: str, shortest: int, longest: int, what: str, at: str) -> str:
    if shortest <= len(text) <= longest:
        return text
    got = "an empty text" if not text else f"{len(text):,} characters"
    raise EventError(INVALID_VALUE, f"Expected {what} of {shortest} to {longest:,} characters, got {got} - at `{at}`")


def _wrong(value: object, expected: str, at: str) -> EventError:
    if value is ABSENT:
        return EventError(MISSING_FIELD, f"Expected {expected}, got a record without it - at `{at}`")
    shown = f" ({value!r})" if isinstance(value, bool | float) else ""
    return EventError(INVALID_TYPE, f"Expected {expected}, got {name_of(value)}{shown} - at `{at}`")
