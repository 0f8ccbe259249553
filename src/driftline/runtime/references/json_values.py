"""JSON values of reference files, in which Python's own encoder may have written NaN and Infinity."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from driftline.errors import ProfileError

_DECODER: Final = msgspec.json.Decoder()


def json_object(text: bytes, at: str) -> dict[str, Any]:
    """Return the JSON object that a text is.

    Raises
    ------
    ProfileError
        When it is none.
    """
    value = json_value(text, at)
    if not isinstance(value, dict):
        message = f"Expected a JSON object, got {text[:40]!r} - at `{at}`"
        raise ProfileError(message)
    return value


def json_value(text: bytes, at: str) -> Any:  # noqa: ANN401  # whatever JSON has
    """Return the JSON value that a text is.

    Raises
    ------
    ProfileError
        When it is none.
    """
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _loose(text, at)


def _loose(text: bytes, at: str) -> object:
    """Decode JSON with NaN and Infinity."""
    try:
        value: object = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        message = f"Expected a JSON object, got {text[:40]!r} ({error}) - at `{at}`"
        raise ProfileError(message) from error
    return value
