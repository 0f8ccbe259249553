"""CSV files as texts: every cell is what is written, until the configuration and the column say what it means."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from driftline.errors import ProfileError
from driftline.profiles.remark import Contradiction
from driftline.runtime.references.csv_separator import rows_of, separator_of
from driftline.runtime.references.text_files import read_text, reason

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.runtime.references.table_options import TableOptions

_SNIFFED: Final = 1 << 18
"""Bytes in which the header and the separator are found, more where the header is longer."""
_BLOCK_BYTES: Final = 1 << 24
"""The longest row that can be read."""
_BATCH: Final = "f{}"
"""What the table library calls a column without a name."""


def read_cells(path: Path, how: TableOptions) -> tuple[list[str], list[Any], tuple[str, ...]]:
    """Return the names of a CSV file's columns, their cells as Arrow arrays of text, and remarks.

    An empty cell is null, but not one of two quotation marks, which is a text of no letters. A column without a name is
    called "".

    Parameters
    ----------
    path : pathlib.Path
        With a header. May be gzip.
    how : TableOptions

    Raises
    ------
    ProfileError
        When it cannot be read, has no header, two columns of one name, or rows of another length than the header; says
        in which line.
    """
    data, remarks = read_text(path, how.encoding)
    if not data.strip():
        message = f"{path} is empty: a header with the names of the columns is expected, and rows below it"
        raise ProfileError(message)
    beginning = _whole_lines(data)
    separator = how.separator or ("\t" if ".tsv" in path.name.lower() else separator_of(beginning))
    try:
        line, header = next(rows_of(beginning, separator))
    except ProfileError as error:
        message = f"{path}: {error}"
        raise ProfileError(message) from error
    _check_header(header, f"{path}:{line}")
    table = _parsed(data, separator, len(header), path)
    cells = [table.column(_BATCH.format(index)).slice(1) for index in range(len(header))]
    if all(name.strip().replace(".", "", 1).isdecimal() for name in header) and not _counts(header):
        text = (
            f"the first line of {path} has numbers only ({', '.join(header[:3])}, ...) and is taken as the header: add "
            "a line with the names of the columns above it"
        )
        remarks = (*remarks, Contradiction(text))
    return header, cells, remarks


def _whole_lines(data: bytes) -> str:
    """Return the beginning of a file, up to the end of a line."""
    end = len(data) if len(data) <= _SNIFFED else data.rfind(b"\n", 0, _SNIFFED) + 1
    return data[: end or len(data)].decode()


def _check_header(header: list[str], at: str) -> None:
    name, n = Counter(header).most_common(1)[0]
    if n > 1 and name:
        places = [index for index, each in enumerate(header, start=1) if each == name]
        message = (
            f"{at}: columns {places[0]} and {places[1]} are both called `{name}`: rename or remove one of them, or add "
            "a header if there is none"
        )
        raise ProfileError(message)


def _counts(header: list[str]) -> bool:
    """Whether names only number the columns, as tables without names of their own have them."""
    return header in ([str(i) for i in range(start, start + len(header))] for start in (0, 1))


def _parsed(data: bytes, separator: str, n_columns: int, path: Path) -> Any:  # noqa: ANN401
    import pyarrow as pa  # noqa: PLC0415  # half a second that no other reader needs
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    read = arrow_csv.ReadOptions(autogenerate_column_names=True, block_size=_BLOCK_BYTES)
    parse = arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True)
    convert = arrow_csv.ConvertOptions(
        column_types={_BATCH.format(index): pa.large_string() for index in range(n_columns)},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    try:
        return arrow_csv.read_csv(pa.BufferReader(data), read, parse, convert)
    except pa.ArrowException as error:
        try:
            where = _ragged(data.decode(), separator, n_columns)
        except ProfileError as unreadable:
            where = f": {unreadable}"
        message = f"{path}{where or f' cannot be read as CSV: {reason(error)}'}"
        raise ProfileError(message) from error


def _ragged(text: str, separator: str, n_columns: int) -> str | None:
    """Return where the first row stands that has another number of cells than the header, for a message."""
    for line, row in rows_of(text, separator):
        if len(row) != n_columns:
            return (
                f":{line}: this row has {len(row)} cell{'s' if len(row) != 1 else ''}, and the header has {n_columns} "
                f"(separated by {separator!r}): mend the row, or name the separator with --separator"
            )
    return None
