"""One typed pass over JSON records that builds only what stands under some paths, and skips the rest.

The paths are compiled, once, into nested msgspec structs of untyped leaves: a record is read without its other members,
and features stay JSON. Whether the values are any good is for the mapper to say, as of records that were parsed whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from driftline.events.documents import ROW
from driftline.events.plain_mapping import UNSTRUCTURED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from driftline.events.documents import Path

    Columns = dict[Path, Sequence[Any]]

_ODD: Final = (msgspec.DecodeError, RecursionError, ValueError)
_FIRST_BYTE: Final = itemgetter(slice(0, 1))
_JSON_FEATURES: Final = frozenset((b"{", b""))


class Skimmer:
    """Reads n records of JSON by column, without those that need to be parsed whole.

    These are the records that are no JSON, that have no object on the way to a path, and those whose features are
    neither an object nor null. Whether one is among them depends on itself alone.

    Parameters
    ----------
    leaves : mapping of Path to type
        What to read and as what; raw JSON has to be an object. No path is within another.
    rows : Path, optional
        Where the list of rows stands; no leaf is it, or is around it.
    within : mapping of Path to Skimmer
        What reads raw objects further.
    """

    def __init__(self, leaves: Mapping[Path, Any], rows: Path | None, within: Mapping[Path, Skimmer]) -> None:
        self._rows, self._within = rows, within
        self._raw = [path for path, type_ in leaves.items() if type_ is Raw]
        self._nowhere = [path for path in leaves if rows is not None and _is_member(path, rows)]
        root = _Node()
        for path, type_ in leaves.items():
            if path not in self._nowhere:
                root.at(path).leaf = type_
        of_records = [path for path in leaves if ROW not in path and path not in self._nowhere]
        self._in_rows: _Getters | None = None
        if rows is not None:
            element = (*rows, ROW)
            self._in_rows = _Getters(root.at(element), [path for path in leaves if ROW in path], element)
            of_records.append(rows)
        self._top = _Getters(root, of_records, ())
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(root.type()).decode

    def __call__(self, values: Sequence[bytes | None]) -> tuple[Sequence[int], Columns]:
        """Return the numbers of the records that could be read, and what stands in these, by column.

        Columns are as :class:`~driftline.events.documents.Documents` has them: of records, or of rows where the path
        leads into rows.
        """
        try:
            return range(len(values)), self._checked(values)
        except _ODD:
            numbers = [number for number, value in enumerate(values) if self._reads(value)]
            return numbers, self._checked([values[number] for number in numbers])

    def _reads(self, value: bytes | None) -> bool:
        try:
            self._checked((value,))
        except _ODD:
            return False
        return True

    def _checked(self, values: Sequence[bytes | None]) -> Columns:
        for value in values:
            if value is None:
                raise ValueError
            if not value.isascii():
                value.decode()
        return self.columns(values)  # type: ignore[arg-type]  # None is none of them any more

    def columns(self, values: Iterable[bytes]) -> Columns:
        """Return what stands in n records in UTF-8, or raise an error for one that is odd."""
        records = [*map(self._decode, values)]
        columns = self._top(records)
        for path in self._nowhere:
            columns[path] = (UNSET,) * len(records)
        if self._rows is not None and self._in_rows is not None:
            lists = columns[self._rows]
            columns |= self._in_rows([*chain.from_iterable(each for each in lists if each is not UNSET)])
        for path in self._raw:
            columns[path] = _objects(columns[path])
        for path, skimmer in self._within.items():
            columns |= {(*path, *below): column for below, column in skimmer.columns(columns[path]).items()}
        return columns


class WholeSkimmer(Skimmer):
    """Reads records that are the features object themselves: they stay JSON, beside what stands under the paths."""

    def columns(self, values: Iterable[bytes]) -> Columns:
        """Return what stands in n records in UTF-8, and the records, or raise an error for one that is odd."""
        columns = super().columns(values)
        columns[()] = _objects(values)
        return columns


def skimmer_of(
    paths: Collection[Path], rows: Path | None, features: Path | None, listed: object = None
) -> Skimmer | None:
    """Return what reads the paths of a mapping; None where whole records are to be parsed.

    Parameters
    ----------
    paths : iterable of Path
        All but the features'. What stands below an index of a list, or a name that no struct can have, is read with all
        that is around it.
    rows : Path, optional
        Where the list of rows stands.
    features : Path, optional
        Where the features stand.
    listed : type, optional
        What they are read as where they may be a list, or a text in a certain form.
    """
    leaves: dict[Path, Any] = {_readable(path, rows): Any for path in paths}
    raw = None
    if features is not None:
        readable = _readable(features, rows)
        apart = readable == features and features not in leaves
        alone = rows is None or not (features == rows[: len(features)] or _is_member(features, rows))
        raw = features if apart and alone and listed is None else None
        if listed is not None and readable == features and features not in paths:
            leaves[readable] = listed
        else:
            leaves[readable] = Any if raw is None else Raw
    if raw == ():
        del leaves[()]
    below: list[Path] = []
    for path in sorted(leaves, key=len, reverse=True):
        outer = next((path[:n] for n in range(len(path)) if path[:n] in leaves), None)
        if outer is not None:
            del leaves[path]
            if raw is not None and outer == raw:
                below.append(path[len(raw) :])
    if () in leaves or (rows is not None and not _has_rows(leaves, rows)):
        return None
    if raw == ():
        return WholeSkimmer(leaves, None, {})
    within = skimmer_of(below, None, None) if below else None
    return Skimmer(leaves, rows, {} if raw is None or within is None else {raw: within})


def _readable(path: Path, rows: Path | None) -> Path:
    """Return how far a path leads through objects and into the rows."""
    for number, step in enumerate(path):
        if step is ROW:
            if rows is None or path[:number] != rows:
                return path[:number]
        elif step.isdecimal() or UNSTRUCTURED.search(step):
            return path[:number]
    return path


def _has_rows(leaves: Mapping[Path, Any], rows: Path) -> bool:
    """Whether the list of rows can be read as one: it stands in objects, and nothing else is read around it."""
    return _readable(rows, None) == rows and not any(path == rows[: len(path)] for path in leaves)


def _is_member(path: Path, rows: Path) -> bool:
    """Whether a path leads to a member of the list of rows, which has none."""
    return path[: len(rows)] == rows and len(path) > len(rows) and path[len(rows)] is not ROW


@dataclass
class _Node:
    """A place in a record: something to read, an object, or a list of rows."""

    leaf: Any = None
    """What it is read as; None where there are places within it, or nothing is read of it."""
    children: dict[str | None, _Node] = field(default_factory=dict)

    def at(self, path: Path) -> _Node:
        """Return the place to which a path leads."""
        node = self
        for step in path:
            node = node.children.setdefault(step, _Node())
        return node

    def type(self) -> Any:  # noqa: ANN401  # a type made at run time
        """Return what it is decoded as."""
        if self.leaf is not None:
            return self.leaf
        if ROW in self.children:
            element = self.children[ROW]
            return list[element.type() if element.children or element.leaf is not None else Raw]  # type: ignore[misc]
        fields = [(f"f{i}", *child.member()) for i, child in enumerate(self.children.values())]
        names = {f"f{i}": key for i, key in enumerate(self.children)}
        return msgspec.defstruct("Object", fields, rename=names, frozen=True, gc=False)  # type: ignore[arg-type]

    def member(self) -> tuple[Any, Any]:
        """Return its type as a member of an object, and what it is where it is absent."""
        type_ = self.type()
        if self.leaf is Raw:
            return Raw, Raw(b"")
        if self.leaf is not None or ROW in self.children:
            return type_ if type_ is Any else type_ | UnsetType, UNSET
        return type_ | None, type_()

    def attributes(self, path: Path) -> str:
        """Return the attributes that lead to a place within it."""
        names = []
        node = self
        for step in path:
            names.append(f"f{[*node.children].index(step)}")
            node = node.children[step]
        return ".".join(names)


class _Getters:
    """Takes the values under some paths out of decoded objects, by column.

    Parameters
    ----------
    node : _Node
        What was decoded.
    paths : sequence of Path
        From the record on; all of them begin with ``base``.
    base : Path
        Where the objects stand.
    """

    def __init__(self, node: _Node, paths: Sequence[Path], base: Path) -> None:
        self._itself = [path for path in paths if path == base]
        self._attributes = {path: node.attributes(path[len(base) :]) for path in paths if path != base}
        self._takes = {path: attrgetter(names) for path, names in self._attributes.items()}

    def __call__(self, objects: Sequence[Any]) -> Columns:
        columns: Columns = dict.fromkeys(self._itself, objects)
        for path, take in self._takes.items():
            try:
                columns[path] = [*map(take, objects)]
            except AttributeError:  # an object on the way is null
                columns[path] = [_inside(each, self._attributes[path]) for each in objects]
        return columns


def _inside(value: Any, attributes: str) -> Any:  # noqa: ANN401  # any JSON
    """Return what stands there; nothing does where an object on the way is null."""
    for name in attributes.split("."):
        if value is None:
            return UNSET
        value = getattr(value, name)
    return value


def _objects(values: Iterable[Raw | bytes]) -> list[bytes]:
    """Return features as JSON of an object each, empty where there are none.

    Raises
    ------
    ValueError
        When something else stands there.
    """
    features = [*map(bytes, values)]
    kinds = set(map(_FIRST_BYTE, features))
    if not kinds <= _JSON_FEATURES:
        features = [b"" if each == b"null" else each for each in features]
        if not set(map(_FIRST_BYTE, features)) <= _JSON_FEATURES:
            raise ValueError
    return features
