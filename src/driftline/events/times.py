"""Event times in every unambiguous form, and numbers that are given in another unit than the one configured."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from driftline.errors import EventError
from driftline.events.dead_letter import IMPLAUSIBLE_TIME, INVALID_TYPE, INVALID_VALUE
from driftline.events.json_type import name_of

if TYPE_CHECKING:
    from driftline.config.field_places import TimeUnit

EARLIEST_MS: Final = -30_610_224_000_000
LATEST_MS: Final = 253_370_764_799_999
"""The years 1000 to 9998: a window that holds an event begins and ends in years of four digits."""

MS_PER_UNIT: Final[dict[TimeUnit, float]] = {"s": 1000, "ms": 1, "us": 1e-3, "ns": 1e-6}
UNIT_NAMES: Final[dict[TimeUnit, str]] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}

_YEAR_MS: Final = 365 * 86_400_000
FAR_MS: Final = 10 * _YEAR_MS
"""Farther than this from the record's own time, another unit is tried."""
_NEAR_MS: Final = 2 * _YEAR_MS
"""What another unit has to come as near as, to be the likely one."""
TRUSTED_MS: Final = 946_684_800_000
"""The year 2000: an earlier Kafka timestamp says nothing."""
SMALL: Final = 10**8
"""Numbers up to this are times of tests and clocks that begin at 0, not of another unit."""
_LARGEST: Final = 1e30
"""Beyond any time in any unit."""
_DIGITS: Final = 30
YEAR_1971_MS: Final = 31_536_000_000
YEAR_2100_MS: Final = 4_102_444_800_000

_FORM: Final = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
    r"(?:(?:[Tt]| +)(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r" *(?:(?P<utc>Z|z|UTC|GMT)|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)?)?"
)
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_COMPACT_DATE: Final = re.compile(r"(19|20)\d{6}")
"""Could be a number too."""
_WRAPPED: Final = ("$date", "$numberLong", "$numberDouble")
"""How MongoDB writes times and numbers that JSON has no form for."""

Milliseconds = TypeVar("Milliseconds", int, float)


class TimeForm(NamedTuple):
    """How times are written: the unit of numbers, the form of texts, and what messages show of the field."""

    unit: TimeUnit = "ms"
    format: str | None = None
    shown: str = "pointer: /ts"
    """The field's place as the configuration has it."""


MILLISECONDS: Final = TimeForm()


def epoch_ms(ts: datetime | float) -> int:
    """Return milliseconds since the epoch; a date without an offset is UTC.

    Raises
    ------
    EventError
        When it is outside the years 1000 to 9998, or not a number.

    Examples
    --------
    >>> epoch_ms(datetime(1970, 1, 1, 0, 0, 1))
    1000
    """
    if isinstance(ts, datetime):
        aware = ts if ts.tzinfo is not None else ts.replace(tzinfo=UTC)
        return in_range(round(aware.timestamp() * 1000))
    return round(in_range(ts))


def in_range(time_ms: Milliseconds, at: str = "$.ts") -> Milliseconds:
    """Return an event time that windows can be made of.

    Raises
    ------
    EventError
        When it is outside the years 1000 to 9998, or not a number.
    """
    if not EARLIEST_MS <= time_ms <= LATEST_MS:
        message = f"Expected epoch milliseconds of the years 1000 to 9998, got {_number_text(time_ms)} - at `{at}`"
        raise EventError(INVALID_VALUE, message)
    return time_ms


def _number_text(number: float) -> str:
    """Return a number as text; Python writes no whole number of more than 4,300 digits."""
    return "a far larger number" if isinstance(number, int) and abs(number) > 10**_DIGITS else repr(number)


def read_time(value: object, form: TimeForm = MILLISECONDS, stamp_ms: int = -1, at: str = "$.ts") -> int:
    """Return a time in milliseconds since the epoch.

    Parameters
    ----------
    value : object
        As it stands in the record: a text, a number, a date, or MongoDB's ``{"$date": ...}``.
    form : TimeForm
        How it is written.
    stamp_ms : int
        The record's Kafka timestamp, which tells plausible times; -1 where there is none.
    at : str
        Where it stands, for messages.

    Raises
    ------
    EventError
        When it is no time, out of range, or so far off that it must be in another unit.

    Examples
    --------
    >>> [read_time(text) for text in ("1970-01-01 00:00:01+00", "19700101T000001Z", "1970-01-01", "1000")]
    [1000, 1000, 0, 1000]
    """
    if isinstance(value, dict):
        value, form = _unwrapped(value, form, at)
    if form.format is not None and isinstance(value, str):
        return _by_format(value, form.format, at)
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text) is None or _COMPACT_DATE.fullmatch(text) is not None:
            return _of_text(text, value, form, at)
        value = float(text) if "." in text or len(text) > _DIGITS else int(text)
    if isinstance(value, datetime):
        return _of_moment(value, value, at)
    if isinstance(value, date):
        return _of_moment(datetime(value.year, value.month, value.day, tzinfo=UTC), value, at)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise EventError(INVALID_TYPE, f"Expected {_expected(form)}, got {name_of(value)} - at `{at}`")
    return _of_number(value if isinstance(value, int) else float(value), form, stamp_ms, at)


def likely_unit(number: float, unit: TimeUnit, stamp_ms: int) -> TimeUnit | None:
    """Return the unit that a time is in, where it is implausible in the given one and plausible in just another.

    Parameters
    ----------
    number : float
        The time as a number since the epoch.
    unit : TimeUnit
        The unit that it is taken to be in.
    stamp_ms : int
        The record's Kafka timestamp; before the year 2000 it says nothing.

    Examples
    --------
    >>> likely_unit(1_772_366_400, "ms", 1_772_366_400_000), likely_unit(1_772_366_400, "s", 1_772_366_400_000)
    ('s', None)
    """
    if not SMALL < abs(number) < _LARGEST:
        return None
    time_ms = number * MS_PER_UNIT[unit]
    if stamp_ms >= TRUSTED_MS:
        if abs(time_ms - stamp_ms) <= FAR_MS:
            return None
        low, high = stamp_ms - _NEAR_MS, stamp_ms + _NEAR_MS
        if not EARLIEST_MS <= time_ms <= LATEST_MS:  # old events in new records: it must be another unit anyway
            low, high = TRUSTED_MS, YEAR_2100_MS
    else:
        if YEAR_1971_MS <= time_ms <= YEAR_2100_MS or time_ms < 0:
            return None
        low, high = TRUSTED_MS, YEAR_2100_MS
    return next((other for other, ms in MS_PER_UNIT.items() if other != unit and low <= number * ms <= high), None)


def implausible(time_ms: int | None, stamp_ms: int = -1) -> bool:
    """Whether a time in milliseconds is plausible only in another unit."""
    return time_ms is not None and likely_unit(time_ms, "ms", stamp_ms) is not None


def _of_number(number: float, form: TimeForm, stamp_ms: int, at: str) -> int:
    other = likely_unit(number, form.unit, stamp_ms)
    if other is not None:
        raise EventError(IMPLAUSIBLE_TIME, _implausible(number, form, other, at))
    if form.unit == "ms":
        return round(in_range(number, at))
    if isinstance(number, int):  # whole numbers exactly: nanoseconds do not fit in a double
        scaled = number * 1000 if form.unit == "s" else _divided(number, 1_000 if form.unit == "us" else 1_000_000)
        return in_range(scaled, at)
    return round(in_range(number * MS_PER_UNIT[form.unit], at))


def _divided(number: int, by: int) -> int:
    """Return whole milliseconds, rounded half up."""
    return (number + by // 2) // by


def _implausible(number: float, form: TimeForm, other: TimeUnit, at: str) -> str:
    as_taken, as_other = (_shown(number * MS_PER_UNIT[unit]) for unit in (form.unit, other))
    return (
        f"Expected epoch {UNIT_NAMES[form.unit]}, got {number!r}, which would be {as_taken}; in {UNIT_NAMES[other]} "
        f"it is {as_other}; `ts: {{{form.shown}, unit: {other}}}` configures the unit - at `{at}`"
    )


def _shown(time_ms: float) -> str:
    if not EARLIEST_MS <= time_ms <= LATEST_MS:
        return "out of any range"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _unwrapped(value: dict[Any, Any], form: TimeForm, at: str) -> tuple[object, TimeForm]:
    for name in _WRAPPED:
        if len(value) == 1 and name in value:
            inner = value[name]
            if name != "$date":
                return inner, form
            if isinstance(inner, dict) and "$date" not in inner:
                return _unwrapped(inner, MILLISECONDS, at)
            return inner, MILLISECONDS
    raise EventError(INVALID_TYPE, f"Expected {_expected(form)}, got an object - at `{at}`")


def _of_text(text: str, shown: str, form: TimeForm, at: str) -> int:
    if _COMPACT_DATE.fullmatch(text) is not None:
        raise _no_time(shown, form, at)
    for read in _READERS:
        try:
            return _of_moment(read(text), shown, at)
        except ValueError:  # also msgspec's
            continue
    match = _FORM.fullmatch(text)
    if match is None:
        raise _no_time(shown, form, at)
    try:
        return _of_moment(_moment(match), shown, at)
    except ValueError as error:
        raise _no_time(shown, form, at) from error


def _rfc3339(text: str) -> datetime:
    return msgspec.convert(text, datetime)


_READERS: Final = (_rfc3339, datetime.fromisoformat)
"""The first reads what the typed decoder reads, and in the same way; the second is fast."""


def _no_time(value: str, form: TimeForm, at: str) -> EventError:
    shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
    hint = f'`ts: {{{form.shown}, format: "%d/%m/%Y %H:%M"}}` configures another form'
    return EventError(INVALID_VALUE, f"Expected {_expected(form)}, got {shown!r}; {hint} - at `{at}`")


_SHOWN: Final = 40


def _expected(form: TimeForm) -> str:
    if form.format is not None:
        return f"a time of the form `{form.format}`"
    return f"a time such as `2026-03-01T12:00:00Z`, or epoch {UNIT_NAMES[form.unit]}"


def _moment(match: re.Match[str]) -> datetime:
    offset = timedelta(0)
    if match["sign"] is not None:
        offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
        offset = -offset if match["sign"] == "-" else offset
    numbers = (int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second"))
    fraction = int(((match["fraction"] or "") + "000000")[:6])
    return datetime(*numbers, fraction, tzinfo=timezone(offset))  # type: ignore[misc,arg-type]  # six numbers


def _by_format(value: str, form: str, at: str) -> int:
    try:
        return _of_moment(datetime.strptime(value, form), value, at)  # noqa: DTZ007  # without an offset it is UTC
    except ValueError as error:
        message = f"Expected a time of the form `{form}`, got {value[:_SHOWN]!r} - at `{at}`"
        raise EventError(INVALID_VALUE, message) from error


def _of_moment(moment: datetime, shown: object, at: str) -> int:
    try:
        return epoch_ms(moment)
    except (EventError, OverflowError) as error:
        message = f"Expected a time of the years 1000 to 9998, got {str(shown)!r} - at `{at}`"
        raise EventError(INVALID_VALUE, message) from error
