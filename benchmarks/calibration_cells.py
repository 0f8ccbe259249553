"""The cells of the calibration table: what is simulated in each, with how many windows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Literal

Kind = Literal["known", "estimated", "season_known", "share"]

LEVELS: Final = (0.05, 0.01, 1e-3, 1e-5)


@dataclass(frozen=True)
class Cell:
    """One row of the table.

    Attributes
    ----------
    kind : {"known", "estimated", "season_known", "share"}
        Independence known; dispersion estimated; the same against a profile by hour of the week; a test of the share of
        missing values, dispersion estimated.
    stream : str
        Of :data:`benchmarks.streams.STREAMS`.
    n, n_reference, bins : int
        Events of a window and of a reference; groups of the column.
    panes : int
        Of the reference, from which the dispersion is estimated.
    n_windows, per_reference : int
        Windows tested, and how many of them share one reference.
    panes_per_day : int
        For streams with a season.
    shape : {"equal", "half_empty", "bootstrap"}
        Shares of the groups: alike; half of them without events on either side; between the quantiles of a sample of
        4,096 other events, which a bootstrap fixes the edges with.
    """

    kind: Kind
    stream: str
    n: int
    n_reference: int
    bins: int
    panes: int = 0
    n_windows: int = 20_000
    per_reference: int = 1
    panes_per_day: int = 8_640
    shape: Literal["equal", "half_empty", "bootstrap"] = "equal"

    @property
    def key(self) -> str:
        """Identifies the cell in the file of results."""
        return " ".join(str(value) for value in asdict(self).values())


def cells(*, quick: bool) -> list[Cell]:
    """Return all cells, or few with few windows."""
    many, usual = (40_000, 2_000) if quick else (1_000_000, 20_000)
    result = [
        Cell("known", "independent", n, big, bins, n_windows=many if (bins, big) == (20, 20_000) else max(usual, 2_000))
        for big in (4_096, 20_000)
        for n in (200, 1_000, 10_000, 100_000)
        for bins in (5, 10, 20, 40, 50)
    ]
    result += [Cell("known", "independent", n, 20_000, 20, n_windows=usual, shape="half_empty") for n in (200, 1_000)]
    result += [
        Cell("known", "independent", n, 20_000, 20, n_windows=usual, shape="bootstrap") for n in (200, 1_000, 10_000)
    ]

    def estimated(stream: str, n: int, big: int, panes: int, bins: int = 20, per_day: int = 8_640) -> Cell:
        return Cell("estimated", stream, n, big, bins, panes, usual, 10, per_day)

    for stream in ("independent", "ar_0.5", "ar_0.9", "bursts"):
        result += [estimated(stream, n, 20_000, 1_000) for n in (200, 1_000, 10_000)]
        result += [estimated(stream, n, 4_096, 1_024) for n in (200, 1_000)]
        result += [estimated(stream, n, 20_000, 100) for n in (1_000, 10_000)]
        result += [estimated(stream, 205, 4_100, 100)]
    result += [
        estimated(stream, 1_000, 20_000, 1_000, bins) for stream in ("independent", "ar_0.9") for bins in (5, 10, 40)
    ]
    result += [
        Cell("estimated", stream, n, 20_000, 20, panes, many, 250)
        for stream, n, panes in (
            ("independent", 200, 1_000),
            ("independent", 1_000, 1_000),
            ("independent", 1_000, 100),
            ("ar_0.9", 1_000, 1_000),
            ("bursts", 1_000, 1_000),
        )
    ]
    result += [
        estimated("season", 200, 20_000, 1_000, per_day=250),
        estimated("season", 1_000, 20_000, 1_000, per_day=250),
        estimated("season", 1_000, 100_000, 1_000, per_day=250),
        estimated("combined", 200, 20_000, 1_000, per_day=250),
        estimated("combined", 1_000, 20_000, 1_000, per_day=250),
        Cell("season_known", "season", 200, 96_000, 20, 4_800, usual, 40, 240),
        Cell("season_known", "season", 1_000, 480_000, 20, 4_800, usual, 100, 240),
    ]
    for stream in ("independent", "bursts"):
        result += [Cell("share", stream, n, 20_000, 2, 1_000, usual, 10) for n in (1_000, 10_000)]
    return result if not quick else [cell for cell in result if cell.n < 100_000 and cell.kind != "season_known"]
