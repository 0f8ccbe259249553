"""From records to events before their fields are looked at: which records are meant, and the rows in them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from driftline.errors import EventError
from driftline.events.dead_letter import EMPTY, INVALID_TYPE
from driftline.events.documents import ABSENT, Documents, location, parsed_values, path_of, readable
from driftline.events.field_columns import Column, Records
from driftline.events.json_type import name_of
from driftline.events.table_reader import TableReader
from driftline.events.where import matcher, values_match

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from driftline.config.field_places import Where
    from driftline.config.record_forms import TableAt
    from driftline.events.documents import Path
    from driftline.events.record_batch import RecordBatch


class Mapped(NamedTuple):
    """What n records hold."""

    columns: tuple[Sequence[Any], ...]
    """The fields of m events, m values each."""
    owners: Sequence[int]
    """The record of each event, shape (m,)."""
    problems: dict[int, EventError]
    """Why records, or rows in them, were refused, by the number of the record."""
    skipped: Sequence[int]
    """The numbers of the records that are not meant, or have an empty list of rows."""


class Read(NamedTuple):
    """The events of a batch before their fields are looked at."""

    records: Records
    owners: Sequence[int]
    """The record of each event."""
    rows: Sequence[int] | None
    """The number of each event in its record, where records hold many."""
    problems: dict[int, EventError]
    """By the number of the record."""
    skipped: Sequence[int]

    def at(self, column: Column) -> Callable[[int], str]:
        """Return where a field of an event stands, for messages."""
        return lambda event: column.at(None if self.rows is None else self.rows[event])


class RecordReader:
    """Takes batches apart into events: chooses the records that are meant, and the rows in them."""

    def __init__(
        self, rows: str | None, where: Where | None, *, lists: bool, tables: Sequence[str | TableAt] = ()
    ) -> None:
        self._rows = None if rows is None else path_of(rows, None)
        self._tables = TableReader(tables)
        self._where = where
        self._matches = None if where is None else matcher(where)
        self._lists = lists or self._rows is not None

    def parsed(self, batch: RecordBatch) -> Read:
        """Return the events of a batch of any kind, whose records are parsed as a whole."""
        documents, problems = parsed_values(batch)
        numbers: Sequence[int] = range(len(documents))
        documents = readable(documents, batch.values, problems, lists=self._lists)
        skipped: Sequence[int] = ()
        if self._matches is not None:
            meant = self._matches(documents, batch.headers)
            for number in [number for number, error in problems.items() if error.reason == EMPTY]:
                del problems[number]  # a record without a value has no field that says that it is meant
            skipped = [number for number in numbers if not meant[number] and number not in problems]
            numbers = [number for number in numbers if meant[number]]
        numbers = [number for number in numbers if number not in problems] if problems else numbers
        chosen_documents = _chosen(numbers, len(batch.values))(documents)
        tables, odd = self._tables(chosen_documents)
        problems.update((numbers[record], error) for record, error in odd.items())
        return self._events(batch, numbers, Documents(chosen_documents, self._rows, tables), problems, skipped)

    def skimmed(self, batch: RecordBatch, columns: Mapping[Path, Sequence[Any]]) -> Read:
        """Return the events of a batch of JSON, given what stands under all paths that are asked for, by column.

        Where rows are many, all records have to be meant.
        """
        numbers: Sequence[int] = range(len(batch.values))
        skipped: Sequence[int] = ()
        if self._where is not None:
            meant = self._meant(batch, columns)
            skipped = [number for number in numbers if not meant[number]]
            numbers = [number for number in numbers if meant[number]]
        chosen = _chosen(numbers, len(batch.values))
        found = {path: chosen(column) for path, column in columns.items()} if skipped else columns
        return self._events(batch, numbers, Documents(chosen(batch.values), self._rows, found), {}, skipped)

    def _meant(self, batch: RecordBatch, columns: Mapping[Path, Sequence[Any]]) -> list[bool]:
        where = self._where
        if self._matches is None or where is None or where.field is None:
            return [True] * len(batch.values) if self._matches is None else self._matches(batch.values, batch.headers)
        walked = Documents(batch.values, None, columns)
        return values_match(where)(walked.column(path_of(where.field, None)))

    def _events(
        self,
        batch: RecordBatch,
        numbers: Sequence[int],
        walked: Documents,
        problems: dict[int, EventError],
        skipped: Sequence[int],
    ) -> Read:
        chosen = _chosen(numbers, len(batch.values))
        records = Records(
            walked,
            batch.topic,
            chosen(batch.timestamps_ms),
            None if batch.keys is None else chosen(batch.keys),
            None if batch.headers is None else chosen(batch.headers),
        )
        if walked.owners is None:
            return Read(records, numbers, None, problems, skipped)
        for number, rows in zip(numbers, walked.row_lists, strict=True):
            if not isinstance(rows, list) and number not in problems:
                at = location(self._rows or ())
                got = "a record without it" if rows is ABSENT else name_of(rows)
                problems[number] = EventError(INVALID_TYPE, f"Expected a list of rows, got {got} - at `{at}`")
        empty = [number for number, rows in zip(numbers, walked.row_lists, strict=True) if rows == []]
        skipped = sorted([*skipped, *(number for number in empty if number not in problems)])
        return Read(records, [numbers[owner] for owner in walked.owners], walked.numbers, problems, skipped)


def _chosen(numbers: Sequence[int], n: int) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(numbers) == n:
        return lambda values: values
    return lambda values: [values[number] for number in numbers]


def mapped(read: Read, columns: tuple[Sequence[Any], ...], problems: dict[int, EventError]) -> Mapped:
    """Return the events of a batch without those that were refused, of which each record keeps the first problem."""
    if not problems:
        return Mapped(columns, read.owners, read.problems, read.skipped)
    kept = [event for event in range(len(read.owners)) if event not in problems]
    refused: dict[int, list[EventError]] = {}
    for event, error in sorted(problems.items()):
        refused.setdefault(read.owners[event], []).append(error)
    found = dict(read.problems)
    n_rows = None if read.rows is None else Counter(read.owners)
    for owner, errors in refused.items():
        found[owner] = errors[0] if n_rows is None else _of_rows(errors, n_rows[owner])
    return Mapped(
        tuple([column[event] for event in kept] for column in columns),
        [read.owners[event] for event in kept],
        found,
        read.skipped,
    )


def _of_rows(errors: list[EventError], n_rows: int) -> EventError:
    """Return the problem of a record of which some rows were refused."""
    return EventError(errors[0].reason, f"{errors[0]}; {len(errors)} of its {n_rows} rows are refused")


def in_order(parts: Sequence[tuple[Sequence[int], Mapped]]) -> Mapped:
    """Return what the records of a batch hold, given parts of it and the numbers of their records in it."""
    owners = [numbers[owner] for numbers, part in parts for owner in part.owners]
    order = sorted(range(len(owners)), key=owners.__getitem__)
    columns = [
        [value for column in columns for value in column]
        for columns in zip(*(part.columns for _, part in parts), strict=True)
    ]
    return Mapped(
        tuple([column[event] for event in order] for column in columns),
        [owners[event] for event in order],
        {numbers[number]: error for numbers, part in parts for number, error in part.problems.items()},
        sorted(numbers[number] for numbers, part in parts for number in part.skipped),
    )
