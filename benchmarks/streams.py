"""Unchanged streams of known dependence, as values or as group counts a pane, many streams at once and seeded.

Every value is ``mean + scale × z`` with a marginally standard normal z, so that groups of any shares are cut at the
normal's quantiles (:meth:`Stream.edges`). What the streams are made of, alone or together:

- *autocorrelation*: z is an AR(1) process with coefficient φ per event (a Gaussian copula);
- *bursts*: a user's events come one after another and carry the same value; burst lengths are geometric;
- *season*: the mean follows a sine over the day, and is another at weekends;
- *wandering*: the mean is an Ornstein-Uhlenbeck process with a correlation time of a day;
- *missing in clumps*: a column has no values for spells of about an hour;
- *marginal*: what z is turned into, by :func:`turned`. Groups of given shares do not notice, so `values` leave it out.

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
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import signal, special

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Marginal = Literal["normal", "student_t3", "zero_inflated"]

PANES_PER_DAY: Final = 8_640
"""Panes of 10 seconds."""
CHUNK: Final = 2_000_000
"""Values made at a time by :meth:`Stream.counts`; bounds memory to about 100 MB."""
WEEKEND: Final = 2 / 7
ZEROS: Final = 0.6
"""Share of zeros of the zero-inflated marginal."""


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
    weekend : float
        By how much the mean is higher on two days of seven, in standard deviations.
    wander : float, at least 0
        Standard deviation of the slow factor that all columns of a model have in common, in those of z.
    clump : float, at least 0
        Mean hours for which a column has no value at all; 0 for values missing independently.
    marginal : {"normal", "student_t3", "zero_inflated"}
        Distribution of numbers.
    """

    name: str
    phi: float = 0.0
    burst: float = 1.0
    season: float = 0.0
    weekend: float = 0.0
    wander: float = 0.0
    clump: float = 0.0
    marginal: Marginal = "normal"

    @property
    def independent(self) -> bool:
        """Whether all events are independent and alike, as far as they have values."""
        return (self.phi, self.burst, self.season, self.weekend, self.wander) == (0, 1, 0, 0, 0)

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
            Number of the first pane since the midnight that a Monday begins with: where the season stands.
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
        if self.season or self.weekend:
            panes = np.asarray(first_pane).reshape(-1, 1) + np.arange(n_panes)
            means = self.season * np.sin(2 * np.pi * panes / panes_per_day)
            z += (means + self.weekend * is_weekend(panes // panes_per_day))[:, :, None]
        if self.wander:
            z += self.wander * wandering(rng, n_streams, n_panes, panes_per_day)[0][:, :, None]
        return z

    def edges(self, shares: Floats) -> Floats:
        """Return the values that cut a week's events into groups of these shares, shape (G - 1,)."""
        below, spread = np.cumsum(shares)[:-1], np.sqrt(1 + self.wander**2)
        if not self.season and not self.weekend:
            return np.asarray(special.ndtri(below) * spread)
        grid = np.linspace(-9, 9, 20_001)
        times = self.season * np.sin(2 * np.pi * (np.arange(256) + 0.5) / 256)
        cumulated = [
            weight * np.mean([special.ndtr((grid - time - more) / spread) for time in times], axis=0)
            for weight, more in ((1 - WEEKEND, 0.0), (WEEKEND, self.weekend))
        ]
        return np.interp(below, np.sum(cumulated, axis=0), grid)

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
            Of the groups over a whole week; they sum to 1.

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


def is_weekend(days: Counts) -> npt.NDArray[np.bool_]:
    """Return which days, counted from a Monday on, are a Saturday or a Sunday."""
    return np.asarray(days % 7 >= 5)


def wandering(
    rng: np.random.Generator, n_streams: int, n_panes: int, panes_per_day: int, last: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return an Ornstein-Uhlenbeck process with variance 1 and a correlation time of a day, and where it stands.

    Parameters
    ----------
    last : ndarray of float64, shape (n_streams,), optional
        Where it stood in the pane before; by default it begins in its stationary distribution.

    Returns
    -------
    tuple of ndarray of float64
        Shapes (n_streams, n_panes) and (n_streams,).

    Examples
    --------
    >>> path, last = wandering(np.random.default_rng(0), 2_000, 145, 144)
    >>> round(float(np.mean(path[:, 0] * path[:, 144])), 1)  # e⁻¹ after a day
    0.4
    """
    rho = float(np.exp(-1 / panes_per_day))
    last = rng.standard_normal(n_streams) if last is None else last
    steps = np.sqrt(1 - rho**2) * rng.standard_normal((n_streams, n_panes))
    path, _ = signal.lfilter([1.0], [1.0, -rho], steps, axis=1, zi=rho * last[:, None])
    return path, path[:, -1]


def spells(
    rng: np.random.Generator, shares: Floats, n_panes: int, mean_panes: float, last: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.bool_]:
    """Return in which panes a two-state Markov chain is on, shape (len(shares), n_panes).

    Parameters
    ----------
    shares : ndarray of float64, shape (n_streams,), in [0, 1)
        Of the panes in which each stream is on.
    mean_panes : float, at least 1
        Mean length of what is on; lengths are geometric.
    last : ndarray of bool, shape (n_streams,), optional
        Whether each was on in the pane before; by default they begin in their stationary distribution.

    Examples
    --------
    >>> on = spells(np.random.default_rng(0), np.full(200, 0.1), 5_000, 6.0)
    >>> begins = on[:, 1:] & ~on[:, :-1]
    >>> round(float(on.mean()), 2), round(float(on.sum() / begins.sum()))
    (0.1, 6)
    """
    leave = 1 / mean_panes
    enter = np.minimum(shares * leave / (1 - shares), 1.0)
    now = rng.random(shares.size) < shares if last is None else last
    chances = rng.random((n_panes, shares.size))
    found = np.empty((shares.size, n_panes), dtype=np.bool_)
    for pane, chance in enumerate(chances):
        if pane or last is not None:
            now = np.where(now, chance >= leave, chance < enter)
        found[:, pane] = now
    return found


def turned(marginal: Marginal, z: Floats) -> Floats:
    """Return standard normal values as those of another distribution with the same ranks.

    *student_t3*: Student's t with 3 degrees of freedom, whose fourth moment is infinite. *zero_inflated*: 0 for the
    lowest :data:`ZEROS`, else exponential with mean 1.

    Examples
    --------
    >>> turned("student_t3", np.array([-3.0, 1.0, 3.0])).round(1).tolist()
    [-9.2, 1.2, 9.2]
    >>> turned("zero_inflated", np.array([-3.0, 0.25, 0.26, 3.0])).round(2).tolist()
    [0.0, 0.0, 0.01, 5.69]
    """
    if marginal == "student_t3":
        return np.asarray(-np.sign(z) * special.stdtrit(3, special.ndtr(-np.abs(z))))
    if marginal == "zero_inflated":
        return np.asarray(np.maximum(-special.log_ndtr(-z) + np.log(1 - ZEROS), 0.0))
    return z


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
PRODUCTION_STREAMS: Final = {
    stream.name: stream
    for stream in (
        Stream("weekly", season=0.25, weekend=0.25),
        Stream("heavy_tails", marginal="student_t3"),
        Stream("zero_inflated", marginal="zero_inflated"),
        Stream("wandering", wander=0.3),
        Stream("clumped", clump=1.0),
        Stream("wandering_clumped", wander=0.3, clump=1.0),
    )
}
"""Further streams of the detection tables: what else traffic does while nothing changes."""
