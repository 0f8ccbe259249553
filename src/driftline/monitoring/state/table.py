"""State as named tables: what a part of the monitor keeps, and which of it changed since the last checkpoint.

A part never writes or reads bytes. It declares its tables (:class:`Stateful`), changes them, and says which values it
changed in place; a :class:`~driftline.monitoring.state.scope.StateScope` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from msgspec import json, msgpack

if TYPE_CHECKING:
    from collections.abc import ItemsView, Sequence

K = TypeVar("K")
V = TypeVar("V")
S = TypeVar("S")


class Codec(Generic[V]):
    """How values are written that have another form in memory.

    Parameters
    ----------
    as_type : type
        What is written, as MessagePack.
    pack : callable of V to that type
        Called when a checkpoint is taken.
    unpack : callable of that type to V or None
        None refuses a value that no longer fits the settings: it is deleted.
    """

    def __init__(self, as_type: type[S], pack: Callable[[V], S], unpack: Callable[[S], V | None]) -> None:
        self.encode: Callable[[V], bytes] = lambda value: msgpack.encode(pack(value))
        self.decode: Callable[[bytes], V | None] = lambda data: unpack(msgpack.decode(data, type=as_type))


def _plain(as_type: type[V]) -> Codec[V]:
    return Codec(as_type, lambda value: value, lambda stored: stored)


class Table(Mapping[K, V]):
    """Values by key that remember which of them changed since the last checkpoint.

    Parameters
    ----------
    name : str
        Unique in its scope.
    restored : callable, optional
        Called after a restore, when the values of this table and of those registered before it are there.

    Attributes
    ----------
    withheld : bool
        Whether checkpoints leave out its changes for now: a journal stands for them.

    Notes
    -----
    *Cost*: of a change O(1); a value is encoded once a checkpoint, and only if it changed.

    Examples
    --------
    >>> windows = Table("window", int, list[int])
    >>> windows.put(60, [1])
    >>> windows[60].append(2)
    >>> windows.changed(60)
    >>> [key for key, _ in windows.changes()], list(windows.changes())
    (['60'], [])
    >>> windows.drop(60), list(windows.changes())
    ([1, 2], [('60', None)])
    """

    def __init__(
        self, name: str, key: type[K], value: type[V] | Codec[V], restored: Callable[[], None] | None = None
    ) -> None:
        self.name = name
        self.withheld = False
        self._key = key
        self._codec = value if isinstance(value, Codec) else _plain(value)
        self._restored = restored
        self._values: dict[K, V] = {}
        self._changed: dict[K, None] = {}

    def __getitem__(self, key: K) -> V:
        return self._values[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> ItemsView[K, V]:
        """Return all keys with their values."""
        return self._values.items()

    def put(self, key: K, value: V) -> None:
        """Set a value."""
        self._values[key] = value
        self._changed[key] = None

    def changed(self, key: K) -> None:
        """Note that a value was changed in place."""
        self._changed[key] = None

    def drop(self, key: K) -> V | None:
        """Remove a value and return it; None where there is none."""
        value = self._values.pop(key, None)
        if value is not None:
            self._changed[key] = None
        return value

    def clear(self) -> None:
        """Remove all values."""
        self._changed.update(dict.fromkeys(self._values))
        self._values.clear()

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield keys and values that changed since the last call, None for those that were removed."""
        if self.withheld:
            return
        for key in self._changed:
            value = self._values.get(key)
            yield self._encode_key(key), None if value is None else self._codec.encode(value)
        self._changed.clear()

    def _encode_key(self, key: K) -> str:
        return json.encode(key).decode()

    def _decode_key(self, text: str) -> K:
        return json.decode(text, type=self._key)

    def keys_kept(self) -> list[str]:
        """Return all keys under which a checkpoint may hold a value."""
        return [self._encode_key(key) for key in {**self._changed, **self._values}]

    def load(self, key: str, data: bytes) -> bool:
        """Set a value from a checkpoint; return whether it is still of use.

        Raises
        ------
        msgspec.DecodeError
            When the key or the value is damaged.
        """
        place, value = self._decode_key(key), self._codec.decode(data)
        if value is not None:
            self._values[place] = value
        return value is not None

    def restored(self) -> None:
        """Go on from what was loaded."""
        if self._restored is not None:
            self._restored()


class Value(Table[None, V]):
    """A table of one value, which is not there at first unless ``initial`` is given."""

    def __init__(
        self,
        name: str,
        value: type[V] | Codec[V],
        initial: V | None = None,
        restored: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(name, type(None), value, restored)
        if initial is not None:
            self._values[None] = initial

    def _encode_key(self, _: None) -> str:
        return ""

    def _decode_key(self, _: str) -> None:
        return None

    @property
    def value(self) -> V:
        """The value, which must be there."""
        return self._values[None]

    @property
    def or_none(self) -> V | None:
        """The value; None where there is none."""
        return self._values.get(None)

    def set(self, value: V) -> None:
        """Set the value."""
        self.put(None, value)

    def changed(self, key: None = None) -> None:
        """Note that the value was changed in place."""
        super().changed(key)

    def drop(self, key: None = None) -> V | None:
        """Remove the value and return it; None where there is none."""
        return super().drop(key)


Tables: TypeAlias = "Sequence[Table[Any, Any]]"


class Stateful(Protocol):
    """Whatever keeps state."""

    @property
    def tables(self) -> Tables:
        """All its tables, in the order in which they are restored."""
        ...
