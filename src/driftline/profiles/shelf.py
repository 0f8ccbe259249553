"""Values that are seldom needed, kept as bytes elsewhere; those that were used last stay in memory too.

With a thousand models most of what is known of each is asked for once in ten minutes, when its windows end. So the
detect stage keeps it on disk, and has in memory what the models whose turn it is need.
"""

from __future__ import annotations

import pickle
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar, cast
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LATEST: Final = 8
"""Values that stay in memory: those of a few models, of up to three megabytes each."""


class Pages(Protocol):
    """Where a shelf's bytes are."""

    def put(self, data: bytes) -> int:
        """Keep bytes, and return their place."""

    def get(self, place: int) -> bytes:
        """Return the bytes of a place."""

    def free(self, place: int) -> None:
        """Let go of a place."""


def pickled(value: Any) -> bytes:  # noqa: ANN401  # of whatever type
    """Return a value as bytes for this process to read."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def unpickled(data: bytes) -> Any:  # noqa: ANN401  # of whatever type
    """Return the value of bytes that this process has written."""
    return pickle.loads(data)  # noqa: S301  # this process has written it


def _same(_value: object) -> int:
    return 0


class Form(NamedTuple, Generic[T]):
    """How values of a type are written."""

    pack: Callable[[T], bytes] = pickled
    unpack: Callable[[bytes], T] = unpickled
    extent: Callable[[T], int] = _same
    """A number that differs after each change of a value in place; it is then written again."""


_AWAY: Final = object()
"""Stands for a value that is not in memory."""


class Kept(Generic[T]):
    """A value that may be on a shelf; without one it stays in memory."""

    __slots__ = ("__weakref__", "_extent", "_form", "_held", "_place", "_shelf")

    def __init__(self, shelf: Shelf | None, value: T, form: Form[T]) -> None:
        self._shelf = shelf
        self._held: Any = value
        self._form = form
        self._extent = -1
        self._place: int | None = None

    @property
    def value(self) -> T:
        """The value, read back where it was put away."""
        held = self._held
        if self._shelf is None or (self._shelf.last is self and held is not _AWAY):
            return cast("T", held)
        return self._shelf.used(self)

    def put_away(self, pages: Pages) -> None:
        """Write the value where it is not yet written as it is, and let go of it."""
        if self._held is _AWAY:
            return
        extent = self._form.extent(self._held)
        if extent != self._extent:
            if self._place is not None:
                pages.free(self._place)
            self._place, self._extent = pages.put(self._form.pack(self._held)), extent
        self._held = _AWAY

    def taken_out(self, pages: Pages) -> T:
        """Return the value, read where it is not in memory."""
        if self._held is _AWAY and self._place is not None:
            self._held = self._form.unpack(pages.get(self._place))
        return cast("T", self._held)

    def __del__(self) -> None:
        if self._shelf is not None and self._place is not None:
            self._shelf.pages.free(self._place)


class Stored(Generic[T]):
    """A value that is read anew each time; without a shelf it stays in memory."""

    __slots__ = ("_form", "_held", "_pages", "_place")

    def __init__(self, shelf: Shelf | None, value: T, form: Form[T]) -> None:
        self._pages = None if shelf is None else shelf.pages
        self._form = form
        self._held = value if shelf is None else None
        self._place = -1 if shelf is None else shelf.pages.put(form.pack(value))

    def read(self) -> T:
        """Return the value; not to be changed."""
        return cast("T", self._held) if self._pages is None else self._form.unpack(self._pages.get(self._place))

    def __del__(self) -> None:
        if self._pages is not None:
            self._pages.free(self._place)


class Shelf:
    """Keeps values as bytes, but for those used last.

    Parameters
    ----------
    pages : Pages
    most : int, at least 1
        Values that stay in memory.

    Notes
    -----
    *State*: the latest values, and about 150 bytes a value. Several threads may use values that nobody changes; values
    that change in place need a shelf that one thread alone uses, or they would be put away while they change.

    Examples
    --------
    >>> class Memory(dict):
    ...     def put(self, data):
    ...         self[len(self)] = data
    ...         return len(self) - 1
    ...     get, free = dict.__getitem__, dict.pop
    >>> memory = Memory()
    >>> shelf = Shelf(memory, most=1)
    >>> first, second = shelf.keep([1, 2]), shelf.keep([3])
    >>> len(memory), first.value, second.value
    (1, [1, 2], [3])
    """

    def __init__(self, pages: Pages, most: int = LATEST) -> None:
        self.pages = pages
        self._most = most
        self._lock = threading.RLock()
        self._latest: OrderedDict[int, ref[Kept[Any]]] = OrderedDict()
        self.last: Kept[Any] | None = None
        """The value that was used last."""

    def another(self) -> Shelf:
        """Return a shelf with the same pages and latest values of its own."""
        return Shelf(self.pages, self._most)

    def keep(self, value: T, form: Form[T] | None = None) -> Kept[T]:
        """Keep a value, which counts as used."""
        kept = Kept(self, value, Form() if form is None else form)
        self.used(kept)
        return kept

    def used(self, kept: Kept[T]) -> T:
        """Return a value, from now on the one used last; put away what was not used for longest."""
        key = id(kept)
        with self._lock:
            value = kept.taken_out(self.pages)
            latest = self._latest.get(key)
            if latest is None or latest() is not kept:
                self._latest[key] = ref(kept)
            self._latest.move_to_end(key)
            self.last = kept
            while len(self._latest) > self._most:
                _, oldest = self._latest.popitem(last=False)
                put_away = oldest()
                if put_away is not None:
                    put_away.put_away(self.pages)
            return value


def keep(shelf: Shelf | None, value: T, form: Form[T] | None = None) -> Kept[T]:
    """Keep a value on a shelf, or in memory where there is none."""
    if shelf is None:
        return Kept(None, value, Form() if form is None else form)
    return shelf.keep(value, form)
