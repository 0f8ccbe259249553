"""What a model predicts, and where its profile comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from driftline.profiles.class_names import ClassNames
from driftline.sketches.encoding import numbers_of
from driftline.sketches.scores import PerformanceLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


Origin = Literal["training", "production", "bootstrap"]


TaskKind = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True)
class Task:
    """What the model predicts."""

    kind: TaskKind
    classes: tuple[str, ...]
    """Canonical class names; for a binary task the second is the positive one. Empty for regression."""
    spread: float = 1.0
    """What regression errors are divided by: the standard deviation of the reference's predictions, or 1."""
    weighted: bool = False
    """Whether labels have weights."""

    @property
    def positive(self) -> str | None:
        """The positive class of a binary task."""
        return self.classes[1] if self.kind == "binary" else None

    @cached_property
    def class_names(self) -> ClassNames:
        """Which class each value stands for, where the configuration says nothing of it."""
        return ClassNames(self.classes)

    def encode(self, values: Sequence[object], names: ClassNames | None = None) -> NDArray[np.float64]:
        """Return predictions or labels as class codes or standardised values, shape (n,).

        Each class that the task does not know has a code of its own, ``FIRST_UNKNOWN`` or greater; what is neither
        class nor number is not-a-number. ``names`` are the classes with what is configured of them.
        """
        if self.kind == "regression":
            return numbers_of(values)[0] / self.spread
        return (names or self.class_names).encode(values)

    @cached_property
    def performance_layout(self) -> PerformanceLayout:
        """Where performance cells stand."""
        binary = self.kind == "binary"
        return PerformanceLayout(len(self.classes), binary, self.weighted, self.spread)


MAX_CLASSES: Final = 64
"""Whole-number predictions with more distinct values than this are a regression; rarer classes share one code."""


NO_TIME: Final = np.iinfo(np.int64).min
"""Stands where a row has no time."""
