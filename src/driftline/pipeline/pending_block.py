"""The pending changelog: one packed block per flush and source partition, holding what the join was given.

Restoring is giving the join the same again, without counting it: the join's state is a function of its input.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from driftline.errors import FormatError
from driftline.pipeline.join_entry import PREDICTION
from driftline.pipeline.joining import LabelRow, LabelRows, PredictionRows

VERSION: Final = 1


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


def encode_block(profile_ids: list[str], predictions: list[PredictionRows], labels: list[LabelRows]) -> bytes:
    """Return the block of one flush; of ``profile_ids``, the whole profile table, only the used part is kept."""
    ids = [key for part in predictions for key in part.ids]
    records = np.concatenate([part.records for part in predictions]) if predictions else np.zeros(0, PREDICTION)
    used, local = np.unique(records["profile"], return_inverse=True)
    records["profile"] = local
    block = PendingBlock(
        VERSION,
        [profile_ids[index] for index in used.tolist()],
        ids,
        records.tobytes(),
        [key for part in labels for key in part.ids],
        [row for part in labels for row in part.rows],
    )
    return _ENCODE(block)


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
