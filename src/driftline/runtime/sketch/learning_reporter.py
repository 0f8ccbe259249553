"""Says in the log and as a figure which partitions are not read on until a reference has been learnt from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.events.model_key import ModelKey
    from driftline.events.source import Source
    from driftline.events.source_numbers import Place
    from driftline.runtime.operations.telemetry import Telemetry
    from driftline.sketching.learning_hold import Hold, LearningHold

_log = get_logger(__name__)


class LearningReporter:
    """Tells each change once: a model begins to hold partitions, they are read on, or a model is waited for no more.

    ``place`` returns the topic and the partition that a source is.
    """

    def __init__(self, telemetry: Telemetry, place: Callable[[Source], Place]) -> None:
        self._place = place
        self._telemetry = telemetry
        self._held: dict[Source, ModelKey] = {}

    def changed(self, holds: Sequence[Hold]) -> bool:
        """Whether other partitions are held than were told last."""
        return {hold.source for hold in holds} != self._held.keys()

    def tell(self, learning: LearningHold, now_s: float) -> None:
        """Give up what has waited for too long, and tell what has changed; the time is that of a monotonic clock."""
        for key in learning.give_up(round(now_s * 1000)):
            _log.warning(
                "no reference could be learnt yet: reading on without waiting for one. Until there is a reference the "
                "events wait in the memory of the detect workers, whose log says why none could be learnt",
                model=str(key),
            )
        before, self._held = self._held, {hold.source: hold.key for hold in learning.holds()}
        for key in sorted({*self._held.values()} - {*before.values()}):
            waiting = sorted(str(self._place(source)) for source, each in self._held.items() if each == key)
            _log.info("waiting for a reference: enough events were read to learn it", model=str(key), waiting=waiting)
        for source in sorted(self._held.keys() | before.keys()):
            self._telemetry.held(source.kind, self._place(source), held=source in self._held)
        if before and not self._held:
            _log.info("reading on: no partition waits for a reference any more")

    def forget(self) -> None:
        """Forget all partitions: the worker has given them up."""
        self._held = {}
