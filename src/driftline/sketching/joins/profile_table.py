"""Profiles by small integers, as pending records name them.

A prediction that no profile holds for stands under an entry of its model: it meets its labels, and what that adds is
counted where a profile is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.events.model_key import ModelKey
from driftline.panes.segments import SegmentBits, segment_names
from driftline.profiles.class_names import ClassNames
from driftline.profiles.raw_values import is_hashed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile


_UNPROFILED: Final = "~"
"""Begins the name of an entry for predictions of a model without a profile; a profile's id is hexadecimal."""


class ProfileTable:
    """Profiles in use, and what the join asks of each; grows with them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._index: dict[str, int] = {}
        self._models: dict[ModelKey, int] = {}
        self.profiles: list[Profile | None] = []
        """None for a model's predictions without a profile."""
        self.names: list[str] = []
        """By which records outside of this process name each entry."""
        self.keys: list[ModelKey] = []
        self.tasks: list[str] = []
        """As they are configured, ``auto`` among them."""
        self.learns: list[bool] = []
        """Whether a profile is learnt where none was published."""
        self.class_names: list[ClassNames] = []
        """Which class each value stands for; without a profile those alone are known that are configured."""
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
        """Classes of the task, whose codes are below; infinite for regressions and without a profile."""
        self.is_profiled: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self.keeps_first: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        """Where the first label of a prediction counts, not the last."""

    def intern(self, profile: Profile) -> int:
        """Return the index of a profile."""
        index = self._index.get(profile.profile_id)
        return self._add(profile.profile_id, profile.key, profile) if index is None else index

    def unprofiled(self, key: ModelKey) -> int:
        """Return the index of a model's predictions without a profile."""
        name = _UNPROFILED + msgspec.json.encode(key).decode()
        index = self._index.get(name)
        return self._add(name, key, None) if index is None else index

    def named(self, name: str, find: Callable[[str], Profile | None]) -> int:
        """Return the index of what a record names, -1 for a profile that ``find`` does not return."""
        if is_unprofiled(name):
            return self.unprofiled(msgspec.json.decode(name.removeprefix(_UNPROFILED), type=ModelKey))
        profile = find(name)
        return -1 if profile is None else self.intern(profile)

    def are_regressions(self, index: int, records: NDArray[np.void]) -> NDArray[np.bool_]:
        """Return which of n predictions without a profile are surely those of a regression, shape (n,).

        Where no task is configured, a fraction says so, and a score that it is none.
        """
        task, predicted = self.tasks[index], records["predicted"]
        if task != "auto":
            return np.full(records.size, task == "regression")
        fractions: NDArray[np.bool_] = np.isfinite(predicted) & (predicted != np.rint(predicted))
        without_score: NDArray[np.bool_] = np.isnan(records["score"])
        return fractions & without_score

    def may_be_unknown(self, profiles: NDArray[np.int64], labels: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of n labels are of a class that the task does not know, shape (n,).

        Without a profile they are those whose name is not kept with them, whatever the task will be.
        """
        unknown: NDArray[np.bool_] = labels >= self.n_classes[profiles]
        unprofiled = ~self.is_profiled[profiles]
        return unknown | unprofiled & is_hashed(labels) if unprofiled.any() else unknown

    def _add(self, name: str, key: ModelKey, profile: Profile | None) -> int:
        index = self._index[name] = len(self.profiles)
        model = self._settings.model(key.model)
        classes = tuple(dict.fromkeys(model.classes.values())) if profile is None else profile.task.classes
        self.profiles.append(profile)
        self.names.append(name)
        self.keys.append(key)
        self.tasks.append(model.task)
        self.learns.append(model.bootstrap.enabled)
        self.class_names.append(ClassNames(classes, model.classes))
        self.segments.append(segment_names(model.segments))
        self.segment_bits.append(SegmentBits(model.segments))
        self.horizon_ms = np.append(self.horizon_ms, np.int64(model.labels.horizon))
        self.wait_ms = np.append(self.wait_ms, np.int64(model.labels.wait))
        self.window_ms = np.append(self.window_ms, np.int64(model.windows.performance))
        number = self._models.setdefault(key, len(self._models))
        self.models = np.append(self.models, np.int64(number))
        n_classes = np.inf if profile is None else len(profile.task.classes) or np.inf
        self.n_classes = np.append(self.n_classes, np.float64(n_classes))
        self.is_profiled = np.append(self.is_profiled, profile is not None)
        self.keeps_first = np.append(self.keeps_first, model.labels.repeated == "first")
        return index


def is_unprofiled(name: str) -> bool:
    """Whether a record's name of an entry stands for predictions without a profile."""
    return name.startswith(_UNPROFILED)
