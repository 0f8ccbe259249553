"""When commands about alerts are decided: carried out, or refused as there is no such alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.monitoring.model_setup import IDLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from driftline.monitoring.alert_desk import AlertDesk
    from driftline.monitoring.control.control_book import ControlBook
    from driftline.monitoring.control.kept import KeptCommand
    from driftline.monitoring.model_setup import Outputs
    from driftline.panes.watermarks import Watermarks

Reached = tuple[int | None, int | None]
"""How far predictions and joins have come, in whole panes."""


class Decisions:
    """Answers commands, given the alerts of a model by its name (of the input topics by an empty one)."""

    def __init__(self, book: ControlBook, desks_of: Callable[[str], Iterable[AlertDesk]], *, has_labels: bool) -> None:
        self._book = book
        self._desks_of = desks_of
        self._has_labels = has_labels

    def answers(self, reached: Reached, marks: Watermarks) -> Outputs:
        """Return the answers that can be given by now; commands about alerts are carried out with theirs.

        Those wait until all sequences of the model have come as far, and find most of them done.
        """
        if not self._book:
            return []
        outputs = self._book.answers()
        for command in [*self._book.undecided]:
            flags = self._decided_by(command, reached, marks)
            if flags is not None:
                outputs += self._act(command, flags)
        predictions, joins = reached
        if predictions is not None:
            self._book.expire(predictions if joins is None else min(predictions, joins))
        return outputs

    def _decided_by(self, command: KeptCommand, reached: Reached, marks: Watermarks) -> frozenset[str] | None:
        """Return the flags under which a command about an alert is decided now; None while it has to wait.

        Where nothing comes at all, event time stands still, and people do not: what was said then holds at once.
        """
        predictions, joins = reached
        passed = predictions is not None and predictions > command.from_ms
        if passed and (not self._has_labels or (joins is not None and joins > command.from_ms)):
            return frozenset()
        quiet = marks.predictions_quiet_ms is not None and command.entry.at_ms <= command.entry.written_ms
        labels_rest = not self._has_labels or marks.labels_idle
        return frozenset((IDLE,)) if labels_rest and (passed or quiet) else None

    def _act(self, command: KeptCommand, flags: frozenset[str]) -> Outputs:
        for desk in self._desks_of(command.model or ""):
            outputs = desk.act(command, flags)
            if outputs is not None:
                return outputs
        text = (
            f"No alert of the id {command.alert} of the model {command.model!r} is open, and none that was resolved "
            "lately is kept."
        )
        return self._book.settle(command, text, flags)
