"""Writes the values of a batch as JSON with the native library, whatever mixture of schemas they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.native.transcoder import Transcoder

    TranscoderOf = Callable[[bytes], tuple[Transcoder, bytes] | None]
    """From a value to what writes it and others that begin alike, and to what they begin with."""

_SCHEMAS: Final = 8
"""Schemas that a batch is looked through for; each is a pass over the values that are left."""
_HEAD: Final = 9
"""Bytes by which values are told apart that nothing writes: they have the longest id, or are JSON."""


def transcoded(values: Sequence[bytes | None], transcoder_of: TranscoderOf) -> list[bytes] | None:
    """Return values as JSON; empty bytes for each that is to be read one by one, and None where all are."""
    texts: list[bytes] | None = None
    left: Sequence[int] = range(len(values))
    for _ in range(_SCHEMAS):
        first = next((place for place in left if values[place]), None)
        if first is None:
            return texts
        value = values[first] or b""
        found = transcoder_of(value)
        if found is None:
            left = _others(values, left, value[:_HEAD])
            continue
        transcode, prefix = found
        if len(left) == len(values):
            texts = transcode(values, prefix)
        else:
            texts = [b""] * len(values) if texts is None else texts
            for place, text in zip(left, transcode([values[place] for place in left], prefix), strict=True):
                texts[place] = text
        if all(texts):
            return texts
        left = _others(values, [place for place in left if not texts[place]], prefix)
    return texts


def _others(values: Sequence[bytes | None], places: Sequence[int], prefix: bytes) -> list[int]:
    """Return the places of values that do not begin with ``prefix``."""
    return [place for place in places if not (values[place] or b"").startswith(prefix)]
