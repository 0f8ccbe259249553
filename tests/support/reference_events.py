"""Predictions read plainly, one record and one value at a time: what the fast decoders must equal."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

from driftline.events import dead_letter as reasons
from driftline.events.model_key import ModelKey
from driftline.events.times import EARLIEST_MS, LATEST_MS
from driftline.events.unusable import Unusable


class RefusedError(Exception):
    """A record that is no event, by its reason code."""


class Event(NamedTuple):
    """One prediction as the reference sees it."""

    prediction_id: str
    key: ModelKey
    time_ms: int
    features: bytes
    prediction: Any
    score: Any


def read_event(value: bytes | None, stamp_ms: int, max_future_ms: int) -> Event:
    """Return the event of a record in the default mapping, or raise RefusedError."""
    if not value:
        raise RefusedError(reasons.EMPTY)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise RefusedError(reasons.NOT_UTF8) from None
    try:
        record = json.loads(text)
    except ValueError:
        raise RefusedError(reasons.NOT_JSON) from None
    _check_types(record)
    features = record.get("features")
    ts = record.get("ts")
    time_ms = stamp_ms if ts is None else _epoch_ms(ts, stamp_ms)
    if not isinstance(record.get("features", {}), (dict, type(None))):
        raise RefusedError(reasons.INVALID_TYPE)
    score = record.get("score")
    if ts is None and stamp_ms < 0:
        raise RefusedError(reasons.MISSING_FIELD)
    if ts is not None and 0 <= stamp_ms < time_ms - max_future_ms:
        raise RefusedError(reasons.FUTURE)
    version = record.get("model_version")
    return Event(
        _id(record["prediction_id"]),
        ModelKey(record["model"], "" if version is None else str(version)),
        time_ms,
        b"" if features is None else raw_features(text, features),
        record.get("prediction"),
        _score(score),
    )


def raw_features(text: str, features: object) -> bytes:
    """Return the features as they stand in the record; where it is no strict JSON, as Python writes them."""
    try:
        json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except ArithmeticError:
        return json.dumps(features).encode()
    start = text.index('"features": ') + len('"features": ')
    return text[start : json.JSONDecoder().raw_decode(text, start)[1]].encode()


def _no_constant(name: str) -> float:
    raise ArithmeticError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ArithmeticError(text)
    return number


def _check_types(record: Any) -> None:  # noqa: ANN401  # any JSON
    if not isinstance(record, dict):
        raise RefusedError(reasons.INVALID_TYPE)
    kinds: dict[str, tuple[type, ...]] = {
        "prediction_id": (str, int, float),
        "model": (str,),
        "model_version": (str, int, float, type(None)),
        "ts": (str, int, float, type(None)),
    }
    for name, allowed in kinds.items():  # the first one that is wrong counts
        if name not in record:
            if name in ("prediction_id", "model"):
                raise RefusedError(reasons.MISSING_FIELD)
            continue
        value = record[name]
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise RefusedError(reasons.INVALID_TYPE)
        if name == "prediction_id" and isinstance(value, float) and not value.is_integer():
            raise RefusedError(reasons.INVALID_TYPE)


def _id(value: object) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)


def _score(score: Any) -> Any:  # noqa: ANN401  # any JSON
    if score in (None, {}):
        return None
    return {name: _number(each) for name, each in score.items()} if isinstance(score, dict) else _number(score)


def _number(value: object) -> Any:  # noqa: ANN401  # a number, or what is none
    """Return what a score says: a text is the number that it reads, and rounding beyond 0 and 1 does not count."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return ()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ()
    return min(max(value, 0.0), 1.0) if -1e-6 <= value <= 1 + 1e-6 else value


def one_score(score: Any, positive: str | None) -> Any:  # noqa: ANN401  # a number, None, or what is none
    """Return one score of a map: of one with an odd value, that value."""
    if not isinstance(score, dict):
        return score
    odd = [value for value in score.values() if value == () or not 0 <= value <= 1]
    if odd:
        return odd[0]
    return float(score[positive] if positive in score else max(score.values()))


def usable_score(score: Any, positive: str | None) -> float | None:  # noqa: ANN401  # as above
    """Return one probability, or None where there is none."""
    one = one_score(score, positive)
    return float(one) if isinstance(one, int | float) and 0 <= one <= 1 else None


def kept_score(score: Any) -> Any:  # noqa: ANN401  # as above
    """Return a score as it is handed on where no profile is known."""
    one = one_score(score, None)
    if one is None or usable_score(score, None) is not None:
        return score
    return Unusable() if one == () else Unusable(one)


def _is_other_unit(ts: float, stamp_ms: int) -> bool:
    """Whether a time is far off in milliseconds, and plausible in seconds, micro- or nanoseconds."""
    year_ms = 365 * 86_400_000
    others = [ts * 1000, ts / 1000, ts / 1_000_000]
    if abs(ts) <= 1e8:
        return False
    if stamp_ms >= 946_684_800_000 and EARLIEST_MS <= ts <= LATEST_MS:
        return abs(ts - stamp_ms) > 10 * year_ms and any(abs(other - stamp_ms) <= 2 * year_ms for other in others)
    far = 0 <= ts < year_ms or ts > 4_102_444_800_000
    return far and any(946_684_800_000 <= other <= 4_102_444_800_000 for other in others)


def _moment_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(reasons.INVALID_VALUE) from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _epoch_ms(ts: str | float, stamp_ms: int) -> int:
    if isinstance(ts, str):
        return _moment_ms(ts)
    if _is_other_unit(ts, stamp_ms):
        raise RefusedError(reasons.IMPLAUSIBLE_TIME)
    if not EARLIEST_MS <= ts <= LATEST_MS:
        raise RefusedError(reasons.INVALID_VALUE)
    return round(ts)
