"""The typed form of a features object: one field for each name that is known, flat or within objects."""

from __future__ import annotations

import re
from functools import cached_property, partial
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from driftline.events.features import MAX_DEPTH, outer_names

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

ABSENT: Final = msgspec.Raw(b"")
"""The value of a name that is not a column and not in the object."""
_astuple: Final[Callable[[Any], tuple[Any, ...]]] = msgspec.structs.astuple
_UNTYPED: Final = re.compile(r'[\\"\x00-\x1f\ud800-\udfff]').search
"""Finds characters that no field of a msgspec struct has in its name."""
_NOTHING: Final[Any] = Annotated[int, Meta(gt=0, lt=0)]
"""A type of no value at all."""
_Tree = dict[str, Any]
"""Key to the tree below it, or to the number of a name."""


class FeatureField(NamedTuple):
    """A name that a features object can have."""

    name: str
    type: Any
    """What its values are decoded as."""
    default: object
    """Its value where it is not there."""


class _Within(NamedTuple):
    """Where the value of a name with dots stands in the tuple of a record."""

    field: int
    position: int
    """Of the outermost object."""
    get: Callable[[object], Any]


class FeatureTypes:
    """Decodes features objects of known names in one typed pass each.

    Parameters
    ----------
    fields : sequence of FeatureField
        All names that an object may have; one with another is refused, and so is one with a name that
        :func:`can_be_typed` does not accept.
    nested : bool
        Whether the value of a name with dots is looked for within objects too, and not only under a key with dots.
    nullable : container of str
        Names of objects that may be null; one of another that is null is refused.
    """

    def __init__(self, fields: Sequence[FeatureField], *, nested: bool, nullable: Container[str] = frozenset()) -> None:
        self.fields = _accessible(fields)
        self._nullable = nullable
        self._tree = _tree_of(self.fields) if nested else {}
        self._within: list[_Within] = []
        for position, (_, tree) in enumerate(self._tree.items(), start=len(fields)):
            self._within += [_Within(index, position, attrgetter(path)) for index, path in _paths(tree, "")]
        self.record = self._struct(raw=True)
        self.from_json: Callable[[bytes | msgspec.Raw], Any] = msgspec.json.Decoder(self.record).decode

    @cached_property
    def from_dict(self) -> Callable[[dict[str, Any]], Any]:
        """Decodes an object that is a dictionary, with the outcome that its JSON would have."""
        return partial(msgspec.convert, type=self._struct(raw=False))

    def columns(self, records: Iterable[object]) -> list[Sequence[Any]]:
        """Return the values of each name, in the order of the fields."""
        found: list[Sequence[Any]] = [*zip(*map(_astuple, records), strict=True)]
        for field, position, get in self._within:
            found[field] = _first_of(found[field], found[position], get, self.fields[field].default)
        return found[: len(self.fields)]

    def _struct(self, *, raw: bool) -> Any:  # noqa: ANN401  # a type
        """Return the type of a record; where there is no JSON, anything stands in the place of raw JSON."""
        types = [field.type if raw else _without_raw(field.type) for field in self.fields]
        fields: list[Any] = [(f"f{i}", each, self.fields[i].default) for i, each in enumerate(types)]
        names = {f"f{i}": field.name for i, field in enumerate(self.fields)}
        for i, (key, tree) in enumerate(self._tree.items()):
            fields.append((f"n{i}", *self._object(key, tree, types)))
            names[f"n{i}"] = key
        return msgspec.defstruct("Features", fields, rename=names, forbid_unknown_fields=True, gc=False)

    def _object(self, name: str, tree: _Tree, types: Sequence[Any]) -> tuple[Any, Any]:
        """Return the type of an object of this name, and its default, in which everything is absent."""
        fields: list[Any] = []
        names = {}
        for i, (key, below) in enumerate(tree.items()):
            field = f"f{below}" if isinstance(below, int) else f"n{i}"
            names[field] = key
            if isinstance(below, int):
                fields.append((field, types[below], self.fields[below].default))
            else:
                fields.append((field, *self._object(f"{name}.{key}", below, types)))
        kind: Any = msgspec.defstruct("Object", fields, rename=names, forbid_unknown_fields=True, frozen=True, gc=False)
        return (kind | None if name in self._nullable else kind), kind()


def can_be_typed(name: str) -> bool:
    """Return whether typed decoding can read values of this name.

    Examples
    --------
    >>> can_be_typed("user.age"), can_be_typed('say "hi"')
    (True, False)
    """
    return _UNTYPED(name) is None


def _accessible(fields: Sequence[FeatureField]) -> Sequence[FeatureField]:
    """Return fields that a struct can have: one whose name it cannot have gets another, under which no value fits."""
    if all(can_be_typed(field.name) for field in fields):
        return fields
    names = [field.name for field in fields]
    prefix = "#"
    while any(name.startswith(prefix) for name in names):
        prefix += "#"
    return [
        field if can_be_typed(field.name) else FeatureField(f"{prefix}{i}", _NOTHING, field.default)
        for i, field in enumerate(fields)
    ]


def _tree_of(fields: Sequence[FeatureField]) -> _Tree:
    """Return the names with dots by the keys of the objects that they are in.

    What is within another name is left out: that name's value is no object, or is taken whole.
    """
    tree: _Tree = {}
    names = {field.name for field in fields}
    for index, field in enumerate(fields):
        parts = field.name.split(".")
        if 1 < len(parts) <= MAX_DEPTH and names.isdisjoint(outer_names(field.name)):
            node = tree
            for part in parts[:-1]:
                node = node.setdefault(part, {})
            node[parts[-1]] = index
    return tree


def _paths(tree: _Tree, prefix: str) -> Iterable[tuple[int, str]]:
    """Yield the number of each name in an object's tree, and the attributes that lead to it."""
    for i, below in enumerate(tree.values()):
        if isinstance(below, int):
            yield below, f"{prefix}f{below}"
        else:
            yield from _paths(below, f"{prefix}n{i}.")


def _first_of(
    flat: Sequence[Any], objects: Sequence[object], get: Callable[[object], Any], absent: object
) -> Sequence[Any]:
    """Return the values under the key with dots, and where there is none those within objects."""
    n_absent = flat.count(absent)
    if n_absent == 0:
        return flat
    try:
        within = [*map(get, objects)]
    except AttributeError:  # an object is null
        within = [_reached(each, get, absent) for each in objects]
    if n_absent == len(flat):
        return within
    return [inner if outer is absent else outer for outer, inner in zip(flat, within, strict=True)]


def _reached(record: object, get: Callable[[object], Any], absent: object) -> object:
    try:
        return get(record)
    except AttributeError:
        return absent


def _without_raw(kind: Any) -> Any:  # noqa: ANN401  # types
    return {msgspec.Raw: Any, UNKNOWN_JSON: UNKNOWN_VALUE}.get(kind, kind)


UNKNOWN_JSON: Final[Any] = str | int | float | bool | list[msgspec.Raw] | None
UNKNOWN_VALUE: Final[Any] = str | int | float | bool | list[Any] | None
"""What the value of a feature may be that nobody knows: anything but an object, which would be opened."""
