"""How much the errors of one segment vary, of which a reference says nothing: what is taken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.special import chdtri

from driftline.checks.labels.error_bets import INDEPENDENT, METRIC, ErrorVariation, error_variation, spread_of_windows
from driftline.performance.losses import watched_metrics
from driftline.profiles.error_spread import LEAST_WINDOWS

if TYPE_CHECKING:
    from driftline.config.model import ModelSettings
    from driftline.profiles.error_spread import SpreadOfMetric
    from driftline.profiles.profile import Profile


def segment_variation(profile: Profile, settings: ModelSettings, own: SpreadOfMetric | None) -> ErrorVariation | None:
    """Return how much the errors of a segment are taken to vary; None where those of the model are not known to.

    With variance s² of the share of wrong predictions between windows, the model's own variation λ - 1 is N s² / v for
    N labels a window. In a segment of the fraction w that has s² in common with the others it is w N s² / v: less.
    Where each of 1 / w segments varies by itself, by s² / w, it is N s² / v: as much. So the model's is taken, at its
    upper 95 % limit and whether chance explains it or not, for as many labels as the reference's windows have of all
    traffic. It grows with the labels where a segment has more of them.

    A segment that varies more than the others shows that in its own first windows. Where they vary by more than chance
    makes of that, their upper 95 % limit is taken as well.

    Parameters
    ----------
    profile : Profile
    settings : ModelSettings
    own : SpreadOfMetric, optional
        Of the segment's first windows; None while there are too few.

    Notes
    -----
    What this leaves out: a segment that varies more than the others, and only from day to day, or not in its first
    windows.
    """
    if METRIC not in watched_metrics(profile.task, settings.performance.metrics):
        return None
    of_all = error_variation(profile, settings)
    if of_all is None or not of_all.spreads:
        return of_all
    spreads = [each._replace(excess=each.most) for each in of_all.spreads]
    if own is not None and own.n_windows >= LEAST_WINDOWS:
        freedom, of_windows = own.n_windows - 1, spreads[0]
        by_chance = of_windows.ratio(own.n_per_window) * float(chdtri(freedom, 1 - INDEPENDENT)) / freedom
        if own.dispersion > by_chance:
            seen = spread_of_windows(own, of_windows.size_ms, INDEPENDENT)
            spreads.append(seen._replace(excess=seen.most))
    return ErrorVariation(tuple(spreads))
