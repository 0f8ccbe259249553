"""The id of an event: a hash of what the event is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import xxhash

if TYPE_CHECKING:
    from driftline.events.model_key import ModelKey


def event_id(event_type: str, key: ModelKey, segment: str, about: tuple[str | int, ...]) -> str:
    """Return the id of what an event is about, 32 hexadecimal digits (xxh3, 128 bits).

    It depends neither on the content nor on any clock: the same event, sent twice, is recognised by it.
    """
    return xxhash.xxh3_128_hexdigest(msgspec.msgpack.encode((event_type, key.model, key.version, segment, about)))
