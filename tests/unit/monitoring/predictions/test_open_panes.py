from __future__ import annotations

import random

import numpy as np
import pytest

from driftline.events.model_key import ModelKey
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.predictions import open_panes
from driftline.monitoring.predictions.open_panes import MAX_PIECES, OpenPane
from driftline.panes.flush_record import PaneDelta
from driftline.sketches.bottom_k import smallest
from driftline.sketches.packed import SampleRow, Sparse
from driftline.sketches.pane_sketch import PaneSketch, merge_sketches
from driftline.sketches.sparse import merge_sparse, pack, unpack_into
from tests.support.monitoring import generate, training_profile

KEY = ModelKey("m", "1")


def dense(packed: Sparse, n: int) -> list[int]:
    out = np.zeros(n, dtype=np.int64)
    unpack_into(packed, out)
    return out.tolist()


def test_sparse_vectors_add_up_without_their_length() -> None:
    rng = np.random.default_rng(1)
    vectors = [rng.integers(-3, 4, 300) * (rng.random(300) < 0.3) for _ in range(9)]
    merged = merge_sparse([pack(vector) for vector in vectors])
    assert dense(merged, 300) == np.sum(vectors, axis=0).tolist()


@pytest.mark.parametrize(
    "pieces", [[pack(np.zeros(4, dtype=np.int64))] * 2, [pack(np.array([1, -1])), pack(np.array([-1, 1]))]]
)
def test_what_cancels_out_leaves_no_cells(pieces: list[Sparse]) -> None:
    assert merge_sparse(pieces).indices == b""


def deltas() -> list[PaneDelta]:
    """Return deltas of one event each; which panes they are of does not matter here."""
    traffic = generate(3, [KEY], n_partitions=1, n_predictions=60)
    traffic.knows(training_profile(KEY, 0))
    cuts = [traffic.cut(0, i, i + 1)[0] for i in range(len(traffic.partitions[0]))]
    return [delta for panes in cuts for delta in panes if delta.key == KEY]


def test_merged_pieces_are_what_the_layout_would_have_merged() -> None:
    layout = training_profile(KEY, 0).layout
    one_by_one = PaneSketch(layout)
    pieces = [delta.sketch for delta in deltas() if delta.sketch is not None]
    for piece in pieces:
        one_by_one.merge_packed(piece)
    merged = PaneSketch.unpack(merge_sketches(pieces), layout)
    assert len(pieces) > MAX_PIECES
    assert merged.pack() == one_by_one.pack()


def test_an_open_pane_holds_a_bounded_number_of_pieces() -> None:
    pane = OpenPane(7)
    given = deltas()
    for _ in range(20):
        for delta in given:
            pane.add(delta)
            (part,) = pane.parts.values()
            assert len(part.pieces) <= MAX_PIECES
    assert part.n_events == 20 * sum(delta.n_events for delta in given)
    assert pane.first_offset == 7


def row(value: int) -> SampleRow:
    return SampleRow(value, b"{}", value % 2, None)


def test_an_open_pane_keeps_a_bounded_number_of_events_and_loses_none_of_the_smallest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_panes, "MAX_ROWS", 50)
    pane, values = OpenPane(0), list(range(1_000))
    random.Random(1).shuffle(values)
    for value in values:
        pane.add(PaneDelta(KEY, SEGMENT_ALL, 0, "", 1, {0: (value, value)}, None, [row(value)]))
        assert len(pane.parts[""].rows) <= 100
    assert smallest(pane.parts[""].rows, 50) == [row(value) for value in range(50)]
    assert pane.parts[""].offsets == {0: (0, 999)}


def test_rows_of_one_hash_have_one_order() -> None:
    same = b'{"a":1}'
    rows = [SampleRow(1, same, None, None), SampleRow(1, same, "x", 0.5), SampleRow(1, b'{"a":0}', 2.5, None)]
    assert smallest(rows, 2) == smallest(reversed(rows), 2)
