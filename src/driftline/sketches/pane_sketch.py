"""The sketch of one model's events in one pane (or any union of panes): integer vectors that merge by addition.

The class body of :class:`PaneSketch` is the table of the sketch's parts, and their order is that of the wire. A new
part is one more entry at the end; merging, packing, copying and weighting, and their tests, take it from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from msgspec import Struct, defstruct
from msgspec.structs import replace

from driftline.sketches.cell_parts import COUNTS, EXTREMES, WORD_SUMS, DenseCells, RawCells, SparseCells
from driftline.sketches.encoding import EncodedColumn, EncodedColumns
from driftline.sketches.event_slots import EventSlots
from driftline.sketches.fixed_point import SQUARE_SCALE, Z_SCALE, join, split
from driftline.sketches.layout import HEAD
from driftline.sketches.parts import Part, RowsPart, UnseenPart
from driftline.sketches.sparse import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.sketches.layout import Layout, Place


class ValueSummary(Struct, frozen=True, array_like=True):
    """Count, mean and variance of a run of values, in standardised units; what sequential detectors consume."""

    count: int
    mean: float
    variance: float
    """Population variance, never negative."""


def _joint_words(events: EventSlots, slot: int) -> NDArray[np.int64] | None:
    counted = events.joint(slot)
    return None if counted is None else split(counted.cells)


class PaneSketch:
    """Exact counts and fixed-point moments of a set of events.

    Merging is addition (maximum for the extremes): associative and commutative without rounding.

    Notes
    -----
    *State*: 8 bytes a cell, 448 bytes a numeric column, and the names. *Cost* of a merge: one addition a cell.
    """

    counts = SparseCells(
        lambda layout: (layout.n_cells,),
        COUNTS,
        count=lambda events, slot: events.counts(slot),
        slots=lambda events: events.all_counts(),
        column=lambda place: slice(place.bins.start, place.quality.stop),
        shared=slice(len(HEAD)),
        required=True,
    )
    """Events by bin, and by quality code where they have none, shape (layout.n_cells,)."""

    sums = RawCells(
        lambda layout: (2, layout.n_numeric, 3),
        WORD_SUMS,
        count=lambda events, slot: events.sums(slot),
        slots=lambda events: (events.all_sums(), 1),
        column=lambda place: (slice(None), place.moment_rows),
        required=True,
    )
    """Words (:func:`driftline.sketches.fixed_point.split`) of Σz, Σz² and the number of clipped values, shape
    (2, layout.n_numeric, 3)."""

    extremes = RawCells(
        lambda layout: (layout.n_numeric, 2),
        EXTREMES,
        count=lambda events, slot: events.extremes(slot),
        slots=lambda events: (events.all_extremes(), 0),
        column=lambda place: place.moment_rows,
        required=True,
    )
    """-min z and max z in units of 2⁻²⁴, shape (layout.n_numeric, 2); ``NO_EXTREME`` where there was no value."""

    unseen = UnseenPart()
    """What no cell is for: by column the unlisted categories, or of a numeric column the texts of a wrong type, and
    under ``UNKNOWN`` the features that the profile does not know; hash of the name to (name, count), at most
    ``UNSEEN_NAMES`` of each."""

    tail_sums = SparseCells(
        lambda layout: (2, layout.n_tails),
        WORD_SUMS,
        count=lambda events, slot: events.tail_sums(slot),
        slots=lambda events: events.all_tail_sums(),
        column=lambda place: (slice(None), place.tails),
    )
    """Words of Σz of each tail bin in units of 2⁻²⁰, not clipped, shape (2, layout.n_tails); see
    :mod:`driftline.sketches.tails`."""

    tail_extremes = SparseCells(
        lambda layout: (layout.n_tails,),
        EXTREMES,
        count=lambda events, slot: events.tail_extremes(slot),
        slots=lambda events: events.all_tail_extremes(),
        column=lambda place: place.tails,
    )
    """The outermost |z| of each tail bin in units of 2⁻²⁰, shape (layout.n_tails,); ``NO_EXTREME`` where there was no
    value."""

    joint = DenseCells(lambda layout: (2, layout.n_joint), WORD_SUMS, count=_joint_words)
    """Words of what is kept of several columns together, shape (2, layout.n_joint); see
    :mod:`driftline.sketches.joint`."""

    rows = RowsPart()
    """A sample of complete rows, where one is kept: hash of the id to z of the joint features as int16."""

    def __init__(self, layout: Layout) -> None:
        vars(self).update((name, part.empty(layout)) for name, part in _NAMED)

    @classmethod
    def of_slot(cls, events: EventSlots, slot: int) -> Self:
        """Return the sketch of the events of one slot."""
        return cls._of(part.count(events, slot) for _, part in _NAMED)

    @classmethod
    def unpack(cls, packed: PackedSketch, layout: Layout) -> Self:
        """Return the sketch that was packed."""
        sketch = cls(layout)
        sketch.merge_packed(packed)
        return sketch

    @classmethod
    def _of(cls, values: Iterable[Any]) -> Self:
        sketch = cls.__new__(cls)
        vars(sketch).update(zip((name for name, _ in _NAMED), values, strict=True))
        return sketch

    def merge(self, other: PaneSketch) -> None:
        """Add another sketch of the same layout."""
        values, values_there = vars(self), vars(other)
        for name, part in _NAMED:
            part.merge(values[name], values_there[name])

    def merge_packed(self, packed: PackedSketch) -> None:
        """Add a packed sketch of the same layout without unpacking it first."""
        values = vars(self)
        for name, part in _NAMED:
            part.merge_packed(values[name], getattr(packed, name))

    def pack(self) -> PackedSketch:
        """Return the sparse form for the wire and the state; equal sketches give equal bytes."""
        values = vars(self)
        return PackedSketch(*[part.pack(values[name]) for name, part in _NAMED])

    def normalise(self) -> None:
        """Give the sketch the one form that all orders of merging share: carried words, names in order, no sample
        of rows.
        """
        for name, part in _NAMED:
            part.normalise(vars(self)[name])

    def copy_columns(self, source: PaneSketch, places: Iterable[tuple[Place, Place]]) -> None:
        """Take over columns of a sketch of another layout, and what belongs to no column.

        ``places`` says of each column where it stands in the source's layout and in that of this sketch.
        """
        listed = list(places)
        for name, part in _NAMED:
            part.copy(vars(source)[name], vars(self)[name], listed)

    def weighed(self, weight: int) -> Self:
        """Return the sketch of the same events where each weighs ``weight``, from 1 to 2¹⁶."""
        return self._of(part.weighed(vars(self)[name], weight) for name, part in _NAMED)

    def scaled(self, scale: Callable[[int], int]) -> Self:
        """Return the sketch with each of its counts and sums passed through ``scale``."""
        return self._of(part.scaled(vars(self)[name], scale) for name, part in _NAMED)

    def block(self, layout: Layout, column: int) -> ValueSummary | None:
        """Return count, mean and variance of a numeric column's standardised values; None where there are none."""
        place = layout.places[column]
        count = int(self.counts[place.bins].sum())
        if count == 0 or place.moments < 0:
            return None
        z, squares, _clipped = join(self.sums[:, place.moments])
        mean = z / Z_SCALE / count
        return ValueSummary(count, mean, max(squares / SQUARE_SCALE / count - mean * mean, 0.0))


PARTS: Final[tuple[Part[Any, Any], ...]] = tuple(part for part in vars(PaneSketch).values() if isinstance(part, Part))
"""The parts of a sketch, in the order of the wire."""
_NAMED: Final = tuple((part.name, part) for part in PARTS)

if TYPE_CHECKING:

    class PackedSketch(Struct, frozen=True, array_like=True):
        """A sketch for the wire and the state: an array of its packed parts, each a field under its part's name."""

        def __init__(self, *parts: object) -> None: ...

        def __getattr__(self, part: str) -> Any: ...  # noqa: ANN401  # each part has a type of its own

else:
    PackedSketch = defstruct(
        "PackedSketch",
        [(part.name, part.packed_type, part.packed_default) for part in PARTS],
        frozen=True,
        array_like=True,
        module=__name__,
    )


def packed_slots(events: EventSlots) -> Iterator[PackedSketch]:
    """Yield the sketch of each slot packed, as :meth:`PaneSketch.pack` would, without making it first.

    Notes
    -----
    *Cost*: O(cells that something is counted in), and what is kept of several columns together for each slot.
    """
    lists = [part.pack_slots(events) for part in PARTS]
    for slot in range(events.n_slots):
        yield PackedSketch(
            *(
                part.pack(part.count(events, slot)) if packed is None else packed[slot]
                for part, packed in zip(PARTS, lists, strict=True)
            )
        )


def merge_sketches(pieces: Sequence[PackedSketch]) -> PackedSketch:
    """Return packed sketches of one layout merged, without knowing it."""
    return PackedSketch(*(part.merge_pieces([getattr(piece, part.name) for piece in pieces]) for part in PARTS))


def split_counts(packed: PackedSketch, n_bytes: int) -> list[PackedSketch]:
    """Return packed sketches that add up to one, with at most about ``n_bytes`` of counts each.

    All that is not counts stands in the first.
    """
    first, *others = runs(packed.counts, n_bytes)
    blank = PackedSketch(*(part.blank(getattr(packed, part.name)) for part in PARTS))
    return [replace(packed, counts=first), *(replace(blank, counts=cells) for cells in others)]


def count(layout: Layout, columns: Sequence[EncodedColumn], slots: NDArray[np.int64], n_slots: int) -> list[PaneSketch]:
    """Count n events, encoded column by column, into one sketch per slot; otherwise as :func:`count_each`."""
    return list(count_each(layout, EncodedColumns.of(columns, slots.size), slots, n_slots))


def count_each(layout: Layout, columns: EncodedColumns, slots: NDArray[np.int64], n_slots: int) -> Iterator[PaneSketch]:
    """Count the columns of n events into one sketch per slot, and yield the sketches in the order of the slots.

    ``slots``, shape (n,), says which sketch each event belongs to, in [0, n_slots).

    Notes
    -----
    *Cost*: where slots are many and events few, a sketch is only as large as its layout while it is looked at: the
    counts of all are kept by key until then.
    """
    events = EventSlots(layout, columns, slots, n_slots)
    for slot in range(n_slots):
        yield PaneSketch.of_slot(events, slot)
