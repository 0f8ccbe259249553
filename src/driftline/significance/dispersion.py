"""Dispersion: how much more the shares of a column vary than if its events were independent, estimated from panes.

Each choice below is the one that kept the level best in simulation (docs/calibration.md):

1. *Are the panes compatible with independence?* Asked of the trace of the covariance between panes, of the trace of the
   Newey-West sum, and of the largest eigenvalue between panes, each at about one in a thousand. If so, the covariance
   is the multinomial one, exactly: a noisy estimate would cost independent data three quarters of their rejections at
   10⁻³ for nothing. Linear shrinkage (Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4) was tried in its place: it
   moves the large eigenvalues of autocorrelated data in towards their mean, and the test then rejects at 10⁻³ up to
   8 times the level.
2. *If not,* the Newey-West estimate as it is, its negative part removed. The spread of its eigenvalues errs on the safe
   side; the error of their scale is paid for by ν degrees of freedom in the tail.
3. *Do windows vary more than their panes explain?* (A season without a profile by hour of the week, bursts and
   correlations longer than the lags.) The covariance between windows, in units of that of 1 or 2, is searched for
   eigenvalues beyond what as many windows of unchanged data would show (Johnstone 2001, doi:10.1214/aos/1009210544);
   what exceeds is added as a variance of the shares that no window size averages out.

The estimate rests on windows of its own past alone: a season of which it has not seen a full day stays unknown, so
below :data:`LEAST_PANES` panes or the span asked for it is *calibrating* and must not page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from driftline.errors import ParameterError
from driftline.significance.dispersion_modes import Floats, complement, pane_modes, per_event_of, window_modes
from driftline.sketches.dispersion_sums import UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.sketches.dispersion_sums import ColumnSums

Source = Literal["independent", "reference", "production"]
Status = Literal["calibrating", "widened", "settled"]

LEAST_PANES: Final = 100
"""With fewer panes nothing is known of the dispersion: calibrating."""
SETTLED_PANES: Final = 1_000
SETTLED_WINDOWS: Final = 24
"""With fewer of either, tails are noticeably widened by ν, and slow variation up to five times the independent one
can stay unseen."""
LEAST_WINDOWS: Final = 8
"""With fewer, windows are not compared with their panes."""

_FEW: Final = 30
_REMEMBERED: Final = 64
"""Number of unions of groups whose matrices are cached: windows of a column rarely need more than two or three."""


@dataclass(frozen=True, eq=False)
class Dispersion:
    """The covariance of a column's group counts, between panes and between windows, with its degrees of freedom.

    Attributes
    ----------
    covariance : NDArray[float64], shape (G, G)
        Covariance of the counts per event; for n events it is n times as large. Independent data: diag(π) − ππᵀ.
    excess : NDArray[float64], shape (G, G)
        Excess covariance of the shares between windows; it does not decrease with the number of events.
    shares : NDArray[float64], shape (G,), each above 0
        π, of the events that were seen; half an event for groups without any.
    freedom : float, above 0
        ν, degrees of freedom of the estimate; infinite where the dispersion is known.
    independent : bool
        Whether the data are compatible with independence.
    n_events, n_panes, n_windows : int
        Events, panes and complete windows with events that the estimate is based on.
    window_events : float
        Events of a typical one of these windows.
    source : {"independent", "reference", "production"}
    status : {"calibrating", "widened", "settled"}
        With "calibrating" no alert may open; see :func:`estimate`.
    """

    covariance: Floats
    excess: Floats
    shares: Floats
    freedom: float
    independent: bool
    n_events: int
    n_panes: int
    n_windows: int
    window_events: float
    source: Source
    status: Status
    _standardised: dict[tuple[int, ...], tuple[Floats, Floats]] = field(default_factory=dict, repr=False)
    _eigenvalues: dict[tuple[int, ...], Floats] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: without what is quickly worked out again."""
        state = {**vars(self), "_standardised": {}}
        return state if self.slow else {**state, "excess": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if state["excess"] is None:
            vars(self)["excess"] = _no_excess(self.n_groups)

    @property
    def n_groups(self) -> int:
        """Number of groups G."""
        return self.shares.size

    @property
    def n_remembered(self) -> int:
        """Number of unions of groups whose eigenvalues are cached."""
        return len(self._eigenvalues)

    @property
    def lambda_bar(self) -> float:
        """Mean design effect of a typical window's modes; 1 for independent data and for a single group."""
        n_modes = self.shares.size - 1
        inflated = self.covariance + self.excess * self.window_events
        return float((np.diag(inflated) / self.shares).sum()) / n_modes if n_modes else 1.0

    @cached_property
    def slow(self) -> bool:
        """Whether windows vary more than their panes explain."""
        return bool(self.excess.any())

    def with_excess(self, excess: Floats) -> Dispersion:
        """Return the dispersion of windows whose shares vary by another covariance, shape (G, G), beside their own."""
        if not excess.any():
            return self
        more = self.excess + excess
        return replace(self, excess=more, independent=False, _standardised={}, _eigenvalues={})

    def carrying(self, longer: Dispersion) -> Dispersion:
        """Return the dispersion of windows that are parts of longer ones: these vary by no less.

        What long windows vary by beyond their panes is a slow variation, of which short windows may show little. It is
        known from the long ones, however many short ones there are. Nothing is taken over while either is calibrating.
        """
        if "calibrating" in {self.status, longer.status} or not longer.slow:
            return self
        if np.trace(longer.excess) <= np.trace(self.excess):
            return self
        freedom = min(self.freedom, longer.freedom)
        return replace(
            self, excess=longer.excess, freedom=freedom, independent=False, _standardised={}, _eigenvalues={}
        )

    def design_effects(self, n: float) -> Floats:
        """Return each group's design effect in windows of n events, shape (G,): its variance over the binomial one."""
        alone = self.shares * (1 - self.shares)
        total = np.diag(self.covariance) + n * np.diag(self.excess)
        return np.where(alone > 0, total / np.where(alone > 0, alone, 1.0), 1.0)

    def scalar(self, members: Sequence[int], n: float) -> float:
        """Return the design effect of the share of some groups together in windows of n events, at least 1.

        Parameters
        ----------
        members : sequence of int
            The groups whose events count.
        n : float
            Events of the window.

        Returns
        -------
        float
            Where the groups hold fewer than 30 of the events that the estimate rests on, the largest of any single
            group: a share that was hardly ever seen cannot be trusted to be alone in being regular.
        """
        share = float(self.shares[list(members)].sum())
        if not 0 < share < 1:
            return 1.0
        pick = np.zeros(self.n_groups)
        pick[list(members)] = 1.0
        own = float(pick @ (self.covariance + n * self.excess) @ pick) / (share * (1 - share))
        few = math.isfinite(self.freedom) and min(share, 1 - share) * self.n_events < _FEW
        return max(1.0, own, float(self.design_effects(n).max()) if few else 0.0)

    def standardised(self, groups: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Return D^(-1/2) Σ D^(-1/2) of unions of groups, of covariance and excess: shape (number of unions,) twice."""
        matrices = self._standardised.get(groups)
        if matrices is None:
            unions = _unions(groups, self.n_groups)
            scale = 1 / np.sqrt(unions @ self.shares)
            outer = np.outer(scale, scale)
            matrices = (unions @ self.covariance @ unions.T) * outer, (unions @ self.excess @ unions.T) * outer
            if len(self._standardised) < _REMEMBERED:
                self._standardised[groups] = matrices
        return matrices

    def eigenvalues(self, groups: tuple[int, ...]) -> Floats:
        """Return the design effects of the modes of unions of groups, without the excess, largest first."""
        values = self._eigenvalues.get(groups)
        if values is None:
            values = weights_of(self.standardised(groups)[0])
            if len(self._eigenvalues) < _REMEMBERED:
                self._eigenvalues[groups] = values
        return values


def weights_of(standardised: Floats) -> Floats:
    """Return all eigenvalues but the least (the shares sum to 1), largest first, to nine digits of the largest.

    So many digits are the same on every machine.
    """
    values = np.linalg.eigvalsh(standardised)[:0:-1]
    largest = float(values[0])
    if largest <= 0:
        return np.ones(values.size)
    weights: Floats = np.maximum(np.rint(values / largest * 1e9) / 1e9, 0.0) * float(f"{largest:.9g}")
    return weights


@lru_cache(maxsize=256)
def _no_excess(n_groups: int) -> Floats:
    """Return zeros of shape (G, G) that take no memory: most columns of most models have no more than these."""
    return np.broadcast_to(np.float64(0.0), (n_groups, n_groups))


def independent(n_groups: int) -> Dispersion:
    """Return the dispersion of events that are known to be independent, on groups of unknown shares."""
    shares = np.full(n_groups, 1 / n_groups)
    return Dispersion(
        np.diag(shares) - np.outer(shares, shares),
        _no_excess(n_groups),
        shares,
        math.inf,
        independent=True,
        n_events=0,
        n_panes=0,
        n_windows=0,
        window_events=0.0,
        source="independent",
        status="settled",
    )


def estimate(
    sums: ColumnSums, groups: Sequence[int], *, source: Source = "production", least_span: int = 8_640
) -> Dispersion:
    """Estimate a column's dispersion from the sums of its panes.

    Parameters
    ----------
    sums : ColumnSums
        Of G base groups.
    groups : sequence of int, length at most G
        Group of each base group, numbered from 0 without gaps; base groups beyond its end or with -1 are left out
        (those of missing values, say).
    source : {"reference", "production"}
    least_span : int
        Panes from the first to the last below which the estimate is calibrating, whatever it holds: one day, so that
        no time of day is unknown. (The default is a day of 10 s panes.)

    Returns
    -------
    Dispersion
        On the groups. Status: "calibrating" below :data:`LEAST_PANES` panes with events or the least span;
        "settled" from :data:`SETTLED_PANES` and :data:`SETTLED_WINDOWS` on; "widened" between.

    Raises
    ------
    ParameterError
        Groups that are not numbered without gaps.

    Notes
    -----
    State: none. Cost: O(G³), 0.5 ms at 20 groups; once a column.

    Source: Newey & West (1987), doi:10.2307/1913610, with flat-top weights (Politis & Romano 1995,
    doi:10.1111/j.1467-9892.1995.tb00223.x); variance of Pearson's statistic: Haldane (1937),
    doi:10.1093/biomet/29.1-2.133. Deviations: the choices in the module's docstring.
    """
    unions = _unions(tuple(groups), len(sums.events))
    events = unions @ sums.events
    total = float(events.sum())
    n_groups = events.size
    calibrating = sums.n_panes < LEAST_PANES or sums.span < least_span
    settled = sums.n_panes >= SETTLED_PANES and sums.n_windows >= SETTLED_WINDOWS
    status: Status = "calibrating" if calibrating else "settled" if settled else "widened"
    shares = np.maximum(events, 0.5) / max(total, 1.0)
    shares /= shares.sum()
    nonempty = np.flatnonzero(events)
    covariance = np.diag(shares) - np.outer(shares, shares)
    excess = _no_excess(n_groups)
    freedom, alike, window_events = math.inf, True, 0.0
    if nonempty.size > 1:
        unions = unions[nonempty]
        panes = per_event_of(unions, sums.between_panes, sums.events)
        lagged = per_event_of(unions, sums.lagged / (2.0 * UNIT), sums.events)
        basis = complement(np.sqrt(panes.shares))
        root = np.sqrt(panes.shares)
        into = basis / root[:, None]
        back = basis * root[:, None]
        modes, alike, freedom = pane_modes(panes, into.T @ panes.matrix @ into, into.T @ lagged.matrix @ into)
        covariance[np.ix_(nonempty, nonempty)] = back @ modes @ back.T
        if sums.n_windows >= LEAST_WINDOWS:
            windows = per_event_of(unions, sums.between_windows, sums.events_in_windows)
            window_events = 1 / windows.per_event
            more, rests_on = window_modes(windows, into.T @ windows.matrix @ into, modes, freedom, alike=alike)
            if more is not None:
                excess = np.zeros((n_groups, n_groups))
                excess[np.ix_(nonempty, nonempty)] = back @ more @ back.T / window_events
                freedom, alike = min(freedom, rests_on), False
    result = Dispersion(
        covariance,
        excess,
        shares,
        freedom,
        independent=alike,
        n_events=int(total),
        n_panes=sums.n_panes,
        n_windows=sums.n_windows,
        window_events=window_events,
        source=source,
        status=status,
    )
    empty = np.flatnonzero(events == 0)
    if not alike and empty.size:
        largest = max(1.0, float(result.design_effects(0.0)[nonempty].max()))
        covariance[empty, empty] = largest * shares[empty]
    return result


def _unions(groups: tuple[int, ...], n_base: int) -> Floats:
    """Return the matrix that sums base groups: shape (number of groups, n_base)."""
    numbers = {group for group in groups if group >= 0}
    if len(groups) > n_base or numbers != set(range(len(numbers))):
        raise ParameterError(f"at most {n_base} groups numbered from 0 without gaps", groups, "$.groups")
    unions = np.zeros((len(numbers), n_base))
    members = [base for base, group in enumerate(groups) if group >= 0]
    unions[[groups[base] for base in members], members] = 1.0
    return unions
