"""The records of a file as lines of JSON: of NDJSON, CSV and TSV, packed with gzip or not, and of Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from itertools import islice
from typing import IO, TYPE_CHECKING, Final, Protocol

from driftline.errors import FormatError
from driftline.runtime.files.number_words import number_columns
from driftline.runtime.files.table_rows import RowShape, cell, json_line, name_cell, number_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from driftline.runtime.files.table_rows import Fields

_BATCH_ROWS: Final = 10_000
_GZIP: Final = ".gz"
_SEPARATORS: Final = {".csv": ",", ".tsv": "\t"}
BROKEN: Final = (gzip.BadGzipFile, EOFError, zlib.error)
"""What unpacking raises for a file that gzip has not written, or not to its end."""
_PARQUET: Final = frozenset({".parquet", ".pq"})


class EventLines(Protocol):
    """The lines of a file, read once from its beginning to its end in constant memory."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines that are not empty, without their ends."""

    @property
    def may_say_where(self) -> bool:
        """Whether a line may say where its record stood."""

    def position(self) -> int:
        """Return how much of the file has been read, in bytes of the file as it stands on disk."""


def event_lines(path: Path, fields: Fields) -> EventLines:
    """Return the lines of a file, whose kind is told by the ending of its name, in upper or lower case.

    A file of another name is read as NDJSON: one JSON object a line. Rows of tables become lines of JSON, see
    :class:`~driftline.runtime.files.table_rows.RowShape`.

    Parameters
    ----------
    path : pathlib.Path
    fields : PredictionFields or LabelFields
        Where fields are expected in a record: columns of these names go there.

    Raises
    ------
    FormatError
        When a Parquet file is packed; when a table cannot be read, while it is.
    """
    ending, packed = _ending(path)
    if ending in _PARQUET:
        if packed:
            message = f"{path}: a Parquet file is compressed in itself and cannot be read through gzip; unpack it first"
            raise FormatError(message)
        return _ParquetLines(path, fields)
    separator = _SEPARATORS.get(ending)
    return _TextLines(path) if separator is None else _SeparatedLines(path, separator, fields)


def text_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file of text, whatever its name, as :func:`event_lines` does of NDJSON."""
    yield from _TextLines(path)


def _ending(path: Path) -> tuple[str, bool]:
    name = path.name.lower()
    packed = name.endswith(_GZIP)
    name = name.removesuffix(_GZIP)
    return name[name.rfind(".") :] if "." in name else "", packed


class _TextLines:
    """A file of one JSON object a line."""

    may_say_where = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position: Callable[[], int] = lambda: 0

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as raw:
            self._position = raw.tell
            try:
                for line in _unpacked(raw, self._path):
                    stripped = line.rstrip(b"\r\n")
                    if stripped:
                        yield stripped
            except BROKEN as error:
                raise _not_unpacked(self._path, error) from error
            self._position = _always(raw.tell())

    def position(self) -> int:
        return self._position()


class _SeparatedLines:
    """A table of text with a header, cells separated by commas or tabs."""

    def __init__(self, path: Path, separator: str, fields: Fields) -> None:
        self._path = path
        self._separator = separator
        self._fields = fields
        self._position: Callable[[], int] = lambda: 0
        self._numbers: frozenset[int] | None = None

    def __iter__(self) -> Iterator[bytes]:
        if self._numbers is None:
            self._numbers = number_columns(self._rows)
        with (
            self._path.open("rb") as raw,
            io.TextIOWrapper(_unpacked(raw, self._path), "utf-8-sig", newline="") as text,
        ):
            self._position = raw.tell
            rows = csv.reader(text, delimiter=self._separator)
            try:
                header = next(rows, [])
                shape = _shape(self._path, header, self._fields)
                read: list[Callable[[str], object]] = [
                    name_cell if keeps_text else number_cell if column in self._numbers else cell
                    for column, keeps_text in enumerate(shape.keeps_text)
                ]
                for row in rows:
                    if row:
                        yield json_line(shape.event(self._cells(row, read, rows.line_num)))
            except BROKEN as error:
                raise _not_unpacked(self._path, error) from error
            except (csv.Error, UnicodeDecodeError) as error:
                message = f"{self._path}, line {rows.line_num}: cannot be read as a table of text ({error})"
                raise FormatError(message) from error
            self._position = _always(raw.tell())

    @property
    def may_say_where(self) -> bool:
        try:
            return RowShape(next(self._rows(0), []), self._fields).says_where
        except (FormatError, ValueError, csv.Error):  # whoever reads the rows says what is wrong with them
            return True

    def _rows(self, first: int = 1) -> Iterator[list[str]]:
        """Yield the cells of each row from the first on; that below the header is 1."""
        with (
            self._path.open("rb") as raw,
            io.TextIOWrapper(_unpacked(raw, self._path), "utf-8-sig", newline="") as text,
        ):
            try:
                yield from islice(csv.reader(text, delimiter=self._separator), first, None)
            except BROKEN as error:
                raise _not_unpacked(self._path, error) from error

    def _cells(self, row: list[str], read: list[Callable[[str], object]], line: int) -> list[object]:
        if len(row) != len(read):
            message = f"{self._path}, line {line}: the row has {len(row)} cells, the header has {len(read)}"
            raise FormatError(message)
        return [value(text) for value, text in zip(read, row, strict=True)]

    def position(self) -> int:
        return self._position()


class _ParquetLines:
    """A Parquet file, read in batches of rows."""

    def __init__(self, path: Path, fields: Fields) -> None:
        self._path = path
        self._fields = fields
        self._n_bytes = path.stat().st_size
        self._read = 0.0

    def __iter__(self) -> Iterator[bytes]:
        import pyarrow as pa  # noqa: PLC0415  # half a second that no other file needs
        from pyarrow import parquet  # noqa: PLC0415

        from driftline.runtime.files.arrow_rows import rows_of  # noqa: PLC0415

        try:
            with parquet.ParquetFile(self._path) as file:
                shape = _shape(self._path, file.schema_arrow.names, self._fields)
                n_done = 0
                n_rows = file.metadata.num_rows
                for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                    for row in rows_of(batch):
                        yield json_line(shape.event(row))
                    n_done += batch.num_rows
                    self._read = n_done / n_rows
        except (OSError, pa.ArrowException) as error:
            message = f"{self._path}: cannot be read as a Parquet file ({error})"
            raise FormatError(message) from error
        self._read = 1.0

    @property
    def may_say_where(self) -> bool:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        try:
            return RowShape(parquet.read_schema(self._path).names, self._fields).says_where
        except (OSError, pa.ArrowException):  # whoever reads the rows says what is wrong with them
            return True

    def position(self) -> int:
        return int(self._read * self._n_bytes)


def _unpacked(raw: IO[bytes], path: Path) -> IO[bytes]:
    return gzip.GzipFile(fileobj=raw) if _ending(path)[1] else raw  # type: ignore[return-value]  # reads as files do


def _shape(path: Path, columns: Sequence[str], fields: Fields) -> RowShape:
    shape = RowShape(columns, fields)
    doubled = shape.doubled()
    if doubled is not None:
        message = (
            f"{path}: the column {doubled!r} stands there twice, so which one counts is not known; rename or drop one"
        )
        raise FormatError(message)
    return shape


def _not_unpacked(path: Path, error: Exception) -> FormatError:
    return FormatError(f"{path}: cannot be unpacked with gzip ({error}); the file is damaged, cut off, or not packed")


def _always(position: int) -> Callable[[], int]:
    return lambda: position
