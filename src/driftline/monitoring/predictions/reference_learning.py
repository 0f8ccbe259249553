"""A model's reference learnt from its own predictions, where none is published: first columns and bins, then counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.monitoring.monitor_status import LearningStatus
from driftline.monitoring.predictions.bootstrap import BootstrapReference, BootstrapSample, is_counting

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.monitoring.model_setup import ModelSetup
    from driftline.monitoring.predictions.open_panes import OpenPane
    from driftline.monitoring.predictions.prediction_state import PredictionState
    from driftline.monitoring.state.table import Tables
    from driftline.profiles.profile import Profile


class ReferenceLearning:
    """Collects a sample of events, and counts further ones on its columns and bins.

    Parameters
    ----------
    setup : ModelSetup
    state : callable
        Returns the state of the model's predictions, which keeps since when a reference is learnt.

    Attributes
    ----------
    counted : BootstrapReference or None
        What is counted on the columns and bins of the sample, while that goes on.
    """

    def __init__(self, setup: ModelSetup, state: Callable[[], PredictionState]) -> None:
        self._setup = setup
        self._state = state
        self._sample = BootstrapSample(setup)
        self.counted: BootstrapReference | None = None

    @property
    def tables(self) -> Tables:
        """The tables of the sample."""
        return self._sample.tables

    @property
    def error(self) -> str | None:
        """Why the last sample did not make a profile."""
        return self._sample.last_error

    def status(self, n_waiting: int) -> LearningStatus | None:
        """Return how far a reference has been learnt; None where there is one.

        ``n_waiting`` is the number of events in open panes.
        """
        if any(not is_counting(profile) for profile in self._setup.profiles.of(self._setup.key)):
            return None
        settings, sample, counted = self._setup.budget.settings.bootstrap, self._sample, self.counted
        state = self._state()
        return LearningStatus(
            phase="off" if not settings.enabled else "sample" if counted is None else "reference",
            n_learnt=sample.n_events if counted is None else settings.sample + counted.n_events,
            n_wanted=settings.sample + settings.events,
            n_waiting=n_waiting,
            since_ms=sample.first_pane_ms if counted is None else state.learning_since_ms,
            until_ms=sample.end_ms if counted is None else state.last_end_ms,
            error=sample.last_error,
        )

    def gather(self, start_ms: int, opened: OpenPane) -> Profile | None:
        """Add a pane of a model without a profile; return the columns and bins to count on, once they are known."""
        state = self._state()
        sampled = opened.parts.pop("", None)
        state.n_unprofiled += sum(part.n_events for part in opened.parts.values())
        if sampled is None or sampled.n_events == 0:
            return None
        if not self._setup.budget.settings.bootstrap.enabled:
            state.n_unprofiled += sampled.n_events
            return None
        since_ms = self._sample.first_pane_ms
        profile = self._sample.add(start_ms, start_ms + self._setup.pane_ms, sampled)
        if profile is not None:
            state.learning_since_ms = start_ms if since_ms is None else since_ms
        return profile

    def begin(self, profile: Profile) -> BootstrapReference:
        """Begin to count on the columns and bins of a sample."""
        self.counted = BootstrapReference(profile, self._setup.budget.settings.bootstrap.events)
        return self.counted

    def clear_sample(self) -> None:
        """Forget the sample, as there is a profile."""
        self._sample.clear()
