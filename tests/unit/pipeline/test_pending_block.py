"""Blocks of the pending changelog: what goes in comes out, and none is too large for a broker."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from driftline.errors import FormatError
from driftline.pipeline.joining.join_entry import PREDICTION
from driftline.pipeline.joining.joiner import LabelRow, LabelRows, PredictionRows
from driftline.pipeline.joining.pending_block import MAX_BLOCK_BYTES, VERSION, decode_block, encode_blocks

BROKER_LIMIT = 1_000_000


def predictions(ids: list[str], profiles: list[int]) -> PredictionRows:
    records = np.zeros(len(ids), dtype=PREDICTION)
    records["offset"] = np.arange(len(ids))
    records["profile"] = profiles
    return PredictionRows(ids, records)


def test_what_goes_in_comes_out() -> None:
    labels = LabelRows(["a", "z"], [LabelRow(1, 2, 3, "yes"), LabelRow(4, 5, 6, None)])
    blocks = encode_blocks(["p0", "p1", "p2"], [predictions(["a", "b", "c"], [2, 0, 2])], [labels])
    first, second = (decode_block(block, "test") for block in blocks)
    assert first.profile_ids == ["p0", "p2"], "only those in use"
    assert first.prediction_ids == ["a", "b", "c"]
    read = np.frombuffer(first.predictions, dtype=PREDICTION)
    assert [first.profile_ids[i] for i in read["profile"]] == ["p2", "p0", "p2"]
    assert read["offset"].tolist() == [0, 1, 2]
    assert (first.label_ids, first.labels) == ([], [])
    assert (second.label_ids, second.labels) == labels


def test_nothing_makes_no_block() -> None:
    assert encode_blocks([], [], []) == []
    assert encode_blocks([], [predictions([], [])], [LabelRows([], [])]) == []


@pytest.mark.parametrize("character", ["a", "é", "漢", "😀"])
def test_no_block_is_too_large_for_a_broker(character: str) -> None:
    ids = [character * 1_000 + str(i) for i in range(2_000)]
    rows = [LabelRow(0, 0, i, character * 1_000) for i in range(2_000)]
    blocks = encode_blocks(["p"], [predictions(ids, [0] * len(ids))], [LabelRows(ids, rows)])
    assert max(map(len, blocks)) <= MAX_BLOCK_BYTES * 1.1 < BROKER_LIMIT
    read = [decode_block(block, "test") for block in blocks]
    assert [key for block in read for key in block.prediction_ids] == ids
    assert [row for block in read for row in block.labels] == rows
    offsets = np.concatenate([np.frombuffer(block.predictions, dtype=PREDICTION)["offset"] for block in read])
    assert offsets.tolist() == list(range(len(ids)))


def test_damage_is_named_with_its_place() -> None:
    with pytest.raises(FormatError, match=r"Expected a pending block of version 1, got b'junk'.* - at `pending-0@7`"):
        decode_block(b"junk", "pending-0@7")


def test_another_version_says_what_to_do() -> None:
    block = msgspec.msgpack.encode([VERSION + 1, [], [], b"", [], []])
    with pytest.raises(FormatError, match=r"got version 2 .*Run all sketch workers with the same driftline version"):
        decode_block(block, "pending-0@7")
