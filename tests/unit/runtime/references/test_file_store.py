"""Arrays in a temporary file come back as they were written, and leave nothing behind."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.profiles.building.array_store import MemoryStore, RowMatrix
from driftline.runtime.references.file_store import FileStore

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.profiles.building.array_store import ArrayStore


@pytest.mark.parametrize("store", [MemoryStore(), FileStore(0), FileStore(80), FileStore()])
def test_arrays_are_written_and_read_in_parts(store: ArrayStore) -> None:
    numbers, codes, small = store.reserve(100, np.float64), store.reserve(100, np.int8), store.reserve(3, np.int16)
    store.write(numbers, 0, np.arange(60.0))
    store.write(codes, 0, np.arange(100) - 50)
    store.write(small, 0, np.array([1, 2, 3]))
    store.write(numbers, 60, np.arange(60.0, 100.0))
    assert store.read(numbers).tolist() == np.arange(100.0).tolist()
    assert store.read(numbers, 58, 62).tolist() == [58.0, 59.0, 60.0, 61.0]
    assert store.read(codes, 98).tolist() == [48, 49]
    assert store.read(codes).dtype == np.int8
    assert store.read(small, 1).tolist() == [2, 3]


def test_a_matrix_is_written_by_rows_and_read_by_columns() -> None:
    values = np.arange(60).reshape(3, 20)
    matrix = RowMatrix(3, 25, np.int16, FileStore(0))
    for start in range(0, 20, 7):
        matrix.add(values[:, start : start + 7])
    assert (matrix.n, len(matrix)) == (20, 3)
    assert [column.tolist() for column in matrix] == values.tolist()
    assert matrix.rows(5, 9).tolist() == values[:, 5:9].tolist()
    assert matrix.take(np.array([19, 0])).tolist() == values[:, [19, 0]].tolist()


def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = FileStore(0)
    store.write(store.reserve(4, np.int64), 0, np.arange(4))
    assert [*tmp_path.iterdir()] == []
