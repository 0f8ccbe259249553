"""Which task reference rows are of: as configured, or as their predictions, scores and labels look."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.errors import ProfileError
from driftline.profiles.task import MAX_CLASSES, Task
from driftline.sketches.columns import canonical_category

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.building.column_values import ColumnValues
    from driftline.profiles.task import TaskKind

_BINARY: Final = 2
"""Classes of a binary task."""


def infer_task(
    prediction: ColumnValues | None,
    label: ColumnValues | None,
    settings: ModelSettings,
    key: ModelKey,
    *,
    has_score: bool,
) -> Task:
    """Return the configured task, or what predictions, scores and labels look like.

    Raises
    ------
    ProfileError
        When a binary task has another number of classes than two, and nothing says which they are.
    """
    values = [value for part in (prediction, label) if part is not None for value in part.listed]
    names = Counter(name for value in values if (name := canonical_category(value)) is not None)
    weighted = settings.performance.weighted
    kind: TaskKind
    if settings.task != "auto":
        kind = settings.task
    elif not has_score and _continuous(values):
        kind = "regression"
    elif len(names) <= _BINARY:
        kind = "binary"
    else:
        kind = "multiclass"
    if kind == "regression":
        return Task(kind, (), _spread(prediction or label), weighted)
    classes = [name for name, _ in sorted(names.items(), key=lambda item: (-item[1], item[0]))[:MAX_CLASSES]]
    in_order = sorted(classes, key=_class_order)
    if kind == "multiclass":
        return Task(kind, tuple(in_order), weighted=weighted)
    return Task(kind, _binary_classes(in_order, settings.positive_class, key), weighted=weighted)


def _spread(values: ColumnValues | None) -> float:
    numbers = np.empty(0) if values is None else values.numbers[0]
    finite = numbers[np.isfinite(numbers)]
    spread = float(finite.std()) if finite.size else 0.0
    return spread if spread > 0 else 1.0


def _binary_classes(classes: list[str], positive: str | None, key: ModelKey) -> tuple[str, str]:
    if len(classes) > _BINARY:
        message = f"Expected at most two classes for a binary task, got {classes!r} - at `{key}`"
        raise ProfileError(message)
    if positive is not None:
        others = [name for name in classes if name != positive]
        return (others[0] if others else ("0" if positive != "0" else "1"), positive)
    if len(classes) == _BINARY:
        return (classes[0], classes[1])
    if classes and classes[0] not in {"0", "1"}:
        message = f"Expected two classes, or `positive_class` in the configuration, got only {classes!r} - at `{key}`"
        raise ProfileError(message)
    return ("0", "1")


def _class_order(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def _continuous(values: Sequence[object]) -> bool:
    """Whether predictions are numbers that are no class codes."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if not numbers or len(numbers) < sum(value is not None for value in values):
        return False
    return any(not float(value).is_integer() for value in numbers) or len(set(numbers)) > MAX_CLASSES
