from __future__ import annotations

import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest

from driftline.errors import ParameterError, ProfileError
from driftline.profiles.building.roles import Roles
from driftline.runtime.references.reference_files import read_selected
from driftline.runtime.references.table_options import TableOptions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "rows.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE loans (age INTEGER, zip TEXT, fee REAL, defaulted INTEGER)")
        connection.executemany(
            "INSERT INTO loans VALUES (?, ?, ?, ?)", [(41, "02139", 1.5, 0), (None, "94110", None, 1)]
        )
    connection.close()
    return path


def test_rows_come_from_a_query(database: Path) -> None:
    table, remarks = read_selected(
        "SELECT * FROM loans ORDER BY fee DESC", f"sqlite:///{database}", Roles(label="defaulted")
    )
    assert [str(age) for age in table.features["age"]] == ["41.0", "nan"]
    assert table.features["zip"] == ["02139", "94110"]
    assert (table.label, remarks) == ([0, 1], ())


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM absent", r"the database \(sqlite:\) refuses --sql: .*no such table: absent"),
        ("nonsense", r"the database \(sqlite:\) refuses --sql: "),
        ("SELECT * FROM loans WHERE age > 99", r"--sql has no rows: at least one is expected"),
    ],
)
def test_what_the_database_refuses_is_one_sentence(database: Path, query: str, message: str) -> None:
    with pytest.raises(ProfileError, match=message) as raised:
        read_selected(query, f"sqlite:///{database}")
    assert "\n" not in str(raised.value)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"absent\.db: no such file"):
        read_selected("SELECT 1", f"sqlite:///{tmp_path / 'absent.db'}")
    assert not (tmp_path / "absent.db").exists()


def test_a_driver_that_is_missing_is_named_and_the_password_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(ProfileError, match="run `pip install adbc-driver-postgresql`, or export") as raised:
        read_selected("SELECT 1", "postgresql://me:secret@host/db")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("uri", ["mysql://me:secret@host/db", "rows.db", ""])
def test_a_uri_without_a_known_driver_is_refused(uri: str) -> None:
    with pytest.raises(
        ParameterError, match="Expected the URI of a database that begins with one of sqlite:"
    ) as raised:
        read_selected("SELECT 1", uri)
    assert "secret" not in str(raised.value)


def test_options_of_files_are_refused(database: Path) -> None:
    with pytest.raises(ParameterError, match="Expected this option with CSV files alone"):
        read_selected("SELECT 1", f"sqlite:///{database}", how=TableOptions(separator=";"))
