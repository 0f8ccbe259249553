"""How the reference's rows lie in time: hours of the week, and how much panes vary; where rows carry times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from driftline.profiles.season import HOURS
from driftline.profiles.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class ColumnHistory(Struct, frozen=True, array_like=True):
    """The history of one column, on its base groups.

    Parameters
    ----------
    season : Words
        Values by hour of the week and base group, row by row; shape (168, base groups).
    """

    season: Words


class History(Struct, frozen=True, array_like=True):
    """How the reference's rows lie in time.

    Parameters
    ----------
    pane_ms : int
        Length of the panes.
    n_panes : int
        Panes that hold a row.
    n_events : int
        Rows that carry a time, and are counted here.
    first_ms, last_ms : int
        Event times of the first and the last of them, milliseconds since the epoch.
    weeks : Words
        Calendar weeks (from Monday, UTC) in which each hour of the week holds a row, shape (168,).
    events : Words
        Rows by hour of the week, shape (168,).
    columns : tuple of ColumnHistory
        In the profile's order.

    Notes
    -----
    *State*: packed as it is stored; a column of 40 base groups takes 7 to 27 KB for its hours of the week.
    """

    pane_ms: int
    n_panes: int
    n_events: int
    first_ms: int
    last_ms: int
    weeks: Words
    events: Words
    columns: tuple[ColumnHistory, ...]

    def season(self, column: int) -> NDArray[np.int64]:
        """Return the values of a column by hour of the week and base group, shape (168, base groups)."""
        return self.columns[column].season.unpacked().reshape(HOURS, -1)

    @property
    def n_weeks(self) -> int:
        """Weeks in which the best known hour of the week was seen."""
        return int(self.weeks.unpacked().max(initial=0))

    @property
    def n_hours(self) -> int:
        """Hours of the week that were seen at least once, of 168."""
        return int((self.weeks.unpacked() > 0).sum())

    def n_bytes(self, column: int) -> int:
        """Return about how many bytes the history of a column takes."""
        return len(self.columns[column].season.data)

    def spanned(self, columns: range) -> History:
        """Return the history of a run of the columns."""
        return structs.replace(self, columns=self.columns[columns.start : columns.stop])


def joined(parts: Sequence[History]) -> History:
    """Return the history of all columns from those of successive runs of them."""
    return structs.replace(parts[0], columns=tuple(column for part in parts for column in part.columns))
