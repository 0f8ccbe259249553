"""The pending changelog: packed blocks per flush and source partition, holding what the join was given.

Restoring is giving the join the same again, without counting it: the join's state is a function of its input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec import Struct

from driftline.errors import FormatError
from driftline.pipeline.joining.join_entry import PREDICTION
from driftline.pipeline.joining.joiner import LabelRow, LabelRows, PredictionRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    """Records of :data:`driftline.pipeline.joining.join_entry.PREDICTION`."""
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
        for rows in _slices(_utf8_bytes(part.ids) + PREDICTION.itemsize)
    ]
    blocks += [
        _ENCODE(PendingBlock(VERSION, [], [], b"", part.ids[rows], part.rows[rows]))
        for part in labels
        for rows in _slices(_utf8_bytes(part.ids) + _utf8_bytes([row.label for row in part.rows]) + _LABEL_BYTES)
    ]
    return blocks


def _predictions_block(profile_ids: list[str], ids: list[str], records: NDArray[np.void]) -> bytes:
    used, local = np.unique(records["profile"], return_inverse=True)
    own = records.copy()
    own["profile"] = local
    return _ENCODE(PendingBlock(VERSION, [profile_ids[index] for index in used.tolist()], ids, own.tobytes(), [], []))


def _slices(sizes: NDArray[np.int64]) -> Iterator[slice]:
    """Yield runs of rows whose sizes, all positive, add up to at most about the limit."""
    totals = np.cumsum(sizes)
    start, held = 0, 0
    while start < totals.size:
        stop = max(int(np.searchsorted(totals, held + MAX_BLOCK_BYTES, side="right")), start + 1)
        yield slice(start, stop)
        start, held = stop, int(totals[stop - 1])


def _utf8_bytes(values: Sequence[object]) -> NDArray[np.int64]:
    """Return how many bytes each text takes; nothing for what is no text."""
    sizes = [(len(v) if v.isascii() else len(v.encode())) if isinstance(v, str) else 0 for v in values]
    return np.array(sizes, dtype=np.int64)


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
