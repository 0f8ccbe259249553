"""The features object of an event: as JSON or as a dictionary, and objects within it by their path."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.events.json_type import whole_number
from driftline.events.named_values import NamedValues

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

Features = bytes | msgspec.Raw | dict[str, Any] | NamedValues
"""JSON of an object, empty bytes for none, or the object itself where the record was not JSON; or its values alone."""

MAX_DEPTH: Final = 6
"""Parts of a flattened name at most (``a.b.c`` has three); an object further down is not opened."""


def features_json(features: Features) -> bytes:
    """Return features as JSON bytes, which say of each value what the dictionary says of it.

    A value that JSON has no type for becomes an empty list, which is of a wrong type in every column; so does it in the
    dictionary. A ``Decimal`` is a number. Empty bytes stand for what JSON cannot hold at all.

    Examples
    --------
    >>> features_json({"age": 41, "price": Decimal("1.5"), "photo": b"..."})
    b'{"age":41,"price":1.5,"photo":[]}'
    """
    if isinstance(features, NamedValues):
        features = features.members()
    if not isinstance(features, dict):
        return bytes(features)
    try:
        return json.dumps(features, separators=(",", ":"), skipkeys=True, default=_as_json).encode()
    except (ValueError, RecursionError):  # an integer of thousands of digits, or nested too deeply or in itself
        return b""


def json_members(features: bytes | msgspec.Raw) -> Any:  # noqa: ANN401  # any JSON
    """Return what the JSON of features holds, also NaN and whole numbers of any size; nothing where it is empty.

    Raises
    ------
    ValueError, RecursionError
        When it is no JSON, or nested too deeply.
    """
    return json.loads(bytes(features) or b"{}", parse_int=whole_number)


def _as_json(value: object) -> float | list[object]:
    return decimal_number(value) if isinstance(value, Decimal) else []


def decimal_number(value: Decimal) -> float:
    """Return a decimal as a float; one that signals is not a number."""
    return float("nan") if value.is_nan() else float(value)


def flattened(features: Mapping[str, Any], whole: Container[str] = ()) -> Mapping[str, Any]:
    """Return the values of a features object by name, those in objects within it by their path with dots.

    Parameters
    ----------
    features : mapping of str to JSON values
    whole : container of str
        Names under which an object is not opened.

    Returns
    -------
    mapping of str to JSON values
        Arrays are not opened, nor objects ``MAX_DEPTH`` levels down. Where one name comes about in several ways, such
        as by a key with a dot in it and by an object, the first that is not null counts, outer objects before inner
        ones. An empty object has no values.

    Examples
    --------
    >>> flattened({"user": {"age": 41, "home": {"city": "Bern"}}, "tags": ["a"]})
    {'tags': ['a'], 'user.age': 41, 'user.home.city': 'Bern'}
    """
    if not any(isinstance(value, dict) for value in features.values()):
        return features
    found: dict[str, Any] = {}
    level: list[tuple[str, Mapping[str, Any]]] = [("", features)]
    for depth in range(1, MAX_DEPTH + 1):
        below: list[tuple[str, Mapping[str, Any]]] = []
        for prefix, members in level:
            for key, value in members.items():
                name = f"{prefix}{key}"
                if isinstance(value, dict) and depth < MAX_DEPTH and name not in whole:
                    below.append((f"{name}.", value))
                elif found.get(name) is None:
                    found[name] = value
        level = below
    return found


def is_within(name: str, names: Container[str]) -> bool:
    """Return whether a name or that of an object around it is among some names.

    Examples
    --------
    >>> is_within("user.age", {"user"}), is_within("user_age", {"user"})
    (True, False)
    """
    return name in names or any(outer in names for outer in outer_names(name))


def outer_names(name: str) -> list[str]:
    """Return the names of the objects that a flattened name is in.

    Examples
    --------
    >>> outer_names("user.home.city")
    ['user', 'user.home']
    """
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]
