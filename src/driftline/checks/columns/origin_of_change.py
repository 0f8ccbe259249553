"""Where the change of a finding comes from: the column's coarse cells by partition, header, field and schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.checks.contract.origin_split import Marked, clear_parts
from driftline.checks.quality.families import CARDINALITY, VANISHED
from driftline.events.cloudevents import rfc3339
from driftline.events.origin import Origin
from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER, WRONG_TYPE, NumericColumn
from driftline.sketches.layout import UNEXPECTED
from driftline.sketches.origin_cells import EVENT_CELL
from driftline.sketches.origin_table import OTHERS, PARTITION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.checks.contract.origin_split import Part
    from driftline.events.finding import FindingEvent
    from driftline.events.source_numbers import PlaceNames
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column
    from driftline.sketches.origin_cells import OriginCells
    from driftline.sketches.origin_table import OriginTable, OriginTables

    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

_QUALITY: Final[Mapping[str, int]] = {
    "missing": MISSING,
    VANISHED: MISSING,
    "not_a_number": NOT_A_NUMBER,
    "infinite": INFINITE,
    "wrong_type": WRONG_TYPE,
}
_MIN_BEFORE: Final = 500
"""Events of earlier windows from which these are what a window is compared with, rather than the reference."""
_ROUNDS: Final = 4
"""Times that the beginning and the rate after it are worked out of each other."""
_MOST_USUAL: Final = 0.1
"""Fraction of a change outside odd values below which it is one of odd values."""


class Span(NamedTuple):
    """Events of a span of event time by where they come from."""

    start_ms: int
    end_ms: int
    tables: OriginTables


class OriginCase(NamedTuple):
    """A window by where its events come from, and what it is compared with."""

    profile: Profile
    cells: OriginCells
    total: Ints
    """Of all events of the window, shape (cells.n,)."""
    tables: OriginTables
    """Of the window."""
    usual_total: Ints
    """Of all events of earlier windows without a finding, shape (cells.n,)."""
    usual: OriginTables
    spans: Sequence[Span]
    """The past up to the window's end, in the order of time."""
    places: PlaceNames


def origins_of(finding: FindingEvent, case: OriginCase) -> list[Origin] | None:
    """Return where a finding's change comes from; empty where it is everywhere, or it cannot be said.

    None where there is nothing to compare, or the finding is of nothing that is counted by origin. The dimension with
    the fewest events comes first: it says most.
    """
    before = case.usual_total
    if before[EVENT_CELL] < _MIN_BEFORE:
        before = case.cells.of_counts(case.profile.reference.counts)
        case = case._replace(usual_total=before, usual={})
    marks = _marks(finding, case, before)
    compared = {name: table for name, table in case.tables.items() if len(table.values) > 1 or _is_new(name, case)}
    if marks is None or not compared:
        return None
    n_before = int(before[EVENT_CELL])
    rate_before = float(before[marks].sum()) / n_before
    dispersion = 1.0 if finding.dispersion is None else max(1.0, finding.dispersion.lambda_bar)
    found: list[tuple[float, list[Origin]]] = []
    for name, table in compared.items():
        parts = clear_parts(_marked(name, table, case, marks), rate_before, n_before, dispersion)
        if parts:
            events = sum(part.share_of_events for part in parts)
            found.append((events, [_origin(name, part, case, marks) for part in parts]))
    found.sort(key=lambda each: (round(each[0], 6), each[1][0].dimension == PARTITION))
    return [origin for _, origins in found for origin in origins]


def _is_new(dimension: str, case: OriginCase) -> bool:
    """Whether all events have one value of a dimension, which before had another one."""
    return dimension in case.usual and case.usual[dimension].values != case.tables[dimension].values


def _marks(finding: FindingEvent, case: OriginCase, before: Ints) -> Mask | None:
    """Return the cells that have become more frequent, as far as the finding is about them, shape (cells.n,)."""
    if before[EVENT_CELL] == 0 or case.total[EVENT_CELL] == 0:
        return None
    marks = np.zeros(case.cells.n, dtype=np.bool_)
    if finding.check == "quality.appeared":
        marks[UNEXPECTED] = True
        return marks
    at = next((i for i, each in enumerate(case.profile.columns) if _is_of(finding, each)), None)
    if at is None:
        return None
    own = case.cells.columns[at]
    meant = _meant(finding.check, case.profile.columns[at], own)
    now, then = case.total / case.total[EVENT_CELL], before / before[EVENT_CELL]
    if meant is None:
        marks[own] = now[own] > then[own]
    elif now[meant].sum() >= then[meant].sum():
        marks[meant] = True
    else:
        marks[own] = True
        marks[meant] = False
    return marks


def _is_of(finding: FindingEvent, column: Column) -> bool:
    return (finding.column, finding.role) == (column.name, column.role)


def _meant(check: str, column: Column, own: slice) -> list[int] | None:
    """Return the cells that a test of quality, or its e-detector, is about; None where it is about all."""
    family, _, test = check.partition(".")
    first_quality = own.stop - 4
    if family not in {"quality", "detector"}:
        return None
    if test in _QUALITY:
        return [first_quality + _QUALITY[test]]
    if test == "out_of_range":
        return [own.start, first_quality - 1]
    if test in ("unseen", CARDINALITY) and not isinstance(column, NumericColumn):
        return [first_quality - 1]
    return None


def _marked(name: str, table: OriginTable, case: OriginCase, marks: Mask) -> list[Marked]:
    """Return the events of each value, and of all others together."""
    before = case.usual.get(name)
    earlier = {} if before is None else dict(zip(before.values, _pairs(before.rows(), marks), strict=True))
    found = [
        Marked(value, *pair, *earlier.pop(value, (0, 0)))
        for value, pair in zip(table.values, _pairs(table.rows(), marks), strict=True)
    ]
    found += [Marked(value, 0, 0, *pair) for value, pair in earlier.items()]
    (n, marked), (n_before, marked_before) = (_pairs(each[None], marks)[0] for each in (case.total, case.usual_total))
    others = Marked(
        OTHERS,
        n - sum(each.n for each in found),
        marked - sum(each.marked for each in found),
        0 if before is None else n_before - sum(each.n_before for each in found),
        0 if before is None else marked_before - sum(each.marked_before for each in found),
    )
    return [*found, others] if others.n > 0 or others.n_before > 0 else found


def _pairs(rows: Ints, marks: Mask) -> list[tuple[int, int]]:
    """Return the events and the marked ones of each row, shape (r, cells.n)."""
    return [*zip(rows[:, EVENT_CELL].tolist(), rows[:, marks].sum(axis=1).tolist(), strict=True)]


def _origin(name: str, part: Part, case: OriginCase, marks: Mask) -> Origin:
    since_ms, offsets, exact = _beginning(name, part, case, marks)
    partitions = {case.places.name("predictions", number): offset for number, offset in sorted(offsets.items())}
    is_number = name == PARTITION and part.value != OTHERS
    return Origin(
        dimension=name,
        value=case.places.name("predictions", int(part.value)) if is_number else part.value,
        share_of_events=round(part.share_of_events, 6),
        share_of_change=round(part.share_of_change, 6),
        since=None if since_ms is None else rfc3339(since_ms),
        first_offsets=partitions,
        exact=exact,
    )


def _beginning(name: str, part: Part, case: OriginCase, marks: Mask) -> tuple[int | None, dict[int, int], bool]:
    """Return when the change of an origin began, its first offset by partition, and whether that is its first record.

    It began where the sum of marked events above the rate halfway between before and after is greatest up to the end:
    the most likely change point of a rate.
    """
    spans = [(span, span.tables[name]) for span in case.spans if name in span.tables]
    spans = [(span, table) for span, table in spans if part.value in table.values]
    if not spans:
        return None, {}, False
    rows = np.array([table.rows()[table.values.index(part.value)] for _, table in spans])
    n, marked = rows[:, EVENT_CELL].astype(np.float64), rows[:, marks].sum(axis=1).astype(np.float64)
    rate, first = part.rate, 0
    for _ in range(_ROUNDS):
        above = marked - n * (part.rate_before + rate) / 2
        first = int(np.cumsum(above[::-1])[::-1].argmax())
        rate = float(marked[first:].sum() / n[first:].sum())
    odd = marks & case.cells.is_odd
    common = marks & ~odd
    rise = float(rows[first:, common].sum() / n[first:].sum()) - _usual_rate(name, part.value, case, common)
    unusual = _usual_rate(name, part.value, case, odd) == 0
    exact = unusual and rise <= _MOST_USUAL * (rate - part.rate_before)
    wanted = odd
    if exact:
        first -= first > 0 and bool(rows[first - 1, odd].any())  # it may have begun late in the span before
    else:
        wanted = np.zeros_like(odd)
        wanted[EVENT_CELL] = True
    offsets: dict[int, int] = {}
    for _, table in spans[first:]:
        for partition, offset in table.first_offsets(part.value, wanted).items():
            offsets.setdefault(partition, offset)
    return spans[first][0].start_ms, offsets, exact


def _usual_rate(name: str, value: str, case: OriginCase, cells: Mask) -> float:
    """Return the fraction of an origin's earlier events in some cells; of all events where it had none."""
    table = case.usual.get(name)
    if table is not None and value in table.values:
        row = table.rows()[table.values.index(value)]
        return float(row[cells].sum()) / max(int(row[EVENT_CELL]), 1)
    return float(case.usual_total[cells].sum()) / int(case.usual_total[EVENT_CELL])
