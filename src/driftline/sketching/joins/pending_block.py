"""The pending changelog: packed blocks per flush and source partition, holding what the join was given.

Restoring is giving the join the same again, without counting it: the join's state is a function of its input. A block
is stored by column, of which neighbouring values are alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec import Struct

from driftline.errors import FormatError
from driftline.events.source import Watermark
from driftline.sketching.joins.join_entry import GROUPS, LABEL, SAID, JoinRows, predictions
from driftline.sketching.joins.waiting.digests import DIGEST_BYTES, bytes_of, digests_from
from driftline.sketching.joins.waiting.pending import as_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

VERSION: Final = 2
MAX_ROWS: Final = 4_096
"""Larger flushes are cut: 256 KiB before compression, far below a broker's limit of 1 MiB."""
_GIVEN: Final = np.dtype([*SAID])
_GROUPS: Final = np.dtype([*GROUPS])
"""A column of its own, which blocks of earlier versions do not have."""


class PendingBlock(Struct, frozen=True, array_like=True):
    """Predictions or labels of one source partition that one flush took in."""

    version: int
    profile_ids: list[str]
    """What ``profile`` in the predictions is an index into."""
    prediction_digests: bytes
    predictions: bytes
    """Columns of :data:`driftline.sketching.joins.join_entry.SAID`, one behind the other."""
    label_digests: bytes
    labels: bytes
    """Columns of :data:`driftline.sketching.joins.join_entry.LABEL`, one behind the other."""
    n_partitions: int = 0
    """Between which rows were divided by their ids; 0 where they lie on the partition that they came from."""
    marks: list[Watermark] = []
    """How far the partitions have come that rows are from, after this flush; in its last block, where it says so."""
    groups: bytes = b""
    """The column of that name of the predictions; empty where all of it is 0."""

    def prediction_rows(self) -> JoinRows:
        """Return the predictions, with ``profile`` as the block has it."""
        given = _from_columns(self.predictions, _GIVEN)
        records = predictions(given.size)
        for name in _GIVEN.fields or ():
            records[name] = given[name]
        if self.groups:
            records["groups"] = _from_columns(self.groups, _GROUPS)["groups"]
        records["joined_ms"] = records["effective_ms"]
        return JoinRows(digests_from(self.prediction_digests), records)

    def label_rows(self) -> JoinRows:
        """Return the labels."""
        return JoinRows(digests_from(self.label_digests), _from_columns(self.labels, LABEL))

    @property
    def n_rows(self) -> int:
        """Predictions and labels."""
        return (len(self.prediction_digests) + len(self.label_digests)) // DIGEST_BYTES


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODER: Final = msgspec.msgpack.Decoder(PendingBlock)
_HEAD: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])


def encode_blocks(
    profile_ids: list[str], predicted: list[JoinRows], labelled: list[JoinRows], n_partitions: int = 0
) -> list[bytes]:
    """Return what a flush took in as blocks of at most ``MAX_ROWS``.

    Predictions come first, so that labels of the same flush find them; a block keeps the part of the profile table that
    it uses. Rows were divided by their ids between ``n_partitions``, or not at all where that is 0.
    """
    blocks = [_predictions_block(profile_ids, part, n_partitions) for part in _parts(predicted)]
    return blocks + [
        _ENCODE(
            PendingBlock(VERSION, [], b"", b"", bytes_of(part.digests), _columns(part.records, LABEL), n_partitions)
        )
        for part in _parts(labelled)
    ]


def encode_marks(n_partitions: int, marks: list[Watermark]) -> bytes:
    """Return a block that says how far the partitions have come that rows are from."""
    return _ENCODE(PendingBlock(VERSION, [], b"", b"", b"", b"", n_partitions, marks))


def _parts(batches: list[JoinRows]) -> Iterator[JoinRows]:
    """Yield all rows in parts of at most ``MAX_ROWS``."""
    if not batches:
        return
    digests, records = JoinRows.together(batches)
    for start in range(0, records.size, MAX_ROWS):
        yield JoinRows(digests[start : start + MAX_ROWS], records[start : start + MAX_ROWS])


def _predictions_block(profile_ids: list[str], rows: JoinRows, n_partitions: int) -> bytes:
    used, local = np.unique(rows.records["profile"], return_inverse=True)
    records = as_bytes(rows.records).copy().view(rows.records.dtype)
    records["profile"] = local
    names = [profile_ids[index] for index in used.tolist()]
    given = _columns(records, _GIVEN)
    groups = _columns(records, _GROUPS) if records["groups"].any() else b""
    return _ENCODE(PendingBlock(VERSION, names, bytes_of(rows.digests), given, b"", b"", n_partitions, groups=groups))


def _columns(records: NDArray[np.void], dtype: np.dtype[np.void]) -> bytes:
    return b"".join([records[name].tobytes() for name in dtype.names or ()])


def _from_columns(data: bytes, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    n = len(data) // dtype.itemsize
    records = np.empty(n, dtype=dtype)
    start = 0
    for name in dtype.names or ():
        size = n * dtype[name].itemsize
        records[name] = np.frombuffer(data[start : start + size], dtype=dtype[name])
        start += size
    return records


def decode_block(data: bytes, at: str, n_partitions: int = 0) -> PendingBlock:
    """Read a record of the pending topic.

    Raises
    ------
    FormatError
        When the bytes are no pending block or of another version, or divided between other numbers of partitions.
    """
    block = _decode(data, at)
    _require_division(block, n_partitions, at)
    return block


def _require_division(block: PendingBlock, n_partitions: int, at: str) -> None:
    if block.n_partitions != n_partitions:
        raise FormatError(
            f"Expected a pending block {_division(n_partitions)}, got one {_division(block.n_partitions)} - at `{at}`. "
            "What was written before `join: {repartition: ...}` or the partitions of the pending topic were changed "
            "cannot be joined with what comes: end all workers, delete the pending topic, `<prefix>.pending`, and make "
            "it anew with `driftline topics create`. Labels of the predictions before then are orphans"
        )


def decode_routed(data: bytes, at: str, n_partitions: int) -> PendingBlock | None:
    """Read a record of the pending topic that was divided by ids; None for one from before joins were routed.

    Nothing of such a block can be joined: the labels of its predictions go to other partitions now.

    Raises
    ------
    FormatError
        As :func:`decode_block` does.
    """
    block = _decode(data, at)
    if not block.n_partitions:
        return None
    _require_division(block, n_partitions, at)
    return block


def _division(n_partitions: int) -> str:
    return f"divided by ids between {n_partitions} partitions" if n_partitions else "of a single input partition"


def _decode(data: bytes, at: str) -> PendingBlock:
    version = _version_of(data)
    if version not in (VERSION, None):
        message = (
            f"Expected a pending block of version {VERSION}, got version {version} - at `{at}`. Run all sketch workers "
            "with the same driftline version; what an older one wrote is not taken over: end all workers, delete the "
            "pending topic, `<prefix>.pending`, and make it anew with `driftline topics create`. Labels of the "
            "predictions before then are orphans"
        )
        raise FormatError(message)
    try:
        return _DECODER.decode(data)
    except msgspec.DecodeError as error:
        message = f"Expected a pending block of version {VERSION}, got {data[:16]!r} ({error}) - at `{at}`"
        raise FormatError(message) from error


def _version_of(data: bytes) -> int | None:
    """Return the version that bytes begin with; None where they begin with none."""
    try:
        head = _HEAD.decode(data)
        return msgspec.msgpack.decode(head[0], type=int) if head else None
    except msgspec.DecodeError:
        return None
