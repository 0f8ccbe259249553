"""How many events came with which schema of a registry: a few counts by name that merge in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SCHEMAS: Final = 8
"""Schemas that are kept of a pane or window, those with the smallest ids."""

SchemaCounts = dict[str, int]
"""A schema's id, as text, or its GUID, to events that were read with it."""


def merge_schemas(into: SchemaCounts, other: Mapping[str, int]) -> None:
    """Add counts, and keep those of the smallest ids.

    What is kept is counted in full whatever the order: an id among the smallest of the whole is among the smallest of
    every part that has it.

    Examples
    --------
    >>> counts = {"300": 5}
    >>> merge_schemas(counts, {"299": 1, "300": 2})
    >>> counts
    {'299': 1, '300': 7}
    """
    if not other:
        return
    whole = {name: into.get(name, 0) + other.get(name, 0) for name in into.keys() | other.keys()}
    into.clear()
    into.update((name, whole[name]) for name in sorted(whole, key=_rank)[:MAX_SCHEMAS])


def _rank(name: str) -> tuple[int, str]:
    """Order numbers by their size, before GUIDs."""
    return len(name), name
