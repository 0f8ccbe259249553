"""Which classes the predictions and labels of a reference are of, however each of them is spelled."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.errors import ProfileError
from driftline.profiles.building.coded_values import texts_counted
from driftline.profiles.class_names import spellings
from driftline.sketches.columns import canonical_category

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey

_NUMBERED: Final = (frozenset({"0", "1"}), frozenset({"-1", "1"}))
"""Classes by which producers number two of them."""
_SHOWN: Final = 5
"""Classes of a side that a message names."""


class MetClasses(NamedTuple):
    """Classes with the number of their rows, by the name that they have in the profile."""

    predicted: Counter[str]
    actual: Counter[str]

    @property
    def rows(self) -> Counter[str]:
        """Rows of predictions and labels together."""
        return self.predicted + self.actual


def met_classes(
    predictions: Sequence[object], labels: Sequence[object], settings: ModelSettings, key: ModelKey
) -> MetClasses:
    """Return the classes of predictions and labels, those that are the same but for their spelling as one.

    A class is called as the configuration calls it, or as most predictions spell it, or else most labels.

    Raises
    ------
    ProfileError
        When both sides have classes, and none in common.
    """
    sides = [texts_counted(values, canonical_category) for values in (predictions, labels)]
    chosen = _names(sides, settings.classes)
    predicted, actual = (_renamed(texts, settings.classes, chosen) for texts in sides)
    if settings.task != "multiclass":
        _number_alike(predicted, actual)
    _require_common(predicted, actual, settings, key)
    return MetClasses(predicted, actual)


def _names(sides: Sequence[Counter[str]], spelled: Mapping[str, str]) -> dict[str, str]:
    """Return the name of each class by what all of its spellings have in common."""
    names: dict[str, str] = {}
    for name in spelled.values():
        names.setdefault(spellings(name)[-1], name)
    for texts in sides:
        for text in sorted(texts, key=lambda text: (-texts[text], text)):
            names.setdefault(spellings(text)[-1], text)
    return names


def _renamed(texts: Counter[str], spelled: Mapping[str, str], names: Mapping[str, str]) -> Counter[str]:
    configured: dict[str, str] = {}
    for place in range(3):
        for text, name in spelled.items():
            configured.setdefault(spellings(text)[place], name)
    classes: Counter[str] = Counter()
    for text, n_rows in texts.items():
        name = next((configured[form] for form in spellings(text) if form in configured), text)
        classes[names[spellings(name)[-1]]] += n_rows
    return classes


def _number_alike(predicted: Counter[str], actual: Counter[str]) -> None:
    """Let -1 and 0 be the same class, in place, where one side has -1 and 1, and the other 0 and 1."""
    for classes, others in ((predicted, actual), (actual, predicted)):
        forms = {spellings(name)[-1]: name for name in classes}
        for numbers, alike in (_NUMBERED, _NUMBERED[::-1]):
            here, there = min(numbers - {"1"}), min(alike - {"1"})
            if frozenset(forms) == numbers and {spellings(name)[-1] for name in others} <= alike:
                for name in [name for name in others if spellings(name)[-1] == there]:
                    others[forms[here]] += others.pop(name)


def _require_common(predicted: Counter[str], actual: Counter[str], settings: ModelSettings, key: ModelKey) -> None:
    """Refuse predictions and labels that share no class, where nothing says that they are of one task."""
    if not predicted or not actual or predicted.keys() & actual.keys():
        return
    every = {*predicted, *actual}
    numbers = {spellings(name)[-1] for name in every}
    if any(numbers <= numbered for numbered in _NUMBERED) or (len(every) == 2 and settings.positive_class in every):  # noqa: PLR2004
        return
    label, prediction = min(actual), min(predicted)
    message = (
        f"Predictions and labels of `{key}` share no class: predictions are {_listed(predicted)}, labels are "
        f"{_listed(actual)}. Say in the configuration which value stands for which class, such as `models: "
        f'{{{key.model}: {{classes: {{"{label}": "{prediction}", ...}}}}}}`'
    )
    raise ProfileError(message)


def _listed(classes: Counter[str]) -> str:
    shown = ", ".join(map(repr, sorted(classes)[:_SHOWN]))
    more = len(classes) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
