"""Unchanged traffic of a model with many columns, day by day: values as codes of a fine grid, seeded by model.

Every event has one code a column, a number in [0, 65,536) that stands for the standard normal ``z = code / 4096 - 8``
(:data:`MISSING` for none). A table of each column turns codes into its values, so that half a million events of fifty
columns are drawn and counted in about a second, and what the columns hold is still a value each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import signal, special
from xxhash import xxh3_64_intdigest

from benchmarks.streams import PRODUCTION_STREAMS, STREAMS, Stream, is_weekend, spells, turned, wandering
from driftline.config.model import ColumnSettings, ModelSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.streams import Marginal
    from driftline.sketches.columns import Role

Codes = np.ndarray[tuple[int, ...], np.dtype[np.uint16]]

N_CODES: Final = 1 << 16
MISSING: Final = N_CODES - 1
SCALE, OFFSET = 4_096.0, 8.0
PANE_MS: Final = 600_000
PANES_PER_DAY: Final = 144
DAY_MS: Final = 86_400_000
START_MS: Final = 20_454 * DAY_MS
"""Thursday, 1 January 2026."""
FIRST_WEEKDAY: Final = 3
PANES_AN_HOUR: Final = 6
PER_PANE: Final = 105
"""Mean events a pane, 630 an hour: a window of an hour never has fewer than the 500 that a verdict takes by default."""
STREAM_NAMES: Final = {
    "independent": STREAMS["independent"],
    "autocorrelated": STREAMS["ar_0.9"],
    "seasonal": STREAMS["season"],
    "bursty": STREAMS["bursts"],
    "daily and weekly season": PRODUCTION_STREAMS["weekly"],
    "heavy tails": PRODUCTION_STREAMS["heavy_tails"],
    "zero-inflated": PRODUCTION_STREAMS["zero_inflated"],
    "wandering": PRODUCTION_STREAMS["wandering"],
    "missing in clumps": PRODUCTION_STREAMS["clumped"],
    "wandering, missing in clumps": PRODUCTION_STREAMS["wandering_clumped"],
}


@dataclass(frozen=True)
class ColumnKind:
    """How one column of the model looks.

    Attributes
    ----------
    name : str
    role : {"feature", "prediction", "score"}
    values : sequence of float or of str
        Values that codes are turned into.
    shares : ndarray of float64 or None
        Of the values, where they are few; None for a number of its own for each code.
    missing : float
        Share of events without a value.
    """

    name: str
    role: Role
    values: Sequence[object] | NDArray[np.float64]
    table: NDArray[np.int64]
    missing: float = 0.0

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return isinstance(self.values, np.ndarray)

    def of(self, codes: Codes) -> Sequence[object] | NDArray[np.float64]:
        """Return the values of codes, as an event has them; shape (n,)."""
        if isinstance(self.values, np.ndarray):
            return self.values[self.table[codes]]
        return [self.values[i] for i in self.table[codes].tolist()]


def z_of_codes() -> NDArray[np.float64]:
    """Return the standard normal value that each code stands for, shape (65,536,)."""
    return np.arange(N_CODES) / SCALE - OFFSET


def continuous(
    name: str, missing: float = 0.0, role: Role = "feature", mean: float = 0.0, marginal: Marginal = "normal"
) -> ColumnKind:
    """Return a column of numbers, normal or of another marginal."""
    values = turned(marginal, z_of_codes()) + mean
    values[MISSING] = np.nan
    return ColumnKind(name, role, values, np.arange(N_CODES), missing)


def score(name: str = "score") -> ColumnKind:
    """Return a column of probabilities."""
    return ColumnKind(name, "score", 1 / (1 + np.exp(-z_of_codes())), np.arange(N_CODES))


def discrete(name: str, n_values: int, missing: float = 0.0) -> ColumnKind:
    """Return a column of few numbers: the normal in steps."""
    steps = np.clip(np.floor((z_of_codes() + 3) / 6 * n_values), 0, n_values - 1).astype(np.int64)
    steps[MISSING] = n_values
    return ColumnKind(name, "feature", np.array([*range(n_values), np.nan], dtype=np.float64), steps, missing)


def categorical(name: str, n_values: int, missing: float = 0.0, role: Role = "feature") -> ColumnKind:
    """Return a column of names with unequal shares, each half again as rare as the one before up to a floor."""
    shares = np.maximum(0.7 ** np.arange(n_values), 0.02)
    cuts = np.cumsum(shares / shares.sum())[:-1]
    table = np.searchsorted(special.ndtri(cuts), z_of_codes())
    table[MISSING] = n_values
    names = [*(str(i) if role == "prediction" else f"{name}-{i}" for i in range(n_values)), None]
    return ColumnKind(name, role, names, table.astype(np.int64), missing)


def fifty_features(marginal: Marginal = "normal") -> tuple[ColumnKind, ...]:
    """Return the columns of the budget's model: 50 features, a prediction and a score."""
    kinds = [continuous(f"continuous_{i:02}", 0.02 if i < 8 else 0.0, marginal=marginal) for i in range(30)]
    kinds += [discrete(f"discrete_{i:02}", (2, 3, 5, 8, 12, 20, 30, 40, 50, 60)[i]) for i in range(10)]
    kinds += [
        categorical(f"category_{i:02}", (2, 3, 4, 6, 8, 10, 15, 20, 25, 30)[i], 0.02 * (i < 3)) for i in range(10)
    ]
    kinds = sorted(kinds, key=lambda kind: kind.name)
    return (*kinds, categorical("prediction", 2, role="prediction"), score())


def settings_of(kinds: Sequence[ColumnKind], settings: ModelSettings) -> ModelSettings:
    """Return settings that say how the columns are read."""
    columns = {
        kind.name: ColumnSettings(kind="numeric" if kind.numeric else "categorical")
        for kind in kinds
        if kind.role == "feature"
    }
    return settings.replace(columns=columns, task="binary", positive_class="1")


class Day(NamedTuple):
    """The events of one day.

    Attributes
    ----------
    start_ms : int
    panes : ndarray of int64, shape (n,)
        Which of the day's panes each event is in, ascending.
    codes : ndarray of uint16, shape (columns, n)
    """

    start_ms: int
    panes: NDArray[np.int64]
    codes: Codes

    @property
    def times_ms(self) -> NDArray[np.int64]:
        """Event times: in the middle of the panes."""
        return self.start_ms + self.panes * PANE_MS + PANE_MS // 2


def days(
    stream: Stream, seed: int, missing: Sequence[float], n_days: int, *, per_pane: float = PER_PANE, name: str = ""
) -> Iterator[Day]:
    """Yield the days of one model, one after another.

    Parameters
    ----------
    stream : Stream
        Of each column; bursts are those of users, so all columns of a user's events repeat together. Each column has
        its own phase of the day, its own sign of the weekend and of the common factor, and its own spells without
        values.
    seed : int
        Of the model.
    missing : sequence of float
        Share of missing values of each column.
    n_days : int
    per_pane : float
        Mean events of a pane; their number is Poisson.
    name : str
        Seeds as well.
    """
    rng = np.random.default_rng([seed, xxh3_64_intdigest(f"{name}/{stream.name}".encode())])
    n_columns = len(missing)
    phases = rng.random(n_columns)
    slow = _Slow(stream, np.array(missing), rng) if stream.weekend or stream.wander or stream.clump else None
    state = rng.standard_normal((n_columns, 1), dtype=np.float32) * stream.phi
    filters = (np.array([1.0], dtype=np.float32), np.array([1.0, -stream.phi], dtype=np.float32))
    for day in range(n_days):
        panes = np.repeat(np.arange(PANES_PER_DAY), rng.poisson(per_pane, PANES_PER_DAY))
        starts = rng.random(panes.size) < 1 / stream.burst if stream.burst > 1 else None
        if starts is not None:
            starts[0] = True
        at = panes if starts is None else panes[starts]
        n = at.size
        z = rng.standard_normal((n_columns, n), dtype=np.float32)
        if stream.phi:
            z *= np.float32(np.sqrt(1 - stream.phi**2))
            z, state = signal.lfilter(*filters, z, axis=1, zi=state)
        if slow is None or not stream.clump:
            gone = [(i, rng.random(n) < share) for i, share in enumerate(missing) if share]
        else:
            gone = slow.gone(at)
        if slow is not None:
            z += slow.means(day)[:, at]
        if stream.season:
            angles = 2 * np.pi * (np.arange(PANES_PER_DAY) / PANES_PER_DAY + phases[:, None])
            z += (stream.season * np.sin(angles)).astype(np.float32)[:, at]
        z += np.float32(OFFSET)
        z *= np.float32(SCALE)
        codes = np.clip(z, 0, MISSING - 1, out=z).astype(np.uint16)
        for column, absent in gone:
            codes[column, absent] = MISSING
        if starts is not None:
            codes = codes[:, np.cumsum(starts) - 1]
        yield Day(START_MS + day * DAY_MS, panes, codes)


class _Slow:
    """What of a model's stream goes on from day to day.

    Parameters
    ----------
    stream : Stream
    missing : ndarray of float64, shape (columns,)
    rng : numpy.random.Generator
    """

    def __init__(self, stream: Stream, missing: NDArray[np.float64], rng: np.random.Generator) -> None:
        self._stream, self._missing, self._rng = stream, missing, rng
        self._signs = np.where(rng.random(missing.size) < 0.5, -1.0, 1.0)
        self._factor: NDArray[np.float64] | None = None
        self._gone: NDArray[np.bool_] | None = None

    def means(self, day: int) -> NDArray[np.float32]:
        """Return what is added to each column in each pane of a day, shape (columns, panes)."""
        means = np.full(PANES_PER_DAY, self._stream.weekend * is_weekend(np.array(day + FIRST_WEEKDAY)))
        if self._stream.wander:
            path, self._factor = wandering(self._rng, 1, PANES_PER_DAY, PANES_PER_DAY, self._factor)
            means = means + self._stream.wander * path[0]
        return np.outer(self._signs, means).astype(np.float32)

    def gone(self, panes: NDArray[np.int64]) -> list[tuple[int, NDArray[np.bool_]]]:
        """Return which of the next day's events have no value, given their panes, by column."""
        on = spells(self._rng, self._missing, PANES_PER_DAY, self._stream.clump * PANES_AN_HOUR, self._gone)
        self._gone = on[:, -1]
        return [(column, on[column, panes]) for column in np.flatnonzero(on.any(axis=1)).tolist()]
