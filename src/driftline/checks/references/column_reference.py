"""What one column of one window is held against."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from driftline.checks.references.mean_variance import nine_digits
from driftline.checks.references.share_dispersion import INDEPENDENT, ShareDispersion
from driftline.sketches.columns import QUALITY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.references.share_dispersion import DispersionLookup
    from driftline.significance.dispersion import Dispersion
    from driftline.sketches.grouping import Grouping


class ColumnReference(NamedTuple):
    """What one column of one window is held against."""

    grouping: Grouping
    """The groups that the test and distances of shares see."""
    reference: NDArray[np.int64]
    """Shape (grouping.n_groups,). The profile's counts; of the window's own hours of the week where ``seasonal``."""
    base: Grouping
    """The finest groups, of which the others are unions."""
    base_reference: NDArray[np.int64]
    """Shape (base.n_groups,). The profile's counts of those."""
    dispersion: Dispersion | None
    """None: events count as independent."""
    whole: Dispersion | None
    """That of windows with their season, which may be the same."""
    seasonal: bool
    """Whether only the reference's same hours of the week were taken."""
    by_base: bool
    """Whether the reference is known by the base groups alone, as of hours of the week and of the recent past."""
    calibrating: bool
    """Whether the column's dispersion is not known yet: then what it says of its distribution may not page."""
    missing: Dispersion | None = None
    """That of events with a value and without; None where it is not known: then values stand for it."""

    @property
    def shares_calibrating(self) -> bool:
        """Whether its quality may not page either; a column that never had a value has nothing more to show."""
        return self.calibrating and (self.dispersion is None or self.dispersion.n_panes > 0)

    def of_shares(self, n: int, n_events: int) -> DispersionLookup:
        """Return how much the shares of the column vary beyond those of independent events, for a window of n values.

        ``n_events`` is the number of all its events, with a value of the column or without.

        Notes
        -----
        They take what the groups of values show: the largest of any group, without what only windows show, for what
        is hardly ever seen cannot be trusted to be regular, but nothing says that it has a season. Whether a column
        froze is held against whole windows, season and all: a day of the week is constant in each window of a day.
        Events without a value come in clumps of their own: how much their share varies is known from themselves, slow
        variation included, as they are compared with all hours.
        """
        usual, constant = _of_groups(self.dispersion, 0), _of_groups(self.whole, n)
        absent = usual if self.missing is None else _of_groups(self.missing, n_events)
        return lambda _column, share: constant if share == "frozen" else absent if share in QUALITY else usual


def _of_groups(dispersion: Dispersion | None, n: int) -> ShareDispersion:
    if dispersion is None or dispersion.independent:
        return INDEPENDENT
    freedom = dispersion.freedom if math.isfinite(dispersion.freedom) else None
    return ShareDispersion(max(1.0, nine_digits(float(dispersion.design_effects(n).max()))), freedom)


class ColumnGroups(NamedTuple):
    """The groups of a column, and which of them each base group belongs to."""

    base: Grouping
    grouping: Grouping
    union: Grouping
    """Of the base groups, in the place of bins."""
    base_reference: NDArray[np.int64]
