"""Reference rows from CSV files: cells are texts, until the configuration and their column say what they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from driftline.events.features import is_within
from driftline.profiles.building.flattening import droppable
from driftline.profiles.building.frames import table_of_frame
from driftline.profiles.remark import column_remark
from driftline.runtime.references.csv_cells import Cells, feature_cells, outcome_cells, time_cells
from driftline.runtime.references.csv_files import read_cells

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.profiles.building.roles import Roles
    from driftline.profiles.building.table import ReferenceRows
    from driftline.runtime.references.table_options import TableOptions

DELIMITED: Final = (".csv", ".tsv")


def table_of_csv(path: Path, roles: Roles, how: TableOptions, *, positive: str | None) -> ReferenceRows:
    """Return the reference rows of a CSV file.

    Parameters
    ----------
    path : pathlib.Path
        With a header. May be gzip.
    roles : Roles
        Which columns are not features.
    how : TableOptions
        Separator, encoding, missing values and kinds of columns, where they are named.
    positive : str, optional
        The class whose probability is the score.

    Raises
    ------
    ProfileError
        When it cannot be read, or a column that was named is not there.
    """
    import pyarrow as pa  # noqa: PLC0415  # half a second that no other reader needs

    names, cells, remarks = read_cells(path, how)
    columns: dict[str, Any] = {}
    for number, (name, column) in enumerate(zip(names, cells, strict=True), start=1):
        if name in columns:  # only "" may stand twice
            remarks = (*remarks, f"column {number} has no name: it is left out; name it in the header to keep it")
        else:
            columns[name] = column
    inner = droppable(columns, set(roles.drop).difference(columns))
    outcomes, time = roles.assigned([*columns, *inner], str(path)), roles.time_column([*columns])
    unread = {*roles.drop, *(name for name, kind in how.kinds.items() if kind == "ignore")}

    def read(name: str) -> Cells:
        if name == time:
            return Cells(time_cells(columns[name], as_text=roles.time_form.format is not None))
        if name in outcomes or not name:
            return outcome_cells(columns[name], how.missing)
        if is_within(name, unread) or name in roles.no_features:
            return Cells(columns[name])
        return feature_cells(columns[name], how.kinds.get(name), how.missing)

    found = {name: read(name) for name in columns}
    frame = pa.table({name: each.values for name, each in found.items() if each.values is not None})
    reading = table_of_frame(frame, roles, positive=positive, at=str(path), configured=how.kinds)
    features = reading.table.features
    if any(each.mixed is not None for each in found.values()):
        features = {
            name: values if (mixed := found[name].mixed) is None else mixed for name, values in features.items()
        }
    without = tuple(name for name, each in found.items() if each.values is None)
    table = replace(reading.table, features=features, left_out=(*reading.table.left_out, *without))
    said = tuple(column_remark(name, text) for name, each in found.items() for text in each.remarks)
    return reading._replace(table=table, remarks=(*remarks, *said, *reading.remarks))
