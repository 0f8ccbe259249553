"""When the revisions of performance windows are due: at fixed ages of each window, in event time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from driftline.config.model import ModelSettings


class RevisionTimes(NamedTuple):
    """The moments at which revisions of one model's performance windows are due.

    Examples
    --------
    >>> times = RevisionTimes(60, (60, 200))
    >>> times.due_ms(0, 1), times.due_after(0, 121), times.due_after(0, 261), times.next_due(121)
    (260, 260, None, 140)
    """

    size_ms: int
    """Of a window."""
    ages_ms: tuple[int, ...]
    """Ascending, counted from a window's end; the last is the horizon."""

    @classmethod
    def of(cls, settings: ModelSettings) -> RevisionTimes:
        """Return the moments that a model's settings say."""
        return cls(int(settings.windows.performance), tuple(settings.labels.ages_ms))

    def due_ms(self, start_ms: int, revision: int) -> int:
        """Return when a window's revision is due."""
        return start_ms + self.size_ms + self.ages_ms[revision]

    def revision_after(self, start_ms: int, pane_end_ms: int) -> int | None:
        """Return the first revision of a window that a pane is part of; None where all are past."""
        for revision in range(len(self.ages_ms)):
            if self.due_ms(start_ms, revision) >= pane_end_ms:
                return revision
        return None

    def due_after(self, start_ms: int, pane_end_ms: int) -> int | None:
        """Return the moment of the first revision of a window that a pane is part of; None where all are past."""
        revision = self.revision_after(start_ms, pane_end_ms)
        return None if revision is None else self.due_ms(start_ms, revision)

    def next_due(self, pane_end_ms: int) -> int:
        """Return the first moment, at a pane's end or after it, at which a revision of any window could be due.

        No window tells apart panes that end between two such moments.
        """
        return min(age_ms - (age_ms - pane_end_ms) // self.size_ms * self.size_ms for age_ms in self.ages_ms)
