"""What a mixture e-detector needs of a column's reference: shares, and how much more each score varies than chance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.checks.references.mean_variance import score_ratio
from driftline.detectors.tilted_mixture import direction_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.significance.dispersion import Dispersion
    from driftline.sketches.grouping import Grouping


class TiltReference(NamedTuple):
    """The reference of one column, as :class:`~driftline.detectors.paging_mixture.PagingMixture` takes it."""

    shares: tuple[float, ...]
    groups: tuple[int, ...]
    n_values: int
    variance_ratios: tuple[float, ...]
    degrees_of_freedom: float


def tilt_reference(union: Grouping, base_reference: NDArray[np.int64], dispersion: Dispersion) -> TiltReference | None:
    """Return the reference of a column; None where it has no value.

    Parameters
    ----------
    union : Grouping
        Which groups the base groups belong to.
    base_reference : ndarray of int64, shape (base groups,)
        The profile's counts.
    dispersion : Dispersion
        Of the groups.
    """
    counts = union.grouped(base_reference)
    total = int(counts.sum())
    if total == 0:
        return None
    shares = np.maximum(counts, 0.5)
    shares /= shares.sum()
    ratios = tuple(score_ratio(scores, dispersion) for scores in direction_scores(shares))
    freedom = math.inf if dispersion.independent else dispersion.freedom
    return TiltReference(tuple(shares.tolist()), union.groups, total, ratios, freedom)
