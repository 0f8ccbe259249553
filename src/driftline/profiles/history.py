"""How the reference's rows lie in time: hours of the week, and how much panes vary; where rows carry times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from driftline.profiles.error_spread import ErrorSpread
from driftline.profiles.packed_sums import PackedWords, SeriesSums
from driftline.profiles.season import HOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.sketches.dispersion_sums import ColumnSums


class ColumnHistory(Struct, frozen=True, array_like=True):
    """The history of one column, on its base groups."""

    season: PackedWords
    """Values by hour of the week and base group, row by row; shape (168, base groups)."""
    sums: SeriesSums | None
    """Of the panes as they are; None where they pass what 64-bit numbers hold exactly."""
    seasonless_sums: SeriesSums | None
    """Of the panes with their hour of the week taken out; None also where an hour was seen in one week alone."""
    missing: SeriesSums | None = None
    """Of the events of the panes in two groups, with a value and without; None also where all have one."""

    @property
    def n_bytes(self) -> int:
        """About how many bytes it takes."""
        every = (self.sums, self.seasonless_sums, self.missing)
        return len(self.season.data) + sum(each.n_bytes for each in every if each)


class History(Struct, frozen=True, array_like=True):
    """How the reference's rows lie in time.

    Notes
    -----
    *State*: packed as it is stored; see :mod:`driftline.profiles.packed_sums` for what the panes of a column take, and
    7 to 27 KB for the hours of the week of 40 base groups.
    """

    pane_ms: int
    """Length of the panes."""
    windows_ms: tuple[int, ...]
    """Lengths of the verdict windows for which blocks of panes were summed."""
    n_panes: int
    """Panes that hold a row."""
    n_events: int
    """Rows that carry a time, and are counted here."""
    first_ms: int
    last_ms: int
    """Event time of the last of them, milliseconds since the epoch."""
    weeks: PackedWords
    """Calendar weeks (from Monday, UTC) in which each hour of the week holds a row, shape (168,)."""
    events: PackedWords
    """Rows by hour of the week, shape (168,)."""
    columns: tuple[ColumnHistory, ...]
    """In the profile's order."""
    errors: ErrorSpread | None = None
    """How much errors vary between windows, where rows have labels."""

    def season(self, column: int) -> NDArray[np.int64]:
        """Return the values of a column by hour of the week and base group, shape (168, base groups)."""
        return self.columns[column].season.unpacked().reshape(HOURS, -1)

    def has_sums(self, column: int, window_ms: int, *, seasonless: bool = False) -> bool:
        """Whether :meth:`sums` has an answer; without unpacking it."""
        history = self.columns[column]
        packed = history.seasonless_sums if seasonless else history.sums
        return packed is not None and window_ms in self.windows_ms

    def sums(self, column: int, window_ms: int, *, seasonless: bool = False) -> ColumnSums | None:
        """Return the sums over the panes of a column, by base group, and over blocks of them one verdict window long.

        Seasonless sums are those of the panes with their hour of the week taken out: what windows vary by that are
        compared with :func:`driftline.profiles.season_counts.season_counts`. None where the profile was built without
        windows of this length or, without their season, with an hour of the week that was seen in one week alone.
        """
        history = self.columns[column]
        packed = history.seasonless_sums if seasonless else history.sums
        if packed is None or window_ms not in self.windows_ms:
            return None
        return packed.unpacked(self.windows_ms.index(window_ms))

    def missing_sums(self, column: int, window_ms: int) -> ColumnSums | None:
        """Return the same sums of events with and without a value, in this order; None where they are not known."""
        packed = self.columns[column].missing
        if packed is None or window_ms not in self.windows_ms:
            return None
        return packed.unpacked(self.windows_ms.index(window_ms))

    @property
    def n_weeks(self) -> int:
        """Weeks in which the best known hour of the week was seen."""
        return int(self.weeks.unpacked().max(initial=0))

    @property
    def n_hours(self) -> int:
        """Hours of the week that were seen at least once, of 168."""
        return int((self.weeks.unpacked() > 0).sum())

    def spanned(self, columns: range) -> History:
        """Return the history of a run of the columns."""
        return structs.replace(self, columns=self.columns[columns.start : columns.stop])


def joined(parts: Sequence[History]) -> History:
    """Return the history of all columns from those of successive runs of them."""
    return structs.replace(parts[0], columns=tuple(column for part in parts for column in part.columns))
