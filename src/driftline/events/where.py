"""Which records of a topic are meant, by a field or a header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftline.events.documents import ABSENT, Documents, path_of
from driftline.events.identity import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.config.field_places import Where

Headers = list[dict[str, bytes]] | None


def matcher(where: Where) -> Callable[[Sequence[object], Headers], list[bool]]:
    """Return a function from parsed records and their headers to whether each is meant.

    A record without the field, or without the header, is not.

    Examples
    --------
    >>> from driftline.config.field_places import Where
    >>> matcher(Where("/type", equals=("a", 1)))([{"type": "a"}, {"type": "1"}, {"type": 2}, {}], None)
    [True, True, False, False]
    """
    if where.header is not None:
        return _by_header(where, where.header)
    path, matches = path_of(where.field or "", None), values_match(where)
    return lambda documents, _headers: matches(Documents(documents).column(path))


def values_match(where: Where) -> Callable[[Sequence[Any]], list[bool]]:
    """Return a function from values of the field to whether the records they stand in are meant."""
    if where.equals is None:
        return lambda values: [value is not None and value is not ABSENT for value in values]
    wanted = _wanted(where)

    def matches(value: Any) -> bool:  # noqa: ANN401  # any JSON
        text = text_of(value)
        return text is not None and text in wanted

    def each(values: Sequence[Any]) -> list[bool]:
        if set(map(type, values)) == {str}:
            return [value in wanted for value in values]
        return [*map(matches, values)]

    return each


def _by_header(where: Where, name: str) -> Callable[[Sequence[object], Headers], list[bool]]:
    if where.equals is None:
        return lambda documents, headers: [False] * len(documents) if headers is None else [name in h for h in headers]
    encoded = {text.encode() for text in _wanted(where) if text is not None}
    return lambda documents, headers: (
        [False] * len(documents) if headers is None else [each.get(name) in encoded for each in headers]
    )


def _wanted(where: Where) -> set[str | None]:
    """Return the texts of the values that are meant."""
    return {text_of(value) for value in (where.equals if isinstance(where.equals, tuple) else (where.equals,))}
