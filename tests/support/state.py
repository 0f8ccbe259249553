"""Checkpoints and restores of single parts of the monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.monitoring.state.checkpoint import StatePlace
from driftline.monitoring.state.scope import StateScope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.monitoring.state.table import Stateful


def changes(part: Stateful) -> dict[str, bytes | None]:
    """Return what the next checkpoint of a part holds, by table and key; None deletes."""
    return {str(StatePlace(table.name, key)): data for table in part.tables for key, data in table.changes()}


def checkpoint(part: Stateful, store: dict[str, bytes]) -> None:
    """Keep what changed of a part."""
    for name, data in changes(part).items():
        if data is None:
            store.pop(name, None)
        else:
            store[name] = data


def restore(part: Stateful, store: Mapping[str, bytes | None]) -> StateScope:
    """Let a part go on from what was kept; return the scope that it is in."""
    scope = StateScope("tests")
    scope.add(part.tables)
    places = {name.partition("/"): data for name, data in store.items() if data is not None}
    scope.load({StatePlace(table, key): data for (table, _, key), data in places.items()})
    return scope
