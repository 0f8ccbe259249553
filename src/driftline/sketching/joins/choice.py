"""Which joins the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.sketching.joins.joins import Joins
from driftline.sketching.joins.local_joins import LocalJoins
from driftline.sketching.joins.routed_joins import RoutedJoins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from driftline.config.settings import Settings
    from driftline.events.source import Kind, Source
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.pending import PendingStores


def choose_joins(
    settings: Settings,
    profiles: Profiles,
    n_partitions: Mapping[Kind, int],
    open_stores: Callable[[int, ProfileTable], PendingStores],
    watermark_ms: Callable[[Source], int | None],
) -> Joins:
    """Return the joins that the settings ask for."""
    if settings.labels is None:
        return Joins()
    if not settings.join.routed:
        return LocalJoins(settings, profiles, open_stores, watermark_ms)
    return RoutedJoins(settings, profiles, open_stores, n_partitions.get("joins") or max(n_partitions.values()))
