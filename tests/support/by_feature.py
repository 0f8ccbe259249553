"""Errors by feature of made-up windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.checks.contract.closed_window import FeatureEvidence
from driftline.sketches.feature_errors import N_CELLS, feature_cells, packed_codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile


def cells_of(
    profile: Profile,
    n: int,
    seed: int,
    *,
    wrong: float = 0.1,
    wrong_at: Mapping[int, float] | None = None,
    positive_at: Mapping[int, float] | None = None,
) -> NDArray[np.int64]:
    """Return n labelled predictions in the groups of a profile's features, half of them positive.

    ``wrong_at`` and ``positive_at`` are other fractions of wrong predictions, and of positive labels, by group of the
    first feature.
    """
    rng = np.random.default_rng(seed)
    codes = np.array([rng.integers(2, each.grouping.n_groups + 2, n) for each in profile.feature_groups])
    rates, positives = np.full(n, wrong), np.full(n, 0.5)
    for group, rate in (wrong_at or {}).items():
        rates[codes[0] == group + 1] = rate
    for group, rate in (positive_at or {}).items():
        positives[codes[0] == group + 1] = rate
    words = packed_codes(codes.astype(np.uint64))
    _, cells = feature_cells(words, rng.random(n) < rates, rng.random(n) < positives)
    return np.bincount(cells, minlength=N_CELLS).astype(np.int64)


def evidence_of(now: NDArray[np.int64], before: NDArray[np.int64] | None) -> FeatureEvidence:
    """Return a window's errors by feature beside the reference's."""
    return FeatureEvidence(now, before, None if before is None else "reference", 0)
