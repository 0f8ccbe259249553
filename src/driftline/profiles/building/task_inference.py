"""Which task reference rows are of: as configured, or as their predictions, scores and labels look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.errors import ProfileError
from driftline.events.class_order import classes_in_order
from driftline.profiles.building.class_inference import met_classes
from driftline.profiles.building.coded_values import NumberValues, different
from driftline.profiles.class_names import ClassNames
from driftline.profiles.task import MAX_CLASSES, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
        When a binary task has another number of classes than two, and nothing says which they are; when predictions
        and labels share no class.
    """
    predictions, labels = ([] if part is None else part.listed for part in (prediction, label))
    weighted = settings.performance.weighted
    if settings.task == "regression" or (
        settings.task == "auto" and not has_score and _continuous((predictions, labels))
    ):
        return Task("regression", (), _spread(prediction or label), weighted)
    names = met_classes(predictions, labels, settings, key).rows
    kind: TaskKind = settings.task if settings.task != "auto" else "binary" if len(names) <= _BINARY else "multiclass"
    classes = [name for name, _ in sorted(names.items(), key=lambda item: (-item[1], item[0]))[:MAX_CLASSES]]
    in_order = classes_in_order(classes)
    if kind == "multiclass":
        return Task(kind, tuple(in_order), weighted=weighted)
    return Task(kind, _binary_classes(in_order, settings, key), weighted=weighted)


def _spread(values: ColumnValues | None) -> float:
    numbers = np.empty(0) if values is None else values.numbers[0]
    finite = numbers[np.isfinite(numbers)]
    spread = float(finite.std()) if finite.size else 0.0
    return spread if spread > 0 else 1.0


def _binary_classes(classes: list[str], settings: ModelSettings, key: ModelKey) -> tuple[str, str]:
    if len(classes) > _BINARY:
        message = f"Expected at most two classes for a binary task, got {classes!r} - at `{key}`"
        raise ProfileError(message)
    if settings.positive_class is not None:
        positive = ClassNames(tuple(classes), settings.classes).name(settings.positive_class)
        others = [name for name in classes if name != positive]
        return (others[0] if others else ("0" if positive != "0" else "1"), positive)
    if len(classes) == _BINARY:
        return (classes[0], classes[1])
    if classes and classes[0] not in {"0", "1"}:
        message = f"Expected two classes, or `positive_class` in the configuration, got only {classes!r} - at `{key}`"
        raise ProfileError(message)
    return ("0", "1")


def _continuous(sides: Iterable[Sequence[object]]) -> bool:
    """Whether predictions and labels are numbers that are no class codes."""
    found: set[float] = set()
    is_continuous = False
    for values in sides:
        if isinstance(values, NumberValues):  # of few different ones they would be coded
            is_continuous = True
            continue
        for value in different(values):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            is_continuous = is_continuous or (isinstance(value, float) and not value.is_integer())
            if len(found) <= MAX_CLASSES:
                found.add(value)
    return is_continuous or len(found) > MAX_CLASSES
