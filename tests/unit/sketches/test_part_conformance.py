"""What every part of a sketch must keep, over all parts that the sketch's class declares.

Values come from events, so that a new part is tested with what it really counts. A part that no event of these reaches
fails :func:`test_the_events_reach_every_part`: then this module's events lack what it is about.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketches.bottom_k import SAMPLE_ROWS
from driftline.sketches.columns import INFINITE, CategoricalColumn, Column, NumericColumn
from driftline.sketches.encoding import CategoryCodes, EncodedColumns, encode_categorical, encode_numeric
from driftline.sketches.event_slots import EventSlots
from driftline.sketches.grid import build_edges
from driftline.sketches.joint import Joint
from driftline.sketches.kept_names import UNSEEN_NAMES
from driftline.sketches.layout import UNEXPECTED, Layout
from driftline.sketches.pane_sketch import (
    PARTS,
    PackedSketch,
    PaneSketch,
    count_each,
    merge_sketches,
    packed_slots,
    split_counts,
)
from tests.support.examples import examples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.parts import Part

EDGES = build_edges(np.linspace(-2, 2, 200)).tobytes()
COLUMNS: tuple[Column, ...] = (
    NumericColumn("x", "feature", EDGES, 0.0, 1.0, -2.0, 2.0),
    CategoricalColumn("c", "feature", ("web", "app")),
    NumericColumn("y", "feature", EDGES, 0.5, 2.0, -2.0, 2.0),
    CategoricalColumn("d", "feature", ("a",)),
)
LAYOUT = Layout(COLUMNS, Joint((0, 2), cross=True, sampled=True))
EMPTY = PaneSketch(LAYOUT)
SEEDS = st.integers(0, 2**32 - 1)
N_EVENTS = st.integers(0, 400)
parts = pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
Events = tuple[int, int]
"""How many, and the seed that they are drawn with."""


@functools.lru_cache(maxsize=512)
def sketch(events: Events) -> PaneSketch:
    """Return the sketch of random events."""
    columns, _ = random_columns(*events)
    return next(count_each(LAYOUT, columns, np.zeros(events[0], dtype=np.int64), 1))


def random_columns(n: int, seed: int) -> tuple[EncodedColumns, np.random.Generator]:
    """Return random events: missing, infinite and far values, and names that are not listed."""
    rng = np.random.default_rng(seed)
    encoded = []
    for column in COLUMNS:
        if isinstance(column, NumericColumn):
            values = rng.normal(0, rng.choice([1.0, 3.0, 1e4]), n)
            values[rng.random(n) < 0.1] = np.nan
            encoded.append(encode_numeric(column, values, [(row, INFINITE) for row in range(0, n, 50)]))
        else:
            names: list[object] = [
                ["web", "app", "a", None, f"new {i}"][kind]
                for kind, i in zip(rng.integers(0, 5, n), rng.integers(0, 3 * UNSEEN_NAMES, n), strict=True)
            ]
            encoded.append(encode_categorical(column, CategoryCodes(column), names))
    hashes = rng.integers(0, 2 * SAMPLE_ROWS, n).astype(np.uint64)  # few, so that ids come again
    unknown = {f"feature {i}": np.flatnonzero(rng.random(n) < 0.1) for i in range(3 * UNSEEN_NAMES)}
    return EncodedColumns.of(encoded, n)._replace(hashes=hashes, unknown=unknown), rng


def merged(part: Part[Any, Any], *several: PaneSketch) -> Any:  # noqa: ANN401  # each part has a type of its own
    value = part.empty(LAYOUT)
    for each in several:
        part.merge(value, vars(each)[part.name])
    return value


def data(part: Part[Any, Any], value: object) -> bytes:
    return msgspec.msgpack.encode(part.pack(value))


EVENTS = st.tuples(N_EVENTS, SEEDS)


@parts
def test_the_events_reach_every_part(part: Part[Any, Any]) -> None:
    assert data(part, merged(part, sketch((400, 1)))) != data(part, part.empty(LAYOUT))
    assert data(part, merged(part, sketch((400, 1)))) != data(part, merged(part, sketch((400, 2))))


@parts
@examples(25)
@given(one=EVENTS, other=EVENTS)
def test_a_merge_commutes(part: Part[Any, Any], one: Events, other: Events) -> None:
    a, b = sketch(one), sketch(other)
    assert data(part, merged(part, a, b)) == data(part, merged(part, b, a))


@parts
@examples(25)
@given(one=EVENTS, two=EVENTS, three=EVENTS)
def test_a_merge_is_associative(part: Part[Any, Any], one: Events, two: Events, three: Events) -> None:
    a, b, c = sketch(one), sketch(two), sketch(three)
    right = merged(part, b, c)
    left_first = merged(part, a, b, c)
    right_first = merged(part, a)
    part.merge(right_first, right)
    assert data(part, left_first) == data(part, right_first)


@parts
@examples(15)
@given(events=EVENTS)
def test_no_events_change_nothing(part: Part[Any, Any], events: Events) -> None:
    whole = sketch(events)
    alone = data(part, vars(whole)[part.name])
    assert data(part, merged(part, whole)) == alone
    assert data(part, merged(part, whole, EMPTY)) == alone
    part.merge_packed(vars(whole)[part.name], part.blank(part.pack(vars(whole)[part.name])))
    assert data(part, vars(whole)[part.name]) == alone


@parts
@examples(15)
@given(events=EVENTS)
def test_a_packed_part_comes_back(part: Part[Any, Any], events: Events) -> None:
    packed = data(part, vars(sketch(events))[part.name])
    value = part.empty(LAYOUT)
    part.merge_packed(value, msgspec.msgpack.decode(packed, type=part.packed_type))
    assert data(part, value) == packed


@parts
@examples(25)
@given(several=st.lists(EVENTS, min_size=1, max_size=5), chance=st.randoms(use_true_random=False))
def test_merging_packed_pieces_is_merging_and_packing(part: Part[Any, Any], several: list[Events], chance: Any) -> None:  # noqa: ANN401
    sketches = [sketch(events) for events in several]
    whole = data(part, merged(part, *sketches))
    chance.shuffle(sketches)
    pieces = [part.pack(vars(each)[part.name]) for each in sketches]
    value = part.empty(LAYOUT)
    part.merge_packed(value, part.merge_pieces(pieces))
    assert data(part, value) == whole, "pieces together, without the layout"
    value = part.empty(LAYOUT)
    for piece in pieces:
        part.merge_packed(value, piece)
    assert data(part, value) == whole, "piece by piece"


@parts
@examples(15)
@given(one=EVENTS, other=EVENTS)
def test_equal_content_gives_equal_bytes_normalised_or_not(part: Part[Any, Any], one: Events, other: Events) -> None:
    ab, ba = merged(part, sketch(one), sketch(other)), merged(part, sketch(other), sketch(one))
    part.normalise(ab)
    part.normalise(ba)
    assert data(part, ab) == data(part, ba)
    assert msgspec.msgpack.encode(_plain(ab)) == msgspec.msgpack.encode(_plain(ba)), "and an equal form in memory"


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value


@parts
@examples(15)
@given(events=EVENTS, weight=st.integers(1, 5))
def test_events_of_a_weight_count_that_often(part: Part[Any, Any], events: Events, weight: int) -> None:
    value = vars(sketch(events))[part.name]
    before = data(part, value)
    often = merged(part, *[sketch(events)] * weight)
    assert data(part, part.weighed(value, weight)) == data(part, often)
    assert data(part, part.scaled(often, lambda n: n // weight)) == before
    assert data(part, value) == before, "the sketch itself stays as it was"


@examples(20)
@given(events=EVENTS, cut=st.integers(0, len(COLUMNS)))
def test_runs_of_columns_put_together_are_the_whole(events: Events, cut: int) -> None:
    whole = sketch(events)
    assembled = PaneSketch(LAYOUT)
    for run in (slice(0, cut), slice(cut, len(COLUMNS))):
        layout = Layout(COLUMNS[run])
        part = PaneSketch(layout)
        part.copy_columns(whole, zip(LAYOUT.places[run], layout.places, strict=True))
        part = PaneSketch.unpack(part.pack(), layout)
        assembled.copy_columns(part, zip(layout.places, LAYOUT.places[run], strict=True))
    assembled.joint, assembled.rows = whole.joint, whole.rows  # of several columns: they go their own way
    assert assembled.pack() == whole.pack()


@examples(20)
@given(several=st.lists(EVENTS, min_size=1, max_size=4), n_bytes=st.integers(200, 2_000))
def test_a_sketch_merges_packs_and_splits_part_by_part(several: list[Events], n_bytes: int) -> None:
    whole = PaneSketch(LAYOUT)
    for events in several:
        whole.merge(sketch(events))
    packed = whole.pack()
    assert PaneSketch.unpack(merge_sketches([sketch(events).pack() for events in several]), LAYOUT).pack() == packed
    split = split_counts(packed, n_bytes)
    assert PaneSketch.unpack(merge_sketches(split), LAYOUT).pack() == packed
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(packed), type=PackedSketch) == packed


def test_a_sketch_from_before_a_part_is_read_without_it() -> None:
    first = msgspec.msgpack.decode(msgspec.msgpack.encode(EMPTY.pack()))[:4]
    known = msgspec.msgpack.decode(msgspec.msgpack.encode(first), type=PackedSketch)
    assert PaneSketch.unpack(known, LAYOUT).pack() == EMPTY.pack()


@examples(60)
@given(seed=SEEDS, n=st.integers(0, 120), n_slots=st.integers(1, 40))
def test_slots_pack_together_as_they_do_one_by_one(seed: int, n: int, n_slots: int) -> None:
    columns, rng = random_columns(n, seed)
    slots = rng.integers(0, n_slots, n)
    more = [
        (UNEXPECTED, rng.integers(0, 2, n_slots)),
        (LAYOUT.places[0].quality.start, -_missing(columns, slots, n_slots)),
    ]
    together = [*packed_slots(EventSlots(LAYOUT, columns, slots, n_slots, None, more))]
    events = EventSlots(LAYOUT, columns, slots, n_slots, None, more)
    assert together == [PaneSketch.of_slot(events, slot).pack() for slot in range(n_slots)]


def _missing(columns: EncodedColumns, slots: NDArray[np.int64], n_slots: int) -> NDArray[np.int64]:
    return np.bincount(slots[columns.bins[0] == -1], minlength=n_slots)
