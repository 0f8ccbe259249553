"""One example of a part that keeps state, and what the examples share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from driftline.events.model_key import ModelKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.monitoring.state.scope import StateScope
    from driftline.monitoring.state.table import Stateful


P = TypeVar("P", bound="Stateful")


HOUR_MS = 3_600_000


KEY = ModelKey("m", "1")


@dataclass(frozen=True)
class Example(Generic[P]):
    """One stateful part, or several that belong together.

    Attributes
    ----------
    covers : set of type
        Classes whose tables it fills.
    make : callable of StateScope to part
    steps : list of callable of part
        Its life; each returns what it tells, comparable. Between two of them it may stop.
    """

    covers: set[type]
    make: Callable[[StateScope], P]
    steps: list[Callable[[P], object]]


def of(part: type[P], make: Callable[[], P], step: Callable[[P, int], object], n: int) -> Example[P]:
    """Return the example of a part that is given the numbers of its steps."""
    return Example({part}, lambda _: make(), [numbered(step, i) for i in range(n)])


def numbered(step: Callable[[P, int], object], number: int) -> Callable[[P], object]:
    """Return a step that knows its number."""
    return lambda part: step(part, number)


def told(windows: Iterable[ClosedWindow | None]) -> list[object]:
    """Return what windows hold, comparable."""
    return [
        None
        if window is None
        else (
            window.kind,
            window.start_ms,
            window.end_ms,
            window.extended,
            window.flags,
            window.hours,
            window.offsets,
            window.sketch.pack(),
            None if window.rolling is None else window.rolling.pack(),
        )
        for window in windows
    ]
