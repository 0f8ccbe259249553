"""What the columns of the features hold."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.events.named_values import NamedValues
from driftline.inspection.report import Line, note, ok, problem
from driftline.inspection.survey import number_of
from driftline.profiles.building.vectors import vectors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from driftline.events.features import Features

_DECODE: Final = msgspec.json.Decoder().decode
_SHOWN: Final = 6
_MISSING: Final = 0.9
_DEEPEST: Final = 6
_ENOUGH: Final = 50
"""Values before it says something that they all differ."""
_LOOKED_AT: Final = 20
_EVERY: Final = 0.98
_MANY: Final = 200
"""Columns beyond which a model has rather many."""


def column_kinds(features: Sequence[Features], others: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return what each column of the features of n events holds.

    ``others`` are names in the objects that are no features.
    """
    columns: dict[str, list[Any]] = {}
    for each in features:
        for name, value in _flat({name: value for name, value in _object(each).items() if name not in others}):
            columns.setdefault(name, []).append(value)
    return {name: _kind(values, len(features)) for name, values in columns.items()}


def ignored_columns(kinds: Mapping[str, str]) -> list[str]:
    """Return the columns that say nothing about drift, as they never repeat or move on by themselves."""
    return [name for name, kind in kinds.items() if kind in _IGNORED]


def column_lines(kinds: Mapping[str, str], ignored: Container[str]) -> list[Line]:
    """Return which kinds of columns there are, and which are hard to watch; ``ignored`` are left out already."""
    if not kinds:
        advice = "Name the object that holds them: `predictions: {fields: {features: /...}}`"
        return [problem("no event has features", advice)]
    by_kind: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        by_kind.setdefault(kind, []).append(name)
    good = "; ".join(_listed(kind, by_kind[kind]) for kind in _GOOD if kind in by_kind)
    count = f"{len(kinds)} columns"
    lines = (
        [ok(f"{count}: {good}" if good else count)]
        if good or "constant" in by_kind
        else [problem(f"{count}, and none of numbers, categories or truth values")]
    )
    if len(kinds) > _MANY:
        text = f"{len(kinds)} columns share one budget of false alarms, so that each is tested less closely"
        lines.append(note(text))
    for kind, (text, advice) in _ODD.items():
        names = by_kind.get(kind, [])
        if names and kind in _IGNORED and all(name in ignored for name in names):
            lines.append(ok(f"{_names(names)}: {text}; not watched (`kind: ignore`)"))
        elif names:
            lines.append(note(f"{_names(names)}: {text}", advice))
    return lines


_IGNORED: Final = frozenset(("id", "date"))
_GOOD: Final = ("numeric", "categorical", "boolean", "number as text", "embedding")
_ODD: Final[dict[str, tuple[str, str]]] = {
    "number as text": ("numbers written as text", "To watch one as a number: `columns: {NAME: {kind: numeric}}`"),
    "mostly missing": (f"no value in more than {_MISSING:.0%} of the events".replace("%", " %"), ""),
    "empty": ("never a value", ""),
    "id": (
        "a new value in nearly every event, as ids, counters and times have",
        "It says nothing about drift: `columns: {NAME: {kind: ignore}}`",
    ),
    "date": (
        "dates",
        "A date moves on by itself: `columns: {NAME: {kind: ignore}}`, or `age`, `hour` or `weekday` of it as the kind",
    ),
    "list": (
        "lists that are not taken for embeddings, and are not watched",
        "To watch lists of a few numbers: `columns: {NAME: {kind: embedding}}`",
    ),
    "constant": (
        "the same value in all events of the sample",
        "If one names the model or its version, map it: `predictions: {fields: {model: /...}}`",
    ),
}


def _object(features: Features) -> dict[str, Any]:
    if isinstance(features, NamedValues):
        return features.members()
    if isinstance(features, dict):
        return features
    raw = bytes(features)
    if not raw:
        return {}
    try:
        found = _DECODE(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _flat(values: dict[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of an object, with those of objects in it as ``name.member``."""
    for name, value in values.items():
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _flat(value, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}", value


def _kind(values: Sequence[Any], n: int) -> str:
    present = [value for value in values if value is not None]
    if not present:
        return "empty"
    if len(present) < (1 - _MISSING) * n:
        return "mostly missing"
    common = Counter(map(type, present)).most_common(1)[0][0]
    by_type: dict[type, Callable[[Sequence[Any]], str]] = {
        list: _kind_of_lists,
        bool: lambda _: "boolean",
        str: _kind_of_texts,
    }
    kind = by_type.get(common, _kind_of_numbers)(present)
    constant = kind in _GOOD and len(present) == n >= _ENOUGH and all(value == present[0] for value in present)
    return "constant" if constant else kind


def _kind_of_texts(values: Sequence[Any]) -> str:
    if all(number_of(value) is not None for value in values):
        return "number as text"
    if all(_is_date(str(value)) for value in values[:_LOOKED_AT]):
        return "date"
    return "id" if _all_different(values) else "categorical"


def _kind_of_numbers(values: Sequence[Any]) -> str:
    return "id" if _all_different(values) and _counts_up(values) else "numeric"


def _kind_of_lists(values: Sequence[Any]) -> str:
    found = vectors_of(values)
    return "embedding" if found is not None and found.is_embedding(None) else "list"


def _all_different(values: Sequence[Any]) -> bool:
    return len(values) >= _ENOUGH and len(set(map(str, values))) >= _EVERY * len(values)


def _is_date(text: str) -> bool:
    return len(text) >= 10 and text[:4].isdigit() and text[4] in "-/" and text[5:7].isdigit()  # noqa: PLR2004


def _counts_up(values: Sequence[Any]) -> bool:
    """Whether whole numbers ascend, nearly without exception, as counters and times do."""
    if not all(type(value) is int for value in values):
        return False
    ascending = sum(a < b for a, b in pairwise(values))
    return bool(ascending >= _EVERY * (len(values) - 1))


def _listed(kind: str, names: Sequence[str]) -> str:
    return f"{len(names)} {kind} ({_names(names)})"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
