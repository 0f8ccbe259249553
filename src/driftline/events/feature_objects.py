"""Features as objects, from objects, lists and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from driftline.errors import EventError
from driftline.events.dead_letter import INVALID_TYPE, INVALID_VALUE
from driftline.events.documents import ABSENT, parsed
from driftline.events.json_type import name_of
from driftline.events.named_values import named_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.config.field_places import FeaturesAt
    from driftline.events.features import Features

NO_FEATURES: Final = b""
_LISTS: Final = frozenset((list, tuple))


def listed_type(place: FeaturesAt) -> Any:  # noqa: ANN401  # a type
    """Return what features are read as that may be a list or a text; None where they are objects."""
    if place.names:
        return named_values(place.names) | dict[str, Any] | str | None
    return tuple[Any, ...] | dict[str, Any] | str | None if place.text else None


class FeatureObjects:
    """Makes features objects of what stands where the configuration says.

    Parameters
    ----------
    place : FeaturesAt
        Names of the values of lists, and what texts hold.
    """

    def __init__(self, place: FeaturesAt) -> None:
        self._names = place.names
        self._text = place.text
        self._objects = frozenset((dict, bytes, named_values(place.names)))
        """What JSON that was parsed holds, and what was skimmed."""

    def __call__(
        self, values: Sequence[Any], at: Callable[[int], str], problems: dict[int, EventError]
    ) -> Sequence[Features]:
        """Return the features of n events; why those of one cannot be read is noted under its number."""
        kinds = set(map(type, values))
        if kinds <= self._objects:
            return values
        if self._names and kinds <= _LISTS and set(map(len, values)) == {len(self._names)}:
            return [dict(zip(self._names, value, strict=True)) for value in values]
        return self._each(values, at, problems)

    def _each(self, values: Sequence[Any], at: Callable[[int], str], problems: dict[int, EventError]) -> list[Any]:
        result: list[Any] = []
        for event, value in enumerate(values):
            try:
                result.append(value if type(value) in self._objects else self._one(value, at(event)))
            except EventError as error:
                problems.setdefault(event, error)
                result.append(NO_FEATURES)
        return result

    def _one(self, value: Any, at: str) -> Features:  # noqa: ANN401  # any JSON
        if value is None or value is ABSENT:
            return NO_FEATURES
        if isinstance(value, tuple):
            value = [*value]
        found = parsed(value, self._text) if isinstance(value, str) else value
        if isinstance(found, dict):
            return found
        if isinstance(found, list) and self._names:
            if len(found) != len(self._names):
                message = f"Expected {len(self._names)} values, for each of the configured names, got {len(found)}"
                raise EventError(INVALID_VALUE, f"{message} - at `{at}`")
            return dict(zip(self._names, found, strict=True))
        shown = f" {value[:40]!r}" if isinstance(value, str) else ""
        hint = ""
        if isinstance(value, list | str):
            hint = "; `features: {pointer: ..., names: [...]}` gives names to the values of a list or of CSV"
        raise EventError(INVALID_TYPE, f"Expected an object of features, got {name_of(value)}{shown}{hint} - at `{at}`")
