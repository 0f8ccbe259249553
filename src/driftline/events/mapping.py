"""Typed decoding of records whose fields stand wherever a JSON Pointer says.

The pointers are compiled, once, into nested msgspec structs: a record is decoded in one pass, its types are checked
on the way, and whatever is not mapped is skipped without being built.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.errors import EventError, ParameterError
from driftline.events.dead_letter import EMPTY, INVALID_TYPE, INVALID_VALUE, MISSING_FIELD, NOT_JSON, NOT_UTF8
from driftline.events.smells import smell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_REASONS: Final = (
    (re.compile(r"Object missing required field `"), MISSING_FIELD),
    (re.compile(r"Expected `[^`]*`(, got |$)"), INVALID_TYPE),
)
"""msgspec's messages; the others are about lengths, ranges and the form of a time."""


def pointer_parts(pointer: str) -> tuple[str, ...]:
    """Return the unescaped reference tokens of a JSON Pointer (RFC 6901).

    Examples
    --------
    >>> pointer_parts("/meta/a~1b")
    ('meta', 'a/b')
    """
    if pointer == "":
        return ()
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


@dataclass
class _Node:
    """An object on the way to mapped fields: the fields that stand in it, and the objects below."""

    leaves: dict[str, tuple[str, Any, bool]] = field(default_factory=dict)
    children: dict[str, _Node] = field(default_factory=dict)


class MappedDecoder:
    """Decodes records into the values of mapped fields, in the order they were given.

    Parameters
    ----------
    fields : mapping of str to (pointer, type, required)
        What to take out, and its msgspec type. An optional field that is absent is None.

    Raises
    ------
    ParameterError
        When one pointer leads through another field's value, or to the record itself.
    """

    def __init__(self, fields: Mapping[str, tuple[str, Any, bool]]) -> None:
        root = _Node()
        for name, (pointer, type_, required) in fields.items():
            _insert(root, name, pointer, type_, required=required)
        self._type = _struct(root, "Record")
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(self._type).decode
        paths = _attribute_paths(root)
        self._paths = tuple(paths[name] for name in fields)
        flat = all(len(path) == 1 for path in self._paths)
        self._take = _take_flat(self._type, self._paths) if flat else self._take_nested

    def __call__(self, value: bytes | None) -> tuple[Any, ...]:
        """Return the mapped values of one record.

        Raises
        ------
        EventError
            With the reason code for the dead letter.
        """
        try:
            record = self._decode(value)  # type: ignore[arg-type]  # None raises TypeError, told apart below
        except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError) as error:
            record = self._second_chance(value, error)
        else:
            if not value.isascii():  # type: ignore[union-attr]  # None cannot have been decoded
                require_utf8(value)  # type: ignore[arg-type]
        return self._take(record)

    def columns(self, values: Iterable[bytes | None]) -> list[Sequence[Any]] | None:
        """Return the mapped values of n records, n >= 1, by field; None where one of them needs a closer look."""
        try:
            records = [*map(self._decode, values)]  # type: ignore[arg-type]  # None raises TypeError
            for value in values:
                if not value.isascii():  # type: ignore[union-attr]  # None cannot have been decoded
                    value.decode()  # type: ignore[union-attr]
        except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError):
            return None
        return [*zip(*map(self._take, records), strict=True)]

    def _second_chance(self, value: bytes | None, error: Exception) -> Any:  # noqa: ANN401  # a struct made at run time
        """Decode what the fast path refused, or raise the reason.

        ``NaN`` and ``Infinity`` are no JSON, but Python's own encoder writes them: they are read, and counted later.
        """
        if not value:
            raise EventError(EMPTY, "Expected a JSON object, got an empty record - at `$`") from error
        require_utf8(value)
        if isinstance(error, msgspec.ValidationError):
            raise _invalid(error) from error
        try:
            loose = json.loads(value.decode("utf-8-sig"))
            json.dumps(loose, ensure_ascii=False).encode()
            return msgspec.convert(_raw_as_bytes(loose, self._type), self._type)
        except msgspec.ValidationError as invalid:
            raise _invalid(invalid) from invalid
        except (ValueError, RecursionError) as worse:
            message = f"Expected JSON, got {value[:40]!r} ({worse}) - at `$`"
            raise EventError(NOT_JSON, with_smell(message, value)) from worse

    def _take_nested(self, record: Any) -> tuple[Any, ...]:  # noqa: ANN401
        values = []
        for path in self._paths:
            value = record
            for attribute in path:
                value = None if value is None else getattr(value, attribute)
            values.append(value)
        return tuple(values)


def require_utf8(value: bytes) -> None:
    """Check that a record is UTF-8.

    Raises
    ------
    EventError
        When it is not; says where.
    """
    try:
        value.decode()
    except UnicodeDecodeError as error:
        message = f"Expected UTF-8, got byte {value[error.start]:#04x} at position {error.start} - at `$`"
        raise EventError(NOT_UTF8, with_smell(message, value)) from error


def with_smell(message: str, value: bytes) -> str:
    """Put before a message what the bytes look like and what to do about it, where they look like anything known."""
    guess = smell(value)
    return message if guess is None else f"{guess}. {message}"


def _invalid(error: msgspec.ValidationError) -> EventError:
    message = str(error)
    reason = next((reason for pattern, reason in _REASONS if pattern.match(message)), INVALID_VALUE)
    return EventError(reason, message if " - at `" in message else f"{message} - at `$`")


def _insert(root: _Node, name: str, pointer: str, type_: object, *, required: bool) -> None:
    if not pointer:
        raise ParameterError("a pointer to a field", pointer, f"$.fields.{name}")
    *way, last = pointer_parts(pointer)
    node = root
    for part in way:
        if part in node.leaves:
            raise ParameterError("pointers that do not lead through each other", pointer, f"$.fields.{name}")
        node = node.children.setdefault(part, _Node())
    if last in node.leaves or last in node.children:
        raise ParameterError("pointers that do not lead through each other", pointer, f"$.fields.{name}")
    node.leaves[last] = (name, type_, required)


def _struct(node: _Node, name: str) -> Any:  # noqa: ANN401  # a struct type made at run time
    fields: list[Any] = []
    rename = {}
    for i, (key, (_, type_, required)) in enumerate(node.leaves.items()):
        fields.append((f"f{i}", type_) if required else (f"f{i}", *_optional(type_)))
        rename[f"f{i}"] = key
    for i, (key, child) in enumerate(node.children.items()):
        child_type = _struct(child, f"{name}{i}")
        fields.append((f"c{i}", child_type) if _has_required(child) else (f"c{i}", child_type | None, None))
        rename[f"c{i}"] = key
    return msgspec.defstruct(name, sorted(fields, key=len), rename=rename, gc=False)


def _optional(type_: Any) -> tuple[Any, object]:  # noqa: ANN401  # any type that msgspec decodes
    """Return type and default of a field that may be absent; a raw one is then empty (msgspec has no optional raw)."""
    return (type_, msgspec.Raw(b"")) if type_ is msgspec.Raw else (type_ | None, None)


def _has_required(node: _Node) -> bool:
    leaves = any(required for _, _, required in node.leaves.values())
    return leaves or any(_has_required(child) for child in node.children.values())


def _attribute_paths(node: _Node) -> dict[str, tuple[str, ...]]:
    paths: dict[str, tuple[str, ...]] = {name: (f"f{i}",) for i, (name, _, _) in enumerate(node.leaves.values())}
    for i, child in enumerate(node.children.values()):
        paths.update({name: (f"c{i}", *path) for name, path in _attribute_paths(child).items()})
    return paths


def _take_flat(type_: Any, paths: tuple[tuple[str, ...], ...]) -> Callable[[Any], tuple[Any, ...]]:  # noqa: ANN401
    """Return a function from a record without nesting to its values in the order of ``paths``."""
    order = type_.__struct_fields__
    if order == tuple(path[0] for path in paths):
        return msgspec.structs.astuple
    indices = [order.index(path[0]) for path in paths]

    def take(record: Any) -> tuple[Any, ...]:  # noqa: ANN401
        values = msgspec.structs.astuple(record)
        return tuple([values[i] for i in indices])

    return take


def _raw_as_bytes(value: Any, type_: Any) -> Any:  # noqa: ANN401
    """Return parsed JSON with the objects that the type wants raw encoded again (with ``NaN`` where it stood)."""
    if not isinstance(value, dict) or not isinstance(type_, type) or not issubclass(type_, msgspec.Struct):
        return value
    result = dict(value)
    for info in msgspec.structs.fields(type_):
        if info.encode_name in result:
            wanted = _without_none(info.type)
            if wanted is msgspec.Raw:
                result[info.encode_name] = msgspec.Raw(json.dumps(result[info.encode_name]).encode())
            else:
                result[info.encode_name] = _raw_as_bytes(result[info.encode_name], wanted)
    return result


def _without_none(type_: Any) -> Any:  # noqa: ANN401
    members = [member for member in getattr(type_, "__args__", ()) if member is not type(None)]
    return members[0] if len(members) == 1 else type_
