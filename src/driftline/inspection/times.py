"""Which field holds the event time, and in which unit or form."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.config.field_places import FromHeader, TimeAt
from driftline.errors import EventError
from driftline.events.times import MS_PER_UNIT, TRUSTED_MS, TimeForm, read_time
from driftline.inspection.names import is_discouraged, weight
from driftline.inspection.survey import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.field_places import TimeUnit
    from driftline.inspection.survey import Fact, Path, Survey

FORMATS: Final = tuple(
    f"{date}{time}"
    for date in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y", "%d/%m/%y")
    for time in (" %H:%M:%S", " %H:%M", "", " %H:%M:%S.%f", " %I:%M:%S %p", " %I:%M %p", "T%H:%M:%S", ", %H:%M:%S")
)
"""Forms of dates that are tried where a text is none of the usual ones."""
_YEAR_2100_MS: Final = 4_102_444_800_000
_YEAR_MS: Final = 365 * 86_400_000
_NEAR_MS: Final = 2 * _YEAR_MS
_ENOUGH: Final = 0.95
"""Share of the values that have to be read."""
_MOST: Final = 0.5
"""Share of the records that must have a time."""
_TRIED: Final = 200
"""Values by which a form is chosen."""
_MAX_SKEW_HOURS: Final = 48


class TimeGuess(NamedTuple):
    """Where times stand and how they are written."""

    place: str | TimeAt
    reason: str
    fact: Fact
    doubt: str = ""
    """What else it could be."""


def guess_time(survey: Survey, rows: Path | None = None) -> TimeGuess | None:
    """Return where the event time stands; None where no field is a time.

    Names count, and so does how near the values are to Kafka's timestamps.
    """
    best: tuple[float, TimeGuess] | None = None
    for fact in survey.scalars(rows, beside=True):
        named = weight("time", fact.path)
        if not named or fact.share < _MOST or fact.kind == "boolean":
            continue
        stamps = [survey.corpus.stamps_ms[owner] for owner in fact.owners]
        found = read_as(fact, stamps)
        if found is None:
            continue
        guess, times = found
        score = named + 3 * fact.share + _nearness(times, stamps) - 4 * is_discouraged(fact.path)
        score -= 3 * (len(fact.counted) == 1 and len(fact.values) > 1) + 2 * (not fact.in_value)
        score -= 0.1 * len(fact.path)
        if best is None or score > best[0]:
            best = score, guess
    return None if best is None else best[1]


def read_as(fact: Fact, stamps_ms: Sequence[int]) -> tuple[TimeGuess, list[int]] | None:
    """Return in which unit or form the values of a field are times, and a sample of them; None where in none."""
    step = max(1, len(fact.values) // _TRIED)
    values, stamps = fact.values[::step], stamps_ms[::step]
    numbers = [number for value in values if (number := number_of(value)) is not None and math.isfinite(number)]
    if len(numbers) >= _ENOUGH * len(values) and not _compact_dates(values):
        return _number(fact, numbers, stamps)
    times = _read(values, stamps, TimeForm())
    if len(times) >= _ENOUGH * len(values):
        return TimeGuess(_placed(fact), "a time", fact), times
    return _format(fact, values, stamps)


def _compact_dates(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) and len(value) == 8 and value[:2] in ("19", "20") for value in values)  # noqa: PLR2004


def _number(fact: Fact, numbers: Sequence[float], stamps: Sequence[int]) -> tuple[TimeGuess, list[int]] | None:
    units: tuple[TimeUnit, ...] = ("ms", "s", "us", "ns")
    for unit in units:
        as_ms = [number * MS_PER_UNIT[unit] for number in numbers]
        if _plausible(as_ms, stamps):
            words = {"ms": "milliseconds", "s": "seconds", "us": "microseconds", "ns": "nanoseconds"}[unit]
            return TimeGuess(_placed(fact, unit=unit), f"epoch {words}", fact), [
                int(time) for time in as_ms if math.isfinite(time)
            ]
    return None


def _plausible(times_ms: Sequence[float], stamps_ms: Sequence[int]) -> bool:
    stamped = [stamp for stamp in stamps_ms if stamp >= TRUSTED_MS]
    if not times_ms:
        return False
    middle = median(times_ms)
    if stamped:
        return abs(middle - median(stamped)) <= 5 * _NEAR_MS
    return TRUSTED_MS <= middle <= _YEAR_2100_MS


def _read(values: Sequence[object], stamps: Sequence[int], form: TimeForm) -> list[int]:
    times = []
    for value, stamp in zip(values, stamps, strict=True):
        try:
            times.append(read_time(value, form, stamp))
        except EventError:
            continue
    return times


def _format(fact: Fact, values: Sequence[object], stamps: Sequence[int]) -> tuple[TimeGuess, list[int]] | None:
    fitting: list[tuple[float, int, str, list[int]]] = []
    for form in FORMATS:
        times = _read(values[:5], stamps[:5], TimeForm("ms", form))
        if len(times) < len(values[:5]):
            continue
        times = _read(values, stamps, TimeForm("ms", form))
        if len(times) >= _ENOUGH * len(values):
            fitting.append((_distance(times, stamps), len(fitting), form, times))
    if not fitting:
        return None
    distance, _, form, times = min(fitting)
    doubt = next((other for far, _, other, _ in fitting if other != form and far - distance < _hours(24)), "")
    shown = str(next(iter(values)))
    return TimeGuess(_placed(fact, form=form), f"dates such as {shown}", fact, doubt), times


def _hours(hours: float) -> float:
    return hours * 3_600_000


def _distance(times_ms: Sequence[int], stamps_ms: Sequence[int]) -> float:
    stamped = [stamp for stamp in stamps_ms if stamp >= TRUSTED_MS]
    return abs(median(times_ms) - median(stamped)) if stamped else 0.0


def _nearness(times_ms: Sequence[int], stamps_ms: Sequence[int]) -> float:
    stamped = [stamp for stamp in stamps_ms if stamp >= TRUSTED_MS]
    return 0.0 if not stamped else 2.0 if _distance(times_ms, stamps_ms) < _hours(_MAX_SKEW_HOURS) else -1.0


def _placed(fact: Fact, *, unit: TimeUnit = "ms", form: str | None = None) -> str | TimeAt:
    place = fact.place
    header = place.header if isinstance(place, FromHeader) else None
    if header is None and isinstance(place, str) and unit == "ms" and form is None:
        return place
    pointer = place if isinstance(place, str) else None
    return TimeAt(pointer=pointer, header=header, unit=unit, format=form)


def shown_time(time_ms: float) -> str:
    """Return a time as messages show it.

    Examples
    --------
    >>> shown_time(1_772_366_400_000)
    '2026-03-01 12:00:00Z'
    """
    try:
        return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{time_ms:g} ms"
