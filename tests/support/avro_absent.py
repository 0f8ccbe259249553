"""What fields of events that JSON leaves out are in Avro: an empty map, an empty list or null."""

from __future__ import annotations

from typing import Any, Final

from driftline.events.cloudevents import ALERT, FINDING, PERFORMANCE

_OF_TYPE: Final[dict[str, dict[str, Any]]] = {
    PERFORMANCE: {"explained": [], "errors_watched": None},
    FINDING: {"explained": None, "without_value": None, "stuck": None, "origins": []},
    ALERT: {"acknowledged": None, "muted_until": None, "muted_by": None, "notes": [], "beside": [], "origins": []},
}


def with_absent(ce_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event's data with the fields that JSON leaves out."""
    return {"schemas": {}, **_OF_TYPE.get(ce_type, {}), **data}
