"""Says in the log and as figures how far the references have been learnt that nobody published."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.events.cloudevents import rfc3339
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.monitoring.monitor_status import LearningStatus
    from driftline.runtime.operations.model_metrics import ModelMetrics

INTERVAL_S: Final = 30.0
"""Between two lines on one model's progress within a phase."""
_log = get_logger(__name__)


class _Told(NamedTuple):
    phase: str
    n_learnt: int
    at_s: float


class LearningProgress:
    """Tells how far each model's reference has been learnt.

    The log gets a line when a phase begins and, where there was progress, every ``INTERVAL_S``; the figures are there
    as long as a reference is being learnt.

    Notes
    -----
    *State*: a few numbers for each model that learns; they go with the model.
    """

    def __init__(self, figures: ModelMetrics, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._figures = figures
        self._settings = settings
        self._clock = clock
        self._told: dict[ModelKey, _Told] = {}

    def show(self, key: ModelKey, status: LearningStatus | None) -> None:
        """Replace what is shown of a model; None where it has a reference."""
        if status is None or status.phase == "off":
            if self._told.pop(key, None) is not None and status is None:
                dispersion = self._settings.model(key.model).checks.dispersion
                _log.info(
                    "reference learnt: checks begin with the next window",
                    model=str(key),
                    columns_notify_after="at once" if dispersion.mode == "independent" else str(dispersion.span),
                )
            self._figures.learning(key, None, None)
            return
        self._figures.learning(key, status.n_learnt, status.n_wanted)
        told, now_s = self._told.get(key), self._clock()
        if told is not None:
            due = told.phase != status.phase or (now_s - told.at_s >= INTERVAL_S and told.n_learnt != status.n_learnt)
            if not due:
                return
        elif status.n_learnt == 0:
            return  # that it begins to learn is said already
        self._told[key] = _Told(status.phase, status.n_learnt, now_s)
        _log.info(
            "learning a reference",
            model=str(key),
            progress=f"{status.n_learnt:,} of {status.n_wanted:,} events learnt",
            first_checks_at=self._first_checks(key, status),
        )

    def _first_checks(self, key: ModelKey, status: LearningStatus) -> str:
        """Return about when the first window will have been checked, in event time."""
        expected_ms = status.expected_ms()
        if expected_ms is None:
            return "not known yet"
        size_ms = min(map(int, self._settings.model(key.model).windows.verdict))
        end_ms = (expected_ms // size_ms + 1) * size_ms + int(self._settings.time.lateness)
        return f"about {rfc3339(end_ms)[:16]}Z in event time"

    def forget(self, key: ModelKey) -> None:
        """Forget a model that this process watches no more."""
        self._told.pop(key, None)
        self._figures.learning(key, None, None)
