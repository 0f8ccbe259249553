"""Features as objects, from objects, lists and texts: without the fields that are mapped otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from driftline.errors import EventError
from driftline.events.dead_letter import INVALID_TYPE, INVALID_VALUE
from driftline.events.documents import ABSENT, parsed
from driftline.events.json_type import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.config.field_places import FeaturesAt
    from driftline.events.features import Features

NO_FEATURES: Final = b""


class FeatureObjects:
    """Makes features objects of what stands where the configuration says.

    Parameters
    ----------
    place : FeaturesAt
        Names of the values of lists, and what texts hold.
    others : frozenset of str
        Names in the object that are mapped otherwise, and no features.
    """

    def __init__(self, place: FeaturesAt, others: frozenset[str]) -> None:
        self._names = place.names
        self._text = place.text
        self._others = sorted(others)

    def __call__(
        self, values: Sequence[Any], at: Callable[[int], str], problems: dict[int, EventError]
    ) -> Sequence[Features]:
        """Return the features of n events; why those of one cannot be read is noted under its number."""
        kinds = set(map(type, values))
        if self._names and kinds == {list} and set(map(len, values)) == {len(self._names)}:
            return [dict(zip(self._names, value, strict=True)) for value in values]
        if kinds != {dict}:
            values = self._each(values, at, problems)
        if not self._others:
            return values
        return [self._without(value) if type(value) is dict else value for value in values]

    def _each(self, values: Sequence[Any], at: Callable[[int], str], problems: dict[int, EventError]) -> list[Any]:
        result: list[Any] = []
        for event, value in enumerate(values):
            try:
                result.append(value if type(value) is dict else self._one(value, at(event)))
            except EventError as error:
                problems.setdefault(event, error)
                result.append(NO_FEATURES)
        return result

    def _one(self, value: Any, at: str) -> Features:  # noqa: ANN401  # any JSON
        if value is None or value is ABSENT:
            return NO_FEATURES
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

    def _without(self, features: dict[str, Any]) -> dict[str, Any]:
        kept = features.copy()
        for name in self._others:
            kept.pop(name, None)
        return kept
