"""Profiles by small integers, as pending records name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.panes.segments import SegmentBits, segment_names
from driftline.profiles.class_names import ClassNames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.profile import Profile


class ProfileTable:
    """Profiles in use, and what the join asks of each; grows with them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._index: dict[str, int] = {}
        self._models: dict[ModelKey, int] = {}
        self.profiles: list[Profile] = []
        self.class_names: list[ClassNames] = []
        """Which class each value stands for, by profile."""
        self.segments: list[tuple[str, ...]] = []
        """Names of the slices whose performance is counted, by profile."""
        self.segment_bits: list[SegmentBits] = []
        """What tells them, by profile."""
        every = (settings.defaults, *settings.models.values())
        self.longest_wait_ms = max(int(model.labels.wait) for model in every)
        self.longest_horizon_ms = max(int(model.labels.horizon) for model in every)
        """Wait and horizon are the longest of all models that are configured."""
        self.horizon_ms: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.wait_ms: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.window_ms: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.models: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        """Which profiles are of the same model key, shape (len(profiles),) as all arrays here."""
        self.n_classes: NDArray[np.float64] = np.zeros(0, dtype=np.float64)
        """Classes of the task, whose codes are below; infinite for regressions."""
        self.keeps_first: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        """Where the first label of a prediction counts, not the last."""

    def intern(self, profile: Profile) -> int:
        """Return the index of a profile."""
        index = self._index.get(profile.profile_id)
        if index is None:
            index = self._index[profile.profile_id] = len(self.profiles)
            model = self._settings.model(profile.key.model)
            self.profiles.append(profile)
            self.class_names.append(ClassNames(profile.task.classes, model.classes))
            self.segments.append(segment_names(model.segments))
            self.segment_bits.append(SegmentBits(model.segments))
            self.horizon_ms = np.append(self.horizon_ms, np.int64(model.labels.horizon))
            self.wait_ms = np.append(self.wait_ms, np.int64(model.labels.wait))
            self.window_ms = np.append(self.window_ms, np.int64(model.windows.performance))
            number = self._models.setdefault(profile.key, len(self._models))
            self.models = np.append(self.models, np.int64(number))
            n_classes = len(profile.task.classes) or np.inf
            self.n_classes = np.append(self.n_classes, np.float64(n_classes))
            self.keeps_first = np.append(self.keeps_first, model.labels.repeated == "first")
        return index
