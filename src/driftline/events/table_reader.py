"""The configured tables of a batch of records, as lists of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.config.record_forms import TableAt
from driftline.errors import EventError
from driftline.events.documents import ABSENT, Documents, location, path_of
from driftline.events.tables import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.events.documents import Path


class TableReader:
    """Reads the tables that the configuration names, in each of n records."""

    def __init__(self, tables: Sequence[str | TableAt]) -> None:
        self._tables = [TableAt(table) if isinstance(table, str) else table for table in tables]

    def __call__(self, documents: Sequence[object]) -> tuple[dict[Path, Sequence[object]], dict[int, EventError]]:
        """Return the rows of each table by record, and why some records have none, by the number of the record.

        A record with a table that cannot be read has none at all.
        """
        found: dict[Path, list[object]] = {}
        problems: dict[int, EventError] = {}
        if not self._tables:
            return {}, problems
        walked = Documents(documents)
        for table in self._tables:
            paths = [path_of(pointer, None) for pointer in table.of or (table.pointer,)]
            columns = [walked.column(path) for path in paths]
            raws = (ABSENT,) * len(documents) if table.raw is None else walked.column(path_of(table.raw, None))
            rows: list[object] = []
            for record, raw in enumerate(raws):
                value, path = _first([column[record] for column in columns], paths)
                try:
                    rows.append(rows_of(value, raw, location(path)))
                except EventError as error:
                    problems.setdefault(record, error)
                    rows.append(ABSENT)
            found[path_of(table.pointer, None)] = rows
        for rows in found.values():
            for record in problems:
                rows[record] = ABSENT
        return dict(found), problems


def _first(values: Sequence[object], paths: Sequence[Path]) -> tuple[object, Path]:
    for value, path in zip(values, paths, strict=True):
        if value is not None and value is not ABSENT:
            return value, path
    return ABSENT, paths[0]
