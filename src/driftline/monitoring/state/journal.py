"""A journal: small inputs are written at each checkpoint in place of the large values that they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast

from driftline.monitoring.state.table import Codec, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driftline.monitoring.state.table import Tables

V = TypeVar("V")


class Journal(Table[int, V | None], Generic[V]):
    """Inputs by time since the tables that they change were written; after a restore they are applied again.

    Of inputs that are written only the times stay in memory.

    Parameters
    ----------
    covered : sequence of Table
        Not written while the journal runs. They must be registered before it.
    most : int
        Inputs that are kept at most; with more the journal ends.
    replay : callable of (int, V)
        Applies an input again.

    Attributes
    ----------
    ended : bool
        Whether the next checkpoint writes the covered tables, and nothing of the journal, which then runs anew.
    """

    def __init__(
        self, name: str, value: type[V] | Codec[V], covered: Tables, most: int, replay: Callable[[int, V], None]
    ) -> None:
        super().__init__(name, int, cast("Codec[V | None] | type[V | None]", value))
        self._covered = covered
        self._most = most
        self._replay = replay
        self._run(running=True)

    def _run(self, *, running: bool) -> None:
        self.ended = not running
        for table in self._covered:
            table.withheld = running

    def note(self, time_ms: int, value: V) -> None:
        """Keep an input of a running journal."""
        self.put(time_ms, value)
        if len(self) > self._most:
            self.end()

    def end(self) -> None:
        """Let the covered tables be written at the next checkpoint."""
        self._run(running=False)
        self.clear()

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield what changed since the last call; after that the journal runs."""
        yield from super().changes()
        self._let_go()
        self._run(running=True)

    def restored(self) -> None:
        """Apply the inputs to the covered tables."""
        for time_ms in sorted(self):
            value = self[time_ms]
            if value is not None:
                self._replay(time_ms, value)
        self._let_go()

    def _let_go(self) -> None:
        """Forget the inputs that are written, but not their times: under these they are deleted when it ends."""
        for time_ms in self:
            self._values[time_ms] = None
