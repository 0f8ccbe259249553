"""In which group of each important feature a prediction is: what a join remembers of its features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.profiles.feature_errors import coded
from driftline.sketches.columns import CategoricalColumn
from driftline.sketches.encoding import CategoryCodes, encode_categorical
from driftline.sketches.feature_decoder import FeatureDecoder
from driftline.sketches.feature_errors import ABSENT, packed_codes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.events.features import Features
    from driftline.profiles.profile import Profile


class FeatureCodes:
    """Finds the groups of the features by which errors are compared under one profile, at least one.

    Notes
    -----
    *Cost*: one more look into the features object, for these features alone.
    """

    def __init__(self, profile: Profile, settings: ModelSettings) -> None:
        self._groups = profile.feature_groups[: settings.performance.by_feature]
        columns = [each.column for each in self._groups]
        ignored = {name for name, column in settings.columns.items() if column.kind == "ignore"}
        others = {column.feature for column in profile.columns if column.role == "feature"}
        beside = others.union(ignored, profile.left_out).difference(column.feature for column in columns)
        texts = frozenset(name for name, column in settings.columns.items() if column.kind == "numeric")
        self._decode = FeatureDecoder(columns, frozenset(beside), texts)
        self._categories = {
            slot: CategoryCodes(column) for slot, column in enumerate(columns) if isinstance(column, CategoricalColumn)
        }

    @classmethod
    def of(cls, profile: Profile | None, settings: ModelSettings) -> Self | None:
        """Return what finds the groups; None where none are compared.

        Under a profile that is learnt from the stream none are: how many predictions come before it is known, and
        then have no groups, depends on how the workers run.
        """
        if profile is None or profile.origin == "bootstrap" or not settings.performance.by_feature:
            return None
        return cls(profile, settings) if profile.feature_groups and not profile.task.weighted else None

    def __call__(self, features: Sequence[Features], pane_ms: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the packed codes of n events, shape (n,), given the starts of their panes."""
        found = self._decode(features, pane_ms if self._decode.needs_times else None)
        codes = np.empty((len(self._groups), len(features)), dtype=np.uint64)
        for slot, groups in enumerate(self._groups):
            column, values, absent = groups.column, found.values[slot], found.exceptions[slot]
            if isinstance(column, CategoricalColumn):
                codes[slot] = coded(groups, encode_categorical(column, self._categories[slot], values, absent).bins)
                continue
            numbers = np.asarray(values, dtype=np.float64)
            bins = column.edges.searchsorted(numbers, "right")
            codes[slot] = np.where(np.isfinite(numbers), groups.codes[bins], np.uint64(ABSENT))
            codes[slot, [row for row, _ in absent]] = ABSENT
        return packed_codes(codes)
