"""Unchanged streams of known dependence, as values or as group counts a pane, many streams at once and seeded.

Every value is ``mean + scale × z`` with a marginally standard normal z, so that groups of any shares are cut at the
normal's quantiles (:meth:`Stream.edges`). What the streams are made of, alone or together:

- *autocorrelation*: z is an AR(1) process with coefficient φ per event (a Gaussian copula);
- *bursts*: a user's events come one after another and carry the same value; burst lengths are geometric;
- *season*: the mean follows a sine over the day.

Usage::

    rng = np.random.default_rng(7)
    stream = STREAMS["ar_0.9"]
    counts = stream.counts(rng, equal_shares(20), n_streams=100, n_panes=1000, per_pane=20)     # (100, 1000, 20)
    values = stream.values(rng, n_streams=100, n_panes=1000, per_pane=20)                       # (100, 1000, 20)
    drifted = values + 0.5 * (np.arange(1000) >= 600)[:, None]                                  # any change, then
    counts = count_groups(drifted, stream.edges(equal_shares(20)))                              # the same edges

A change is made by whoever wants one: shift or scale the values, or pass `mean` and `scale`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import signal, special

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

PANES_PER_DAY: Final = 8_640
"""Panes of 10 seconds."""
CHUNK: Final = 2_000_000
"""Values made at a time by :meth:`Stream.counts`; bounds memory to about 100 MB."""


@dataclass(frozen=True)
class Stream:
    """A stationary (or, with a season, daily recurring) stream.

    Attributes
    ----------
    name : str
    phi : float in [0, 1)
        Autocorrelation from one event (or burst) to the next.
    burst : float, at least 1
        Mean events a burst; 1 is no bursts.
    season : float, at least 0
        Amplitude of the mean's sine over a day, in standard deviations: the swing is from -season to +season.
    """

    name: str
    phi: float = 0.0
    burst: float = 1.0
    season: float = 0.0

    @property
    def independent(self) -> bool:
        """Whether all events are independent and alike."""
        return self.phi == 0 and self.burst == 1 and self.season == 0

    def values(
        self,
        rng: np.random.Generator,
        *,
        n_streams: int,
        n_panes: int,
        per_pane: int,
        first_pane: int | Counts = 0,
        panes_per_day: int = PANES_PER_DAY,
    ) -> Floats:
        """Return the values of consecutive panes, shape (n_streams, n_panes, per_pane).

        Parameters
        ----------
        rng : numpy.random.Generator
        n_streams, n_panes, per_pane : int
            Independent streams, panes of each, events a pane.
        first_pane : int or ndarray of int64, shape (n_streams,)
            Number of the first pane since midnight: where the season stands.
        panes_per_day : int
        """
        shape = (n_streams, n_panes * per_pane)
        z = rng.standard_normal(shape)
        if self.phi:
            z[:, 1:] *= np.sqrt(1 - self.phi**2)
            z = signal.lfilter([1.0], [1.0, -self.phi], z, axis=1)
        if self.burst > 1:
            begins = rng.random(shape) < 1 / self.burst
            begins[:, 0] = True
            z = np.take_along_axis(z, np.cumsum(begins, axis=1) - 1, axis=1)
        z = z.reshape(n_streams, n_panes, per_pane)
        if self.season:
            panes = np.asarray(first_pane).reshape(-1, 1) + np.arange(n_panes)
            z += self.season * np.sin(2 * np.pi * panes / panes_per_day)[:, :, None]
        return z

    def edges(self, shares: Floats) -> Floats:
        """Return the values that cut a day's events into groups of these shares, shape (G - 1,)."""
        below = np.cumsum(shares)[:-1]
        if not self.season:
            return np.asarray(special.ndtri(below))
        grid = np.linspace(-9, 9, 20_001)
        times = self.season * np.sin(2 * np.pi * (np.arange(256) + 0.5) / 256)
        return np.interp(below, np.mean([special.ndtr(grid - time) for time in times], axis=0), grid)

    def counts(
        self,
        rng: np.random.Generator,
        shares: Floats,
        *,
        n_streams: int,
        n_panes: int,
        per_pane: int,
        first_pane: int | Counts = 0,
        panes_per_day: int = PANES_PER_DAY,
    ) -> Counts:
        """Return the group counts of consecutive panes, shape (n_streams, n_panes, len(shares)).

        Parameters
        ----------
        shares : NDArray[float64], shape (G,)
            Of the groups over a whole day; they sum to 1.

        See Also
        --------
        values : the other parameters
        """
        if self.independent:
            return rng.multinomial(per_pane, shares, (n_streams, n_panes))
        edges = self.edges(shares)
        result = np.empty((n_streams, n_panes, shares.size), dtype=np.int64)
        step = max(1, CHUNK // (n_panes * per_pane))
        firsts = np.broadcast_to(first_pane, n_streams)
        for at in range(0, n_streams, step):
            here = slice(at, min(at + step, n_streams))
            values = self.values(
                rng,
                n_streams=here.stop - here.start,
                n_panes=n_panes,
                per_pane=per_pane,
                first_pane=firsts[here],
                panes_per_day=panes_per_day,
            )
            result[here] = count_groups(values, edges)
        return result


def count_groups(values: Floats, edges: Floats) -> Counts:
    """Return how many values lie between the edges: shape (..., len(edges) + 1) from (..., per_pane)."""
    n_groups = edges.size + 1
    shape = values.shape[:-1]
    rows = int(np.prod(shape))
    cells = np.searchsorted(edges, values.reshape(rows, -1), side="right")
    cells += np.arange(rows)[:, None] * n_groups
    return np.bincount(cells.ravel(), minlength=rows * n_groups).reshape(*shape, n_groups)


def equal_shares(n_groups: int) -> Floats:
    """Return the shares of groups of equal size."""
    return np.full(n_groups, 1 / n_groups)


STREAMS: Final = {
    stream.name: stream
    for stream in (
        Stream("independent"),
        Stream("ar_0.5", phi=0.5),
        Stream("ar_0.9", phi=0.9),
        Stream("season", season=0.25),
        Stream("bursts", burst=5.0),
        Stream("combined", phi=0.5, burst=5.0, season=0.25),
    )
}
"""The streams of the calibration and detection tables, by name."""
