"""All state of one model: its parts' tables under names of their own, to entries of a checkpoint and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import MsgspecError

from driftline.errors import FormatError, describe
from driftline.monitoring.state.checkpoint import StatePlace, damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.monitoring.state.table import Table, Tables


class StateScope:
    """The tables of one model; ``at`` says where it is, for messages.

    Notes
    -----
    Tables may be added during a restore, by what is restored of another: they then take their values from the same
    checkpoint. What no table has taken when the restore ends is deleted with the next checkpoint.
    """

    def __init__(self, at: str) -> None:
        self.at = at
        self._tables: dict[str, Table[Any, Any]] = {}
        self._deleted: dict[StatePlace, None] = {}
        self._unclaimed: dict[str, dict[str, bytes]] | None = None

    def add(self, tables: Tables, prefix: str = "") -> None:
        """Register tables; during a restore they are filled, in their order.

        Raises
        ------
        ValueError
            When a table has the name of another.
        FormatError
            When what a checkpoint holds of them is damaged; the message says what to do.
        """
        for table in tables:
            name = prefix + table.name
            if name in self._tables:
                raise ValueError(describe("a table name of its own", name, self.at))
            self._tables[name] = table
        for table in tables:
            self._fill(prefix + table.name)

    def remove(self, tables: Tables) -> None:
        """Take tables out that were added without a prefix; the next checkpoint deletes what is kept of them."""
        for table in tables:
            del self._tables[table.name]
            self._deleted.update(dict.fromkeys(StatePlace(table.name, key) for key in table.keys_kept()))

    def load(self, values: Mapping[StatePlace, bytes]) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        FormatError
            When it is damaged; the message says what to do.
        """
        self._unclaimed = {}
        for place, data in values.items():
            self._unclaimed.setdefault(place.table, {})[place.key] = data
        for name in list(self._tables):
            self._fill(name)
        for name, rest in self._unclaimed.items():
            self._deleted.update(dict.fromkeys(StatePlace(name, key) for key in rest))
        self._unclaimed = None

    def _fill(self, name: str) -> None:
        if self._unclaimed is None:
            return
        table = self._tables[name]
        for key, data in self._unclaimed.pop(name, {}).items():
            place = StatePlace(name, key)
            try:
                used = table.load(key, data)
            except (MsgspecError, FormatError, ValueError, LookupError) as error:
                raise damaged(f"a value of {place}", str(error), self.at) from error
            if not used:
                self._deleted[place] = None
        table.restored()

    def changes(self) -> Iterator[tuple[StatePlace, bytes | None]]:
        """Yield what changed since the last call; None deletes."""
        yield from ((place, None) for place in self._deleted)
        self._deleted.clear()
        for name, table in self._tables.items():
            yield from ((StatePlace(name, key), data) for key, data in table.changes())
