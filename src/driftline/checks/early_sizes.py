"""The smallest changes that e-detectors find within some minutes: what ``driftline explain-budget`` says of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from driftline.checks.columns.change_size import change_of
from driftline.detectors.mixture.bets import MARGIN, Bets
from driftline.detectors.mixture.directions import numeric_directions

if TYPE_CHECKING:
    from driftline.config.model import CheckSettings
    from driftline.detectors.mixture.directions import Aspect, Direction

MINUTES: Final = (15, 60, 1_440)
RATES: Final = (200, 1_000, 10_000)
"""Events an hour."""
SHARES: Final = (0.0, 0.01, 0.1)
"""Shares of events without a value in the reference."""


class EarlySize(Struct, frozen=True, kw_only=True):
    """The smallest change of one kind that is expected to be found in time; null where there is none."""

    change: str
    """``mean_shift`` (in standard deviations), ``spread_change`` (the ratio less 1) or ``share_rise``."""
    from_share: float | None
    by_detector: float | None
    found: float | None
    """The same, or the smallest that matters where that is more."""


class EarlySizes(Struct, frozen=True, kw_only=True):
    """The smallest changes that are found within so many minutes, at a rate of events."""

    events_per_hour: int
    minutes: int
    sizes: list[EarlySize]


class EarlyCase(Struct, frozen=True, kw_only=True):
    """What e-detectors run on.

    Parameters
    ----------
    alarms : float, above 0
        False alarms allowed to one column within the horizon.
    horizon_panes : int
    n_reference : int
        Events of the reference.
    dispersion : float, at least 1
        How many times as much as those of independent events means and shares vary.
    n_groups : int
        Groups of a column.
    """

    alarms: float
    horizon_panes: int
    n_reference: int
    dispersion: float
    n_groups: int


def early_sizes(case: EarlyCase, checks: CheckSettings) -> list[EarlySizes]:
    """Return the smallest changes by rate of events and time.

    A change is found when its expected gain, Σ (θ s − ln M) / λ over the events of the time, reaches the threshold and
    what it costs to have made all bets of the column. By then about half of such changes are found.
    """
    wanted: list[tuple[Aspect, float]] = [("mean", 0.01), ("spread", 0.01), *(("missing", share) for share in SHARES)]
    every = [(aspect, share, _directions(case, share)) for aspect, share in wanted]
    return [
        EarlySizes(
            events_per_hour=rate,
            minutes=minutes,
            sizes=[_size(case, checks, each, rate * minutes / 60) for each in every],
        )
        for rate in RATES
        for minutes in MINUTES
    ]


def _directions(case: EarlyCase, missing: float) -> tuple[Direction, ...]:
    shares = np.full(case.n_groups, 1 / case.n_groups)
    return numeric_directions(shares, max(missing, 0.5 / case.n_reference))


def _size(
    case: EarlyCase, checks: CheckSettings, each: tuple[Aspect, float, tuple[Direction, ...]], n: float
) -> EarlySize:
    aspect, share, directions = each
    place = next(i for i, direction in enumerate(directions) if direction.aspect == aspect)
    direction, bets = directions[place], Bets([directions], case.n_groups)
    missing = max(share, 0.5 / case.n_reference)
    shares = np.array([[*np.full(case.n_groups, (1 - missing) / case.n_groups), missing]])
    errors = np.sqrt(bets.variances(shares) * case.dispersion / case.n_reference)
    prices = np.maximum(bets.fair(shares), bets.log_means(shares) + MARGIN * errors)[0, place]
    needed = math.log(case.horizon_panes / case.alarms) + math.log(sum(len(other.thetas) for other in directions))
    usual = float(bets.means(shares)[0, place])
    scores = [
        (needed * case.dispersion / n + price) / theta for theta, price in zip(direction.thetas, prices, strict=False)
    ]
    change = min(scores) - usual
    if change > float(direction.scores.max()) - usual:
        return EarlySize(change=_NAMES[aspect], from_share=_share(aspect, share), by_detector=None, found=None)
    size = change_of(direction, usual, change, checks)
    found = max(size.size, size.gate)
    return EarlySize(
        change=_NAMES[aspect], from_share=_share(aspect, share), by_detector=float(size.size), found=float(found)
    )


_NAMES: Final[dict[Aspect, str]] = {"mean": "mean_shift", "spread": "spread_change", "missing": "share_rise"}


def _share(aspect: Aspect, share: float) -> float | None:
    return share if aspect == "missing" else None
