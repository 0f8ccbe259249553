"""Flush records: chunks that a broker takes, and what cannot be read."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from driftline.errors import FormatError
from driftline.events.model_key import ModelKey
from driftline.events.source import Source, Watermark
from driftline.panes.flush_record import MAX_RECORD_BYTES, VERSION, FlushRecord, PaneDelta, chunks, decode, encode
from driftline.sketches.columns import NumericColumn
from driftline.sketches.layout import Layout
from driftline.sketches.origin_table import OriginTable, merge_origins, rank_of
from driftline.sketches.packed import SampleRow
from driftline.sketches.pane_sketch import PaneSketch
from driftline.sketches.sparse import pack_cells

KEY = ModelKey("wide", "1")
MARKS = [Watermark(Source("predictions", 0), 1, 5, idle=False)]


def wide_sketch(n_columns: int) -> tuple[Layout, PaneSketch]:
    edges = np.arange(200, dtype="<f8").tobytes()
    layout = Layout(tuple(NumericColumn(f"x{i}", "feature", edges, 0.0, 1.0, 0.0, 199.0) for i in range(n_columns)))
    sketch = PaneSketch(layout)
    rng = np.random.default_rng(1)
    sketch.counts += rng.integers(1, 100_000, layout.n_cells)
    sketch.sums += rng.integers(0, 1 << 31, sketch.sums.shape)
    sketch.extremes[:] = rng.integers(-100, 100, sketch.extremes.shape)
    sketch.tail_sums += rng.integers(0, 1 << 31, sketch.tail_sums.shape)
    sketch.tail_extremes[:] = rng.integers(-100, 100, sketch.tail_extremes.shape)
    return layout, sketch


@pytest.mark.parametrize("n_columns", [1, 500, 3_000])
def test_a_wide_delta_is_cut_into_records_that_add_up_to_it(n_columns: int) -> None:
    layout, sketch = wide_sketch(n_columns)
    sample = [SampleRow(1, b"{}", None, None)]
    records = chunks([PaneDelta(KEY, "all", 0, "p", 7, {0: (1, 9)}, sketch.pack(), sample)], [], MARKS)
    assert max(map(len, records)) < 1_000_000
    read = [decode(record, "test") for record in records]
    assert [record.watermarks for record in read] == [[]] * (len(read) - 1) + [MARKS]
    deltas = [delta for record in read for delta in record.panes]
    whole = PaneSketch(layout)
    for delta in deltas:
        assert delta.sketch is not None
        whole.merge_packed(delta.sketch)
    assert (whole.pack(), sum(delta.n_events for delta in deltas)) == (sketch.pack(), 7)
    assert [delta.offsets for delta in deltas if delta.offsets] == [{0: (1, 9)}]
    assert [delta.rows for delta in deltas if delta.rows] == [sample]


@pytest.mark.parametrize("n_columns", [10, 800])
def test_large_tables_of_origins_are_cut_into_records_that_merge_to_them(n_columns: int) -> None:
    _, sketch = wide_sketch(n_columns)
    n_cells, rng = 20 * n_columns, np.random.default_rng(2)
    cells = np.arange(32 * n_cells)
    table = OriginTable(
        n_cells,
        sorted((f"producer-{number}" for number in range(32)), key=lambda value: rank_of("header p", value)),
        [0, 4],
        pack_cells(cells, rng.integers(1, 40_000, cells.size)),
        pack_cells(cells[:500] * 2, rng.integers(1, 1 << 40, 500)),
    )
    origins = merge_origins([{"header p": table, "header q": table}])
    records = chunks([PaneDelta(KEY, "all", 0, "p", 7, {}, sketch.pack(), [], origins=origins)], [], MARKS)
    assert max(map(len, records)) < 1_000_000
    deltas = [delta for record in records for delta in decode(record, "test").panes]
    assert merge_origins([delta.origins for delta in deltas]) == origins
    assert sum(delta.n_events for delta in deltas) == 7
    assert (len(records) > 1) == (n_columns == 800)


def test_many_deltas_are_spread_over_records() -> None:
    _, sketch = wide_sketch(100)
    deltas = [PaneDelta(KEY, "all", i, "p", 1, {}, sketch.pack(), []) for i in range(20)]
    records = chunks(deltas, [], MARKS)
    assert len(records) > 1
    assert max(map(len, records)) <= MAX_RECORD_BYTES + 100
    assert [delta.pane_ms for record in records for delta in decode(record, "test").panes] == list(range(20))


OTHER = [["a", "delta", "of", "another", "shape"]]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"garbage", r"got b'garbage' .* at `panes-0@3`\. Run sketch and detect workers of the same"),
        (msgspec.msgpack.encode([]), r"at `panes-0@3`\. Run sketch and detect workers of the same"),
        (msgspec.msgpack.encode(["x", 1]), r"at `panes-0@3`\. Run sketch and detect workers of the same"),
        (msgspec.msgpack.encode([VERSION, OTHER]), r"at `panes-0@3`\. Run sketch and detect workers of the same"),
        (encode(FlushRecord(99, [], [], [])), r"got version 99 - at `panes-0@3`\. Upgrade the detect workers before"),
        (msgspec.msgpack.encode([VERSION + 1, OTHER]), rf"got version {VERSION + 1} - at `panes-0@3`\. Upgrade"),
        (msgspec.msgpack.encode([VERSION - 1, OTHER, [], []]), rf"got version {VERSION - 1} - .*delete this topic"),
        (encode(FlushRecord(VERSION - 1, [], [], [])), rf"got version {VERSION - 1} - .*delete this topic"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_to_do(data: bytes, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        decode(data, "panes-0@3")
