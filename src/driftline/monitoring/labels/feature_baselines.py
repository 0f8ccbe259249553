"""What errors by feature are held against where the reference does not say: the first windows without a finding.

A reference without labels has no errors; one that was built before errors were compared by feature, or in which groups
of values are others since, has none by feature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.checks.contract.closed_window import FeatureEvidence
from driftline.checks.labels.feature_evidence import LEAST_BASELINE, why_not_compared
from driftline.monitoring.labels.performance_windows import unpacked
from driftline.monitoring.state.table import Value
from driftline.sketches.feature_errors import N_CELLS, counts_of
from driftline.sketches.packed import NO_CELLS, Sparse
from driftline.sketches.sparse import merge_sparse, pack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.monitoring.labels.performance_windows import WindowState
    from driftline.monitoring.state.table import Tables
    from driftline.profiles.profile import Profile

ENOUGH: Final = 20_000
"""Labelled predictions from which on the first windows grow no more."""


class FeatureBaseline(Struct, array_like=True):
    """The first windows under one profile."""

    cells: Sparse = NO_CELLS
    n: int = 0
    """Labelled predictions that have a group of the most important feature."""


class FeatureBaselines:
    """The first windows of a model's latest few profiles; nothing where ``n_features`` is 0.

    Notes
    -----
    *State*: at most 5 KB a profile.
    """

    KEPT: Final = 4

    def __init__(self, n_features: int) -> None:
        self._n_features = n_features
        # One value, as the order in which profiles came is part of it.
        self._by_profile = Value("feature-baselines", dict[str, FeatureBaseline], {})
        self.tables: Tables = (self._by_profile,)

    def take(self, profile: Profile, window: WindowState) -> FeatureEvidence | None:
        """Return a window that gets its verdict beside its baseline, and forget its counts; None where errors are not
        to be compared by feature.
        """
        packed = window.by_feature.get(profile.profile_id)
        window.by_feature = {}
        if not self._n_features:
            return None
        now, known = unpacked(packed, N_CELLS), profile.feature_errors
        if known is not None and known.cells.indices:
            return FeatureEvidence(now, known.vector(), "reference", 0)
        first = self._by_profile.value.get(profile.profile_id, FeatureBaseline())
        if first.n < LEAST_BASELINE:
            return FeatureEvidence(now, None, None, first.n)
        return FeatureEvidence(now, unpacked(first.cells, N_CELLS), "first windows", first.n)

    def keep(self, profile: Profile, evidence: FeatureEvidence) -> None:
        """Add a window without a finding to the first windows, where these are the baseline and may still grow."""
        if evidence.origin == "reference" or not evidence.now.any() or why_not_compared(profile) is not None:
            return
        by_profile = self._by_profile.value
        before = by_profile.get(profile.profile_id, FeatureBaseline())
        if before.n >= ENOUGH:
            return
        cells = merge_sparse([before.cells, pack(evidence.now)]) if before.n else pack(evidence.now)
        by_profile[profile.profile_id] = FeatureBaseline(cells, before.n + _labelled(evidence.now))
        while len(by_profile) > self.KEPT:
            del by_profile[next(iter(by_profile))]
        self._by_profile.changed()


def _labelled(vector: NDArray[np.int64]) -> int:
    return int(counts_of(vector)[0].sum())
