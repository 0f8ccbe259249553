"""What a setting's type expects, in words: one wording for error messages and for the reference table."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Final, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct

from driftline.config.durations import Duration
from driftline.config.model import Budget

if TYPE_CHECKING:
    from collections.abc import Iterable

_DURATION: Final = "a duration such as `10s`, `5m`, `1h` or `30d`"
_PATTERNS: Final = {
    r"^(row:)?(/[\s\S]*)?$": "a JSON Pointer such as `/features`, or nothing for the whole record",
    r"^[A-Za-z0-9._-]{1,100}$": "1 to 100 letters, digits, `.`, `_` or `-`",
}
_PLAIN: Final[dict[object, str]] = {
    str: "a string",
    bool: "`true` or `false`",
    int: "a whole number",
    float: "a number",
    NoneType: "null",
    Duration: _DURATION,
    Budget: "a budget such as `1 per 30d`",
}


def expectation(annotation: object) -> str:
    """Return what a value of this type looks like, as a phrase that follows the word "expected".

    Parameters
    ----------
    annotation : object
        Type of a field of one of the configuration's structs.

    Examples
    --------
    >>> expectation(Annotated[int, Meta(ge=1, le=5)])
    'a whole number from 1 to 5'
    >>> expectation(Literal["a", "b"] | None)
    'one of `a`, `b`'
    >>> expectation(tuple[Duration, ...])
    'a list, each a duration such as `10s`, `5m`, `1h` or `30d`'
    """
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return "a mapping with " + ", ".join(f"`{name}`" for name in annotation.__struct_encode_fields__)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _constrained(arguments[0], arguments[1])
    return _generic(origin, arguments)


def _generic(origin: object, arguments: tuple[object, ...]) -> str:
    if origin is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, UnionType):
        return _one_of(option for option in arguments if option is not NoneType)
    if origin is tuple:
        return f"a list, each {expectation(arguments[0])}"
    if origin is dict:
        return f"a mapping of names, each {expectation(arguments[1])}"
    raise TypeError(f"A setting of type {origin!r} has no wording; add it to {__name__}")


def _one_of(options: Iterable[object]) -> str:
    """Return what any of some types looks like; mappings of several kinds go by what tells them apart."""
    found = [*options]
    sections = [option for option in found if isinstance(option, type) and issubclass(option, Struct)]
    if len(sections) < 2:  # noqa: PLR2004  # nothing to tell apart
        return " or ".join(map(expectation, found))
    names = ", ".join(f"`{section.__struct_fields__[0]}`" for section in sections)
    others = [expectation(option) for option in found if option not in sections]
    return " or ".join([*others, f"a mapping with one of {names}"])


def _constrained(base: object, meta: Meta) -> str:
    if meta.pattern is not None:
        return _PATTERNS.get(meta.pattern, f"a string that matches `{meta.pattern}`")
    words = expectation(base)
    if meta.ge is not None and meta.le is not None:
        return f"{words} from {meta.ge} to {meta.le}"
    if meta.gt is not None and meta.le is not None:
        return f"{words} above {meta.gt} and up to {meta.le}"
    if meta.ge is not None:
        return f"{words} of at least {meta.ge}"
    if meta.gt is not None:
        return f"{words} above {meta.gt}"
    return words
