"""Importances of columns in files."""

from __future__ import annotations

import csv
from pathlib import Path

from driftline.errors import ProfileError
from driftline.profiles.building.importance import checked
from driftline.runtime.references.json_values import json_object
from driftline.runtime.references.text_files import read_text


def read_importances(path: Path | str) -> dict[str, float]:
    """Read how much each column matters to the model.

    Parameters
    ----------
    path : pathlib.Path or str
        ``.json``: an object of name to number; ``.csv``: names in the first column, numbers in the second, with a
        header.

    Raises
    ------
    ProfileError
        When the file cannot be read, or holds something else.
    """
    source = Path(path)
    kind = source.suffix.lower()
    if kind == ".json":
        return checked(json_object(read_text(source).data, str(source)), str(source))
    if kind != ".csv":
        message = f"{source.name}: importances are read from files that end in .json or .csv"
        raise ProfileError(message)
    try:
        rows = list(csv.reader(read_text(source).data.decode().splitlines()))[1:]
    except csv.Error as error:
        message = f"{source} is no CSV file of names and numbers: {error}"
        raise ProfileError(message) from error
    importances: dict[str, object] = {}
    for number, row in enumerate(rows, start=2):
        if len(row) < 2:  # noqa: PLR2004  # a name and a number
            if row:
                message = f"{source}:{number}: this line has no number beside the name: {row[0]!r}"
                raise ProfileError(message)
            continue
        try:
            importances[row[0]] = float(row[1])
        except ValueError:
            importances[row[0]] = row[1]
    return checked(importances, str(source))
