"""The pending changelog: packed blocks per flush and source partition, holding what the join was given.

Restoring is giving the join the same again, without counting it: the join's state is a function of its input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec import Struct

from driftline.errors import FormatError
from driftline.pipeline.join_entry import PREDICTION
from driftline.pipeline.joining import LabelRow, LabelRows, PredictionRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

VERSION: Final = 1
MAX_BLOCK_BYTES: Final = 384 * 1024
"""Larger flushes are cut, which leaves room below a broker's limit of 1 MiB."""
_LABEL_BYTES: Final = 48


class PendingBlock(Struct, frozen=True, array_like=True):
    """Predictions and labels of one source partition that one flush took in."""

    version: int
    profile_ids: list[str]
    """What ``profile`` in the records is an index into."""
    prediction_ids: list[str]
    predictions: bytes
    """Records of :data:`driftline.pipeline.join_entry.PREDICTION`."""
    label_ids: list[str]
    labels: list[LabelRow]


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODER: Final = msgspec.msgpack.Decoder(PendingBlock)


def encode_blocks(profile_ids: list[str], predictions: list[PredictionRows], labels: list[LabelRows]) -> list[bytes]:
    """Return what a flush took in as blocks of at most about ``MAX_BLOCK_BYTES``.

    Parameters
    ----------
    profile_ids : list of str
        The whole profile table, of which a block keeps the part it uses.
    predictions, labels : list of PredictionRows, list of LabelRows
        Predictions come first, so that labels of the same flush find them.
    """
    blocks = [
        _predictions_block(profile_ids, part.ids[rows], part.records[rows])
        for part in predictions
        for rows in _slices([PREDICTION.itemsize + _utf8_bytes(key) for key in part.ids])
    ]
    blocks += [
        _ENCODE(PendingBlock(VERSION, [], [], b"", part.ids[rows], part.rows[rows]))
        for part in labels
        for rows in _slices(
            [_LABEL_BYTES + _utf8_bytes(key) + _label_bytes(row) for key, row in zip(*part, strict=True)]
        )
    ]
    return blocks


def _predictions_block(profile_ids: list[str], ids: list[str], records: NDArray[np.void]) -> bytes:
    used, local = np.unique(records["profile"], return_inverse=True)
    own = records.copy()
    own["profile"] = local
    return _ENCODE(PendingBlock(VERSION, [profile_ids[index] for index in used.tolist()], ids, own.tobytes(), [], []))


def _slices(sizes: list[int]) -> Iterator[slice]:
    """Yield runs of rows whose sizes add up to at most about the limit."""
    start, total = 0, 0
    for row, size in enumerate(sizes):
        if total and total + size > MAX_BLOCK_BYTES:
            yield slice(start, row)
            start, total = row, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _label_bytes(row: LabelRow) -> int:
    return _utf8_bytes(row.label) if isinstance(row.label, str) else 0


def decode_block(data: bytes, at: str) -> PendingBlock:
    """Read a record of the pending topic.

    Raises
    ------
    FormatError
        When the bytes are no pending block or of another version.
    """
    try:
        block = _DECODER.decode(data)
    except msgspec.DecodeError as error:
        message = f"Expected a pending block of version {VERSION}, got {data[:16]!r} ({error}) - at `{at}`"
        raise FormatError(message) from error
    if block.version != VERSION:
        message = (
            f"Expected a pending block of version {VERSION}, got version {block.version} - at `{at}`. "
            "Run all sketch workers with the same driftline version."
        )
        raise FormatError(message)
    return block
