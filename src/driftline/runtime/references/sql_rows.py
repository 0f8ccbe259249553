"""Rows from a database, through ADBC, whose drivers are installed apart."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Final

from driftline.errors import ParameterError, ProfileError
from driftline.runtime.references.text_files import reason

DRIVERS: Final = {
    "sqlite": "adbc_driver_sqlite",
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
    "snowflake": "adbc_driver_snowflake",
    "bigquery": "adbc_driver_bigquery",
    "grpc": "adbc_driver_flightsql",
    "grpc+tls": "adbc_driver_flightsql",
}
"""Python package of the ADBC driver by the scheme of a URI."""


def read_query(query: str, uri: str) -> Any:  # noqa: ANN401  # pyarrow publishes no types
    """Return the rows that a query selects, as an Arrow table.

    Parameters
    ----------
    query : str
        In the database's SQL. Order the rows by their time where they have one.
    uri : str
        Of the database, such as ``postgresql://host/db`` or ``sqlite:///rows.db``. Messages name its scheme alone, as
        it may hold a password.

    Raises
    ------
    ParameterError
        When the URI has no scheme that a driver is known for.
    ProfileError
        When the driver is not installed, or the database refuses the query.
    """
    scheme, separator, _ = uri.partition(":")
    package = DRIVERS.get(scheme.lower())
    if not separator or package is None:
        known = ", ".join(f"{name}:" for name in DRIVERS)
        raise ParameterError(f"the URI of a database that begins with one of {known}", scheme[:20], "--uri")
    distribution = package.replace("_", "-")
    try:
        dbapi = importlib.import_module(f"{package}.dbapi")
    except ImportError as error:
        message = (
            f"the ADBC driver for {scheme}: is not installed ({reason(error)}): run `pip install {distribution}`, or "
            "export the rows as Parquet"
        )
        raise ProfileError(message) from error
    address = _existing(_file_of(uri)) if package == "adbc_driver_sqlite" else uri
    try:
        with dbapi.connect(address) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetch_arrow_table()
    except dbapi.Error as error:
        message = f"the database ({scheme}:) refuses --sql: {reason(error).replace(uri, scheme + ':...')}"
        raise ProfileError(message) from error


def _file_of(uri: str) -> str:
    """Return the path that a URI of SQLite names: ``sqlite:///rows.db`` is one below, ``sqlite:////rows.db`` absolute.

    Examples
    --------
    >>> _file_of("sqlite:///rows.db"), _file_of("sqlite:////tmp/rows.db"), _file_of("sqlite:rows.db")
    ('rows.db', '/tmp/rows.db', 'rows.db')
    """
    path = uri.partition(":")[2]
    return path.removeprefix("///") if path.startswith("///") else path.removeprefix("//")


def _existing(path: str) -> str:
    """Return a path of a file that is there, as SQLite would make an empty database of any other."""
    if not Path(path).is_file():
        message = f"{path}: no such file"
        raise ProfileError(message)
    return path
