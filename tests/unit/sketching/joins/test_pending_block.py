"""Blocks of the pending changelog: what goes in comes out, and none is too large for a broker."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from driftline.errors import FormatError
from driftline.sketching.joins.join_entry import LABEL, TEXT, JoinRows, predictions
from driftline.sketching.joins.pending_block import MAX_ROWS, VERSION, decode_block, encode_blocks
from driftline.sketching.joins.waiting.digests import digests_of

BROKER_LIMIT = 1_000_000


def predicted(ids: list[str], profiles: list[int]) -> JoinRows:
    records = predictions(len(ids))
    records["offset"] = np.arange(len(ids))
    records["effective_ms"] = records["joined_ms"] = 7
    records["profile"] = profiles
    return JoinRows(digests_of(ids), records)


def labelled(ids: list[str]) -> JoinRows:
    records = np.zeros(len(ids), dtype=LABEL)
    records["offset"], records["kind"] = np.arange(len(ids)), TEXT
    records["value"] = np.uint64(2**64 - 1) - np.arange(len(ids), dtype=np.uint64)
    return JoinRows(digests_of(ids), records)


def test_what_goes_in_comes_out() -> None:
    made, labels = predicted(["a", "b", "c"], [2, 0, 2]), labelled(["a", "z"])
    first, second = (decode_block(block, "test") for block in encode_blocks(["p0", "p1", "p2"], [made], [labels]))
    assert first.profile_ids == ["p0", "p2"], "only those in use"
    read = first.prediction_rows()
    assert (read.digests == made.digests).all()
    assert [first.profile_ids[i] for i in read.records["profile"]] == ["p2", "p0", "p2"]
    read.records["profile"] = made.records["profile"]
    assert read.records.tobytes() == made.records.tobytes()
    assert first.label_rows().records.size == 0
    assert (second.label_rows().digests == labels.digests).all()
    assert second.label_rows().records.tobytes() == labels.records.tobytes()
    assert (first.n_rows, second.n_rows) == (3, 2)


def test_groups_of_features_are_a_column_of_their_own_that_older_blocks_do_not_have() -> None:
    made = predicted(["a", "b"], [0, 0])
    made.records["groups"] = [2**63 + 5, 0]
    (block,) = encode_blocks(["p"], [made], [])
    assert decode_block(block, "test").prediction_rows().records["groups"].tolist() == [2**63 + 5, 0]
    fields = msgspec.msgpack.decode(block)
    older = decode_block(msgspec.msgpack.encode(fields[:-1]), "test").prediction_rows()
    assert older.records["groups"].tolist() == [0, 0]
    made.records["groups"] = 0
    assert older.records.tobytes() == made.records.tobytes()
    (plain,) = encode_blocks(["p"], [made], [])
    assert msgspec.msgpack.decode(plain)[-1] == b"", "nothing to say takes no room"


def test_nothing_makes_no_block() -> None:
    assert encode_blocks([], [], []) == []
    assert encode_blocks([], [predicted([], [])], [labelled([])]) == []


def test_no_block_is_too_large_for_a_broker() -> None:
    ids = [str(i) for i in range(2 * MAX_ROWS + 10)]
    blocks = encode_blocks(["p"], [predicted(ids[:5], [0] * 5), predicted(ids[5:], [0] * (len(ids) - 5))], [])
    assert len(blocks) == 3
    assert max(map(len, blocks)) < BROKER_LIMIT / 2
    read = [decode_block(block, "test").prediction_rows() for block in blocks]
    assert (np.concatenate([rows.digests for rows in read]) == digests_of(ids)).all()


def test_damage_is_named_with_its_place() -> None:
    with pytest.raises(
        FormatError, match=rf"Expected a pending block of version {VERSION}, got b'junk'.* - at `p-0@7`"
    ):
        decode_block(b"junk", "p-0@7")


def test_another_version_says_what_to_do() -> None:
    block = msgspec.msgpack.encode([VERSION - 1, [], [], b"", [], []])
    with pytest.raises(FormatError, match=r"got version 1 .*Run all sketch workers with the same driftline version"):
        decode_block(block, "pending-0@7")
