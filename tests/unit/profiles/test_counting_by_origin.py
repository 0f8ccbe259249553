"""Events counted by where they come from: the same as counting the events of each origin alone."""

from __future__ import annotations

import itertools
import random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.profiles.event_counter import EventCounter
from driftline.sketches.layout import LATE
from driftline.sketches.origin_cells import EVENT_CELL, OriginCells
from driftline.sketches.origin_parts import Dimension, RowOrigins
from driftline.sketches.origin_table import MAX_VALUES, PARTITION, OriginTable, merge_origins, rank_of, split_origins
from driftline.sketching.rows import AllRows
from tests.support.examples import examples
from tests.support.origin_stream import SETTINGS, profile

PRODUCERS = ("a", "b", "c", "(none)")


def counter() -> EventCounter:
    return EventCounter(profile(), SETTINGS.defaults, frozenset())


def rows_of(features: list[dict[str, Any]], partitions: list[int]) -> AllRows:
    n = len(features)
    numbers: dict[int, itertools.count[int]] = {}
    offsets = [next(numbers.setdefault(partition, itertools.count(7))) for partition in partitions]
    return AllRows(
        np.array(partitions, dtype=np.int64),
        [str(number) for number in range(n)],
        np.array(offsets, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
        np.zeros(n, dtype=np.bool_),
        [msgspec.Raw(msgspec.json.encode(each)) for each in features],
        [None] * n,
        [None] * n,
    )


def tables(rows: AllRows, slots: list[int], codes: list[int], texts: list[str]) -> list[dict[str, OriginTable]]:
    origins = RowOrigins(
        rows.partitions, rows.offsets, (Dimension("header p", np.array(codes, dtype=np.int64), texts),)
    )
    counted = counter()(rows, np.array(slots, dtype=np.int64), 3, None, origins)
    sketches = [*counted.sketches()]
    plain = [*counter()(rows, np.array(slots, dtype=np.int64), 3).sketches()]
    assert [sketch.pack() for sketch in sketches] == [sketch.pack() for sketch in plain]
    return [found for _, found in counted.origins]


def coarse(rows: AllRows, chosen: list[int]) -> list[int]:
    """Return the coarse counts of some rows, counted alone."""
    picked = rows.chosen(np.array(chosen, dtype=np.int64))
    (sketch,) = counter()(picked, np.zeros(len(chosen), dtype=np.int64), 1).sketches()
    counts: list[int] = OriginCells(profile().layout).of_counts(sketch.counts).tolist()
    return counts


features = st.fixed_dictionaries(
    {},
    optional={
        "amount": st.sampled_from([50.0, 20.0, -400.0, 9e9, None, "x", 61.5]),
        "age": st.sampled_from([20, 69, 44, True, -5]),
        "country": st.sampled_from(["DE", "FR", "XX", None, 5]),
        "new": st.just(1),
    },
)
events = st.lists(
    st.tuples(features, st.sampled_from([0, 2, 5]), st.sampled_from([0, 1, 2, 3]), st.sampled_from([0, 2])),
    min_size=1,
    max_size=30,
)


@given(events)
@examples(60)
def test_each_origin_is_counted_as_if_it_were_alone(made: list[tuple[dict[str, Any], int, int, int]]) -> None:
    rows = rows_of([each[0] for each in made], [each[1] for each in made])
    slots, codes = [each[3] for each in made], [each[2] for each in made]
    odd = OriginCells(profile().layout).is_odd
    for slot, found in enumerate(tables(rows, slots, codes, [*PRODUCERS])):
        own = [number for number, at in enumerate(slots) if at == slot]
        assert bool(found) == bool(own)
        for name, values in (
            (PARTITION, [str(each[1]) for each in made]),
            ("header p", [PRODUCERS[code] for code in codes]),
        ):
            if not own:
                continue
            table = found[name]
            assert table.values == sorted({values[each] for each in own}, key=lambda value: rank_of(name, value))
            for row, value in zip(table.rows(), table.values, strict=True):
                chosen = [each for each in own if values[each] == value]
                assert row.tolist() == coarse(rows, chosen)
                alone = {each: coarse(rows, [each]) for each in chosen}
                for cell in [EVENT_CELL, *np.flatnonzero(odd).tolist()]:
                    expected: dict[int, int] = {}
                    for each in chosen:
                        if alone[each][cell]:
                            expected.setdefault(int(rows.partitions[each]), int(rows.offsets[each]))
                    wanted = np.zeros(odd.size, dtype=np.bool_)
                    wanted[cell] = True
                    assert table.first_offsets(value, wanted) == expected


@given(events, st.data())
@examples(40)
def test_cuts_and_their_order_do_not_matter(
    made: list[tuple[dict[str, Any], int, int, int]], data: st.DataObject
) -> None:
    rows = rows_of([each[0] for each in made], [each[1] for each in made])
    codes = [each[2] for each in made]
    owner = [data.draw(st.integers(0, 3)) for _ in made]
    (whole, *_) = tables(rows, [0] * len(made), codes, [*PRODUCERS])
    parts = []
    for number in data.draw(st.permutations(range(4))):
        chosen = [each for each, of in enumerate(owner) if of == number]
        if chosen:
            picked = rows.chosen(np.array(chosen, dtype=np.int64))
            parts += split_origins(
                tables(picked, [0] * len(chosen), [codes[each] for each in chosen], [*PRODUCERS])[0],
                data.draw(st.sampled_from([40, 1 << 20])),
            )
    assert merge_origins(parts) == whole


@pytest.mark.parametrize("n_cuts", [1, 7])
def test_of_many_values_the_same_are_kept_however_they_are_cut(n_cuts: int) -> None:
    rng = random.Random(4)
    n = 400
    texts = [f"trace-{number}" for number in range(150)]
    rows = rows_of([{"age": 30}] * n, [rng.randrange(3) for _ in range(n)])
    codes = [rng.randrange(150) for _ in range(n)]
    parts = [
        tables(
            rows.chosen(np.arange(start, n, n_cuts)), [0] * len(range(start, n, n_cuts)), codes[start::n_cuts], texts
        )[0]
        for start in range(n_cuts)
    ]
    table = merge_origins(parts)["header p"]
    present = sorted({texts[code] for code in codes}, key=lambda value: rank_of("header p", value))
    assert table.values == present[:MAX_VALUES]
    assert table.rows()[:, EVENT_CELL].tolist() == [codes.count(texts.index(value)) for value in table.values]


def test_coarse_cells_cover_the_sketch() -> None:
    cells, layout = OriginCells(profile().layout), profile().layout
    counts = profile().reference.counts
    found = cells.of_counts(counts)
    assert found[EVENT_CELL] == counts[EVENT_CELL]
    assert counts[LATE] == 0
    assert all(found[own].sum() == found[EVENT_CELL] for own in cells.columns)
    assert (np.diff(cells.of_cell) >= 0).all()
    assert cells.of_cell.size == layout.n_cells
