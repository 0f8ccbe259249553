"""Tables in Parquet, also folders of it, and in Arrow files."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from driftline.errors import ProfileError
from driftline.profiles.building.frames import FrameColumns
from driftline.runtime.references.text_files import read_bytes, reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PARQUET: Final = (".parquet", ".pq")
ARROW: Final = (".arrow", ".feather", ".ipc")
_FILE_STARTS: Final = (b"ARROW1", b"FEA1")
"""How files begin, of the format's second and first version; a stream begins otherwise."""


class ParquetColumns(FrameColumns):
    """The table of a Parquet file, each column read when it is asked for.

    Raises
    ------
    ProfileError
        When there is no such file, or it is no Parquet file; also when a column is asked for.
    """

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet  # noqa: PLC0415  # half a second that no other reader needs

        self._path = path
        with _reading(path):
            self._file = parquet.ParquetFile(path)
        self.columns: list[str] = self._file.schema_arrow.names

    @cached_property
    def schema(self) -> Mapping[str, nw.dtypes.DType]:
        """Types of the columns by name."""
        schema: Mapping[str, nw.dtypes.DType] = nw.from_native(self._file.schema_arrow.empty_table()).schema
        return schema

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __getitem__(self, name: str) -> nw.Series[Any]:
        with _reading(self._path):
            table = self._file.read(columns=[name])  # what is within a column has its name and a point before its own
            if table.column_names.count(name) != 1:
                table = self._file.read()
            return nw.from_native(table.column(name), series_only=True)


def read_parquet(path: Path) -> Any:  # noqa: ANN401  # pyarrow publishes no types
    """Return the table of a Parquet file, or of a folder of Parquet files with the same columns.

    In a folder, files are read in the order of their names, those beginning with ``_`` or ``.`` apart; folders called
    ``name=value`` (hive partitions) make a column each; a column that some files lack is missing there.

    Raises
    ------
    ProfileError
        When there is no such file, or it is no Parquet file.
    """
    return _read_folder(path) if path.is_dir() else ParquetColumns(path)


@contextmanager
def arrow_memory() -> Iterator[None]:
    """Let what Arrow allocates go back to the system when it is freed; its own pools keep most of it."""
    import pyarrow as pa  # noqa: PLC0415

    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.system_memory_pool().release_unused()
        pa.set_memory_pool(before)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    import pyarrow as pa  # noqa: PLC0415

    try:
        yield
    except FileNotFoundError as error:
        message = f"{path}: no such file"
        raise ProfileError(message) from error
    except (OSError, pa.ArrowException) as error:
        message = f"{path} is no Parquet file that can be read: {reason(error)}"
        raise ProfileError(message) from error


def _read_folder(path: Path) -> Any:  # noqa: ANN401
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import dataset  # noqa: PLC0415

    files = sorted(
        str(file)
        for file in path.rglob("*")
        if file.suffix.lower() in PARQUET
        and file.is_file()
        and not any(part.startswith(("_", ".")) for part in file.relative_to(path).parts)
    )
    if not files:
        message = f"{path} is a folder without Parquet files: name a file, or a folder of {' or '.join(PARQUET)} files"
        raise ProfileError(message)
    try:
        rows = dataset.dataset(files, format="parquet", partitioning="hive", partition_base_dir=str(path))
        tables = []
        for fragment in rows.get_fragments():
            table = fragment.to_table()
            for name, value in dataset.get_partition_keys(fragment.partition_expression).items():
                table = table.append_column(name, pa.repeat(pa.scalar(value, rows.schema.field(name).type), len(table)))
            tables.append(table)
        return _together(tables)
    except (OSError, pa.ArrowException) as error:
        message = f"the Parquet files in {path} cannot be read as one table: {reason(error)}"
        raise ProfileError(message) from error


def _together(tables: list[Any]) -> Any:  # noqa: ANN401
    """Return all rows; a column that has numbers of different types has floating-point numbers."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import types  # noqa: PLC0415

    kinds: dict[str, set[Any]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    mixed = {
        name
        for name, found in kinds.items()
        if len(found) > 1 and all(types.is_integer(kind) or types.is_floating(kind) for kind in found)
    }
    promoted = []
    for table in tables:
        fields = [field.with_type(pa.float64()) if field.name in mixed else field for field in table.schema]
        promoted.append(table.cast(pa.schema(fields), safe=False))
    return pa.concat_tables(promoted, promote_options="permissive")


def read_arrow(path: Path) -> Any:  # noqa: ANN401  # pyarrow publishes no types
    """Return the table of a file in Arrow's IPC format (Feather), as a file or as a stream.

    Raises
    ------
    ProfileError
        When there is no such file, or it is no Arrow file.
    """
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import feather, ipc  # noqa: PLC0415

    data = read_bytes(path)
    try:
        if data.startswith(_FILE_STARTS):
            return feather.read_table(pa.BufferReader(data))
        return ipc.open_stream(data).read_all()
    except (OSError, pa.ArrowException) as error:
        message = f"{path} is no Arrow or Feather file that can be read: {reason(error)}"
        raise ProfileError(message) from error
