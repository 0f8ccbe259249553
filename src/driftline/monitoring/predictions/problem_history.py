"""What predictions showed when: the steps of a model's problems, for the joins to look up.

It belongs to the sequence of predictions. That of joins, whose watermark is never ahead of the predictions', reads it
as of its own event time, so that what it finds does not depend on how far the predictions have come.
"""

from __future__ import annotations

from driftline.monitoring.predictions.problem_steps import ProblemSteps
from driftline.monitoring.state.table import Value


class ProblemHistory(ProblemSteps):
    """The steps of a model's problems, and since when it has predicted.

    ``keep_ms`` is the time after its end for which a problem can explain what joins show.

    Notes
    -----
    *State*: a time, and that of the steps.
    """

    def __init__(self, keep_ms: int) -> None:
        super().__init__(keep_ms, "problem")
        self._first_ms = Value("first-pane", int)
        self.tables = (*self.tables, self._first_ms)

    @property
    def first_ms(self) -> int | None:
        """Start of the first pane with predictions of this version of the model; None where none is known."""
        return self._first_ms.or_none

    def begin(self, pane_ms: int) -> None:
        """Note a pane with predictions; the first one counts."""
        if self._first_ms.or_none is None:
            self._first_ms.set(pane_ms)
