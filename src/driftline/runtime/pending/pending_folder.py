"""A worker's pending databases on disk, one folder per source partition."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from driftline.runtime.pending.pending_database import MEMORY_BYTES, PendingDatabase, shared_buffers

if TYPE_CHECKING:
    from driftline.config.settings import JoinSettings
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.joins.profile_table import ProfileTable

_FEWEST: Final = 3
"""Databases that share the memory at least: while one of them writes, it takes its part of it several times."""


class PendingFolder:
    """Opens the pending databases of a worker's partitions; ``databases`` are those open now, by source partition.

    ``owner`` is what the databases belong to: the cluster, the topic and the settings that their layout follows from.
    ``worker`` names the worker and its folder.
    """

    def __init__(self, settings: JoinSettings, profiles: Profiles, owner: str, worker: str) -> None:
        self._settings = settings
        self._profiles = profiles
        self._owner = owner
        self._worker = worker
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._buffers = shared_buffers()
        self.databases: dict[int, PendingDatabase] = {}

    def open(self, partition: int, table: ProfileTable) -> PendingDatabase:
        """Open the database of a source partition; quota and memory are divided evenly between all that are open."""
        owner = f"{self._owner}/{partition}/{table.longest_horizon_ms}/{table.longest_wait_ms}"
        path = self._root() / self._worker / str(partition)
        database = PendingDatabase(path, owner, table, self._profiles.get, self._settings.max_bytes, self._buffers)
        self.databases[partition] = database
        for each in self.databases.values():
            each.max_bytes = self._settings.max_bytes // len(self.databases)
            each.memory_bytes = MEMORY_BYTES // max(_FEWEST, len(self.databases))
        return database

    def _root(self) -> Path:
        if self._settings.directory is not None:
            return Path(self._settings.directory)
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="driftline-")
        return Path(self._temporary.name)

    def forget(self) -> None:
        """Forget all databases; the caller has closed them."""
        self.databases.clear()

    def close(self) -> None:
        """Remove the temporary folder."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None
