"""Whether a mapping is of the plain kind: JSON pointers into objects, which typed decoding reads in one pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from driftline.config.field_places import Constant, LatencyAt
from driftline.events.mapping import pointer_parts

if TYPE_CHECKING:
    from driftline.config.field_places import Where
    from driftline.config.input_settings import LabelFields, PredictionFields

_CONSTANTS = ("model", "model_version")
UNSTRUCTURED: Final = re.compile(r'[\\"\x00-\x1f]')
"""Characters in names that msgspec's structs cannot have."""


def is_plain(fields: PredictionFields | LabelFields, where: Where | None = None) -> bool:
    """Return whether every field stands under a pointer into objects, none of them inside the features or segments.

    Examples
    --------
    >>> from driftline.config.input_settings import PredictionFields
    >>> is_plain(PredictionFields()), is_plain(PredictionFields(score="/score/1"))
    (True, False)
    """
    if where is not None or fields.rows is not None or fields.tables:
        return False
    paths: dict[str, tuple[str, ...]] = {}
    for name in fields.__struct_fields__:
        place = getattr(fields, name)
        if place is None or name == "tables" or (name in _CONSTANTS and isinstance(place, Constant)):
            continue
        if name == "operations" or isinstance(place, LatencyAt):
            named = place if isinstance(place, dict) else {name: place.pointer}
            if any(pointer.startswith("row:") for pointer in named.values()):
                return False
            paths |= {f"operations/{each}": pointer_parts(pointer) for each, pointer in named.items()}
            continue
        if not isinstance(place, str) or place.startswith("row:"):
            return False
        paths[name] = pointer_parts(place)
    if any(part.isdecimal() or UNSTRUCTURED.search(part) for path in paths.values() for part in path):
        return False
    return not any(_inside_object(paths, name) for name in ("features", "segments"))


def _inside_object(paths: dict[str, tuple[str, ...]], name: str) -> bool:
    """Whether another field stands inside this object; in the record itself they all do."""
    outer = paths.get(name, ())
    return bool(outer) and any(path[: len(outer)] == outer for other, path in paths.items() if other != name)


def record_pointers(fields: PredictionFields | LabelFields) -> list[str]:
    """Return the pointers of all mapped fields into the record's value, except those of segments by name."""
    pointers = []
    for name in fields.__struct_fields__:
        place = getattr(fields, name)
        if name == "tables" or (name == "segments" and not isinstance(place, str)):
            continue
        pointers += pointers_of(place)
    return pointers


def pointers_of(place: object) -> list[str]:
    """Return the pointers into the record's value of a configured place."""
    if isinstance(place, str):
        return [place]
    if isinstance(place, dict):
        return [pointer for each in place.values() for pointer in pointers_of(each)]
    pointer = getattr(place, "pointer", None)
    if pointer is not None:
        return [pointer]
    parts = getattr(place, "join", ()) or getattr(place, "first", ())
    return [pointer for each in parts for pointer in pointers_of(each)]
