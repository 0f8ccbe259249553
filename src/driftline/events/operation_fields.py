"""What events say of how their prediction was made: latency, error, and further numbers; where it stands and what it
means.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.config.field_places import LatencyAt
from driftline.events.documents import ABSENT
from driftline.events.mapping import pointer_parts
from driftline.events.outcomes import number_of
from driftline.events.plain_mapping import pointers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.config.field_places import Place
    from driftline.config.input_settings import PredictionFields

OperationRow = tuple[Any, ...]
"""Latency, error and the further numbers of one event, as they came."""

LATENCY: Final = "latency_ms"
ERROR: Final = "error"
MAX_REASON: Final = 100
"""Characters of the reason for a failure."""
NO_REASON: Final = "failed"
"""Reason of a failure that has none in words."""

_MS_PER_UNIT: Final = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
_DEFAULTS: Final = {LATENCY: "/latency_ms", ERROR: "/error"}
_NAMES: Final = ("type", "code", "name", "reason", "message", "error", "detail")
"""Members of an object that say why, the best first."""
_CHANGING: Final = re.compile(r"(?<![0-9A-Za-z])(?=[A-Fa-f-]*[0-9])[0-9A-Fa-f-]{4,}(?![0-9A-Za-z])")
"""Numbers of four digits and more, and ids in hexadecimal digits: each event has its own."""
_PLAIN: Final = frozenset((int, float, type(None)))
_LARGEST_WHOLE: Final = 1e15


def operation_places(fields: PredictionFields) -> dict[str, Place | LatencyAt]:
    """Return where latency, error and the further numbers stand, by name, in the order of :data:`OperationRow`.

    A default that collides with a mapped field is left out.
    """
    others = [
        pointer_parts(pointer)
        for name in fields.__struct_fields__
        if name not in (LATENCY, ERROR, "operations", "rows", "tables")
        for pointer in pointers_of(getattr(fields, name))
    ]
    found: dict[str, Place | LatencyAt] = {}
    for name, default in _DEFAULTS.items():
        place = getattr(fields, name)
        if place != default or not any(other[:1] == (default[1:],) for other in others):
            found[name] = place
    return {**found, **fields.operations}


def ms_per_unit(fields: PredictionFields) -> float:
    """Return how many milliseconds a latency of 1 stands for."""
    return _MS_PER_UNIT[fields.latency_ms.unit] if isinstance(fields.latency_ms, LatencyAt) else 1.0


def operation_rows(columns: dict[str, Sequence[Any]], n: int) -> Sequence[OperationRow | None]:
    """Return rows of n events from what stands under the places of :func:`operation_places`; None where nothing does.

    Examples
    --------
    >>> operation_rows({"latency_ms": (12, None), "error": (None, None)}, 2)
    [(12, None), None]
    """
    if all(values.count(None) == n for values in columns.values()):
        return (None,) * n
    nothing = (None,) * n
    latencies, errors = columns.get(LATENCY, nothing), columns.get(ERROR, nothing)
    more = [values for name, values in columns.items() if name not in _DEFAULTS]
    empty = (None,) * (2 + len(more))
    return [None if row == empty else row for row in zip(latencies, errors, *more, strict=True)]


def without_absent(values: Sequence[Any]) -> Sequence[Any]:
    """Return values with None where there is none."""
    return [None if value is ABSENT else value for value in values]


def error_of(row: OperationRow | None) -> Any:  # noqa: ANN401  # any JSON
    """Return what stands in the field of errors; None where nothing does."""
    return None if row is None else row[1]


def has_failed(error: Any) -> bool:  # noqa: ANN401  # any JSON
    """Whether what stands in the field of errors says that the prediction failed.

    A number with a fraction is no code: it may be how wrong a forecast was.

    Examples
    --------
    >>> [has_failed(error) for error in (None, "", 0, False, {}, 0.13, "timeout", 503, {"code": "OOM"})]
    [False, False, False, False, False, False, True, True, True]
    """
    return bool(error) and not (isinstance(error, float | Decimal) and not float(error).is_integer())


def reason_of(error: Any) -> str:  # noqa: ANN401  # any JSON
    """Return why a prediction failed, in words that failures of one kind share.

    Numbers of four digits and more and ids become ``#``; of an object a member such as ``type`` or ``code`` counts.

    Examples
    --------
    >>> reason_of("timeout after 12034 ms"), reason_of({"code": "OOM", "id": 7}), reason_of(503), reason_of(True)
    ('timeout after # ms', 'OOM', '503', 'failed')
    """
    if isinstance(error, dict):
        said = next((error[name] for name in _NAMES if error.get(name)), None)
        return NO_REASON if said is None or isinstance(said, dict | list) else reason_of(said)
    if isinstance(error, list):
        return reason_of(error[0]) if isinstance(error[0], str | dict) and error[0] else NO_REASON
    if isinstance(error, bool):
        return NO_REASON
    if not isinstance(error, str):
        return _number_text(error)
    words = " ".join(error.split())
    text = words if words.isdecimal() else _CHANGING.sub("#", words)
    return text[:MAX_REASON].encode(errors="replace").decode() or NO_REASON


def _number_text(error: Any) -> str:  # noqa: ANN401  # a number of any kind
    number = number_of(error)
    if number is None:
        return NO_REASON
    return (
        f"{number:.0f}"
        if math.isfinite(number) and number.is_integer() and abs(number) < _LARGEST_WHOLE
        else f"{number:g}"
    )


def numbers(values: Sequence[Any], factor: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return n numbers, and which events have one; both of shape (n,).

    NaN stands for what is given and cannot be used: no number, not finite, or below 0.

    Examples
    --------
    >>> found, given = numbers([12, "0.5", None, -1, "x", True], 1000.0)
    >>> found.tolist(), given.tolist()
    ([12000.0, 500.0, nan, nan, nan, nan], [True, True, False, True, True, True])
    """
    try:
        plain = _PLAIN.issuperset(map(type, values))
        found = np.array(values if plain else [_read(value) for value in values], dtype=np.float64)
    except OverflowError:  # a whole number beyond floats
        found = np.array([_read(value) for value in values], dtype=np.float64)
    given = np.ones(len(values), dtype=np.bool_)
    if None in values:
        given = np.array([value is not None for value in values], dtype=np.bool_)
    with np.errstate(over="ignore", invalid="ignore"):
        found *= factor
        return np.where((found >= 0) & (found < np.inf), found, np.nan), given


def _read(value: Any) -> float | None:  # noqa: ANN401  # any JSON
    return None if value is None else number_of(value)
