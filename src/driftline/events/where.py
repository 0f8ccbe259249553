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
    if where.equals is None:
        return _present(where)
    wanted = {text_of(value) for value in (where.equals if isinstance(where.equals, tuple) else (where.equals,))}
    if where.header is not None:
        name = where.header
        encoded = {text.encode() for text in wanted if text is not None}
        return lambda documents, headers: (
            [False] * len(documents) if headers is None else [each.get(name) in encoded for each in headers]
        )
    path = path_of(where.field or "", None)

    def matches(value: Any) -> bool:  # noqa: ANN401  # any JSON
        text = text_of(value)
        return text is not None and text in wanted

    def by_field(documents: Sequence[object], _headers: Headers) -> list[bool]:
        values = Documents(documents).column(path)
        if set(map(type, values)) == {str}:
            return [value in wanted for value in values]
        return [*map(matches, values)]

    return by_field


def _present(where: Where) -> Callable[[Sequence[object], Headers], list[bool]]:
    """Return a function that tells the records that have a field that is not null, or a header."""
    if where.header is not None:
        name = where.header
        return lambda documents, headers: [False] * len(documents) if headers is None else [name in h for h in headers]
    path = path_of(where.field or "", None)
    return lambda documents, _headers: [
        value is not None and value is not ABSENT for value in Documents(documents).column(path)
    ]
