"""The parts of a sketch: each says once how it is counted, merged, packed, copied and weighted.

A sketch is a list of parts (:mod:`driftline.sketches.pane_sketch`), and everything that is done to a whole sketch is
done to its parts one by one. Each merge is commutative and associative, and a part of no events changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from msgspec import NODEFAULT

from driftline.sketches.bottom_k import SampledRows, keep_smallest, merge_rows
from driftline.sketches.kept_names import UNKNOWN, UNSEEN_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.sketches.event_slots import EventSlots
    from driftline.sketches.layout import Layout, Place

Value = TypeVar("Value")
Packed = TypeVar("Packed")
Entry = TypeVar("Entry")

UnseenNames = dict[int, dict[int, tuple[str, int]]]
"""Column index, or ``UNKNOWN``, to (hash of the name to (name, count))."""


class Part(ABC, Generic[Value, Packed]):
    """One part of a sketch.

    It is declared as an attribute of the sketch's class, which gives it its name; an instance has the part's value
    under that name.

    Parameters
    ----------
    packed_type : type
        What the packed part is decoded as.
    packed_default : Packed
        The packed part of sketches that were written before there was such a part; without a default it is required.
    """

    name: str

    def __init__(self, packed_type: Any, packed_default: Packed | Any = NODEFAULT) -> None:  # noqa: ANN401  # a type
        self.packed_type = packed_type
        self.packed_default = packed_default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, sketch: None, owner: type) -> Self: ...

    @overload
    def __get__(self, sketch: object, owner: type) -> Value: ...

    def __get__(self, sketch: object | None, owner: type) -> Self | Value:
        if sketch is None:
            return self
        raise AttributeError(self.name)  # an instance's own value is found before this is asked

    @abstractmethod
    def empty(self, layout: Layout) -> Value:
        """Return the part of no events."""

    @abstractmethod
    def count(self, events: EventSlots, slot: int) -> Value:
        """Return the part of the events of one slot; slots ascend from call to call."""

    @abstractmethod
    def merge(self, value: Value, other: Value) -> None:
        """Add the part of other events, in place."""

    @abstractmethod
    def pack(self, value: Value) -> Packed:
        """Return the form for the wire and the state; equal content gives equal bytes."""

    def pack_slots(self, _events: EventSlots) -> list[Packed] | None:
        """Return what each slot's events pack to, where that is less work for all slots together; None where not."""
        return None

    @abstractmethod
    def merge_packed(self, value: Value, packed: Packed) -> None:
        """Add the packed part of other events, in place."""

    @abstractmethod
    def merge_pieces(self, pieces: Sequence[Packed]) -> Packed:
        """Return packed parts of one layout merged, without knowing it."""

    @abstractmethod
    def blank(self, packed: Packed) -> Packed:
        """Return the packed part of no events in the layout of another."""

    @abstractmethod
    def normalise(self, value: Value) -> None:
        """Give the part the form that all orders of merging share and that a profile keeps, in place."""

    @abstractmethod
    def copy(self, source: Value, target: Value, places: Sequence[tuple[Place, Place]]) -> None:
        """Copy columns, given where each stands in the source and in the target, and what belongs to no column."""

    @abstractmethod
    def weighed(self, value: Value, weight: int) -> Value:
        """Return the part of events that weigh ``weight`` each, from 1 to 2¹⁶."""

    @abstractmethod
    def scaled(self, value: Value, scale: Callable[[int], int]) -> Value:
        """Return the part with each of its sums passed through ``scale``."""


class KeyedPart(Part[dict[int, Entry], dict[int, Entry]]):
    """Entries by key, which stand on the wire as they are, in the order of the keys."""

    def empty(self, _layout: Layout) -> dict[int, Entry]:
        """Return no entries."""
        return {}

    def pack(self, value: dict[int, Entry]) -> dict[int, Entry]:
        """Return the entries in order."""
        return dict(sorted(value.items()))

    def merge_packed(self, value: dict[int, Entry], packed: dict[int, Entry]) -> None:
        """Add entries."""
        self.merge(value, packed)

    def merge_pieces(self, pieces: Sequence[dict[int, Entry]]) -> dict[int, Entry]:
        """Return the entries of all pieces."""
        merged: dict[int, Entry] = {}
        for piece in pieces:
            self.merge(merged, piece)
        return self.pack(merged)

    def blank(self, _packed: dict[int, Entry]) -> dict[int, Entry]:
        """Return no entries."""
        return {}


class UnseenPart(KeyedPart[dict[int, tuple[str, int]]]):
    """Names and counts of what no cell is for, of each kind those with the smallest keys, hashes of the names: unlisted
    categories by column, texts of a wrong type by numeric column, and features that the profile does not know.
    """

    def __init__(self) -> None:
        super().__init__(UnseenNames)

    def count(self, events: EventSlots, slot: int) -> UnseenNames:
        """Return the names of one slot's events."""
        return self.merge_pieces([events.unseen(slot)])

    def merge(self, value: UnseenNames, other: UnseenNames) -> None:
        """Add counts by name."""
        for column, names in other.items():
            kept = value.setdefault(column, {})
            for key, (name, n) in names.items():
                kept[key] = (name, kept[key][1] + n if key in kept else n)
            keep_smallest(kept, UNSEEN_NAMES)

    def pack(self, value: UnseenNames) -> UnseenNames:
        """Return columns and names in order."""
        return {column: dict(sorted(names.items())) for column, names in sorted(value.items())}

    def normalise(self, value: UnseenNames) -> None:
        """Put columns and names in order."""
        ordered = self.pack(value)
        value.clear()
        value.update(ordered)

    def copy(self, source: UnseenNames, target: UnseenNames, places: Sequence[tuple[Place, Place]]) -> None:
        """Copy the names of columns, and of features that the profile does not know."""
        target.update({to.index: dict(source[at.index]) for at, to in places if at.index in source})
        if UNKNOWN in source:
            target[UNKNOWN] = dict(source[UNKNOWN])

    def weighed(self, value: UnseenNames, weight: int) -> UnseenNames:
        """Return each count times the weight."""
        return self.scaled(value, lambda n: n * weight)

    def scaled(self, value: UnseenNames, scale: Callable[[int], int]) -> UnseenNames:
        """Return scaled counts, without the names that are left with none."""
        return {
            column: {key: (name, scale(n)) for key, (name, n) in names.items() if scale(n)}
            for column, names in value.items()
        }


class RowsPart(KeyedPart[bytes]):
    """A sample of complete rows; see :mod:`driftline.sketches.bottom_k`."""

    def __init__(self) -> None:
        super().__init__(SampledRows, {})

    def count(self, events: EventSlots, slot: int) -> SampledRows:
        """Return the sample of one slot's events."""
        counted = events.joint(slot)
        return {} if counted is None else counted.rows

    def merge(self, value: SampledRows, other: SampledRows) -> None:
        """Add rows."""
        merge_rows(value, other)

    def normalise(self, value: SampledRows) -> None:
        """Forget the rows: a reference keeps a sample of its own."""
        value.clear()

    def copy(self, source: SampledRows, target: SampledRows, places: Sequence[tuple[Place, Place]]) -> None:
        """Copy nothing: rows are of several columns together."""

    def weighed(self, value: SampledRows, _weight: int) -> SampledRows:
        """Return the rows as they are."""
        return value

    def scaled(self, value: SampledRows, _scale: Callable[[int], int]) -> SampledRows:
        """Return the rows as they are."""
        return value
