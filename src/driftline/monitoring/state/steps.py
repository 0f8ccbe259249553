"""Steps: what records of alerts made known when, for those to look up who are behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from driftline.monitoring.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from driftline.events.alert import AlertEvent
    from driftline.monitoring.state.table import Tables

MAX_STEPS: Final = 2_000
"""Steps of a model that are kept at most; where labels stall for longer, the oldest are forgotten."""


class Step(Protocol):
    """What was known of an alert from a moment on."""

    @property
    def time_ms(self) -> int:
        """The moment."""

    @property
    def alert_id(self) -> str:
        """The alert."""


S = TypeVar("S", bound=Step)


class Steps(Generic[S]):
    """The steps of alerts, in the order in which they became known.

    Parameters
    ----------
    name : str
        Of the table.
    kind : type
        Of a step.
    step_of : callable
        Returns what a record of an alert makes known.
    same : callable
        Whether a step says nothing that the one before it of the same alert did not: then it makes none.

    Notes
    -----
    *State*: at most :data:`MAX_STEPS` steps.
    """

    def __init__(
        self, name: str, kind: type[S], step_of: Callable[[AlertEvent], S], same: Callable[[S, S], bool]
    ) -> None:
        self._steps = Table(name, int, kind)
        self._step_of, self._same = step_of, same
        self.tables: Tables = (self._steps,)

    def __len__(self) -> int:
        return len(self._steps)

    def note(self, alerts: Iterable[AlertEvent]) -> None:
        """Add what records of alerts make known, in their order."""
        latest = {step.alert_id: step for _, step in self._in_order()}
        for alert in alerts:
            step = self._step_of(alert)
            before = latest.get(step.alert_id)
            if before is None or not self._same(before, step):
                self._steps.put(max(self._steps, default=-1) + 1, step)
                latest[step.alert_id] = step
        for number in sorted(self._steps)[: max(0, len(self._steps) - MAX_STEPS)]:
            self._steps.drop(number)

    def _in_order(self) -> list[tuple[int, S]]:
        return sorted(self._steps.items())

    def _forget(self, before_ms: int, over: Callable[[S], bool]) -> None:
        """Forget of what was known before a moment the steps that others replaced, and those that are over."""
        known = [(number, step) for number, step in self._in_order() if step.time_ms < before_ms]
        latest = {step.alert_id: number for number, step in known}
        for number, step in known:
            if number != latest[step.alert_id] or over(step):
                self._steps.drop(number)
