"""The features object of an event: as JSON or as a dictionary."""

from __future__ import annotations

import json
from typing import Any

import msgspec

Features = bytes | msgspec.Raw | dict[str, Any]
"""JSON of an object, empty bytes for none, or the object itself where the record was not JSON."""


def features_json(features: Features) -> bytes:
    """Return features as JSON, with ``NaN`` and ``Infinity`` as Python writes them; what JSON has no form for is text.

    Examples
    --------
    >>> features_json({"x": 1, "y": float("nan")})
    b'{"x": 1, "y": NaN}'
    """
    if not isinstance(features, dict):
        return bytes(features)
    return json.dumps(features, default=str).encode()
