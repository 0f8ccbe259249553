"""What fields of events that JSON leaves out are in Avro: an empty map, an empty list or null."""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec import NODEFAULT, inspect

from driftline.events.output_types import OUTPUT_EVENTS


@cache
def _absent_of(ce_type: str) -> dict[str, Any]:
    """Return the fields that events of a type may be without, each with what stands for that."""
    event = next(event for event in OUTPUT_EVENTS.values() if ce_type == event.TYPE)
    about = inspect.type_info(event)
    assert isinstance(about, inspect.StructType)
    found: dict[str, Any] = {}
    for field in about.fields:
        if not field.required and field.default is field.default_factory is NODEFAULT:
            types = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
            kinds = {type(each) for each in types}
            found[field.name] = [] if inspect.ListType in kinds else {} if inspect.DictType in kinds else None
    return found


def may_be_absent(ce_type: str) -> frozenset[str]:
    """Return the names of the fields that events of a type may be without."""
    return frozenset(_absent_of(ce_type))


def with_absent(ce_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event's data with the fields that JSON leaves out."""
    return {**_absent_of(ce_type), **data}
