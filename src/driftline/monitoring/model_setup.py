"""What both sequences of one model need: its settings, the pane, and the profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import xxhash
from msgspec import msgpack

from driftline.monitoring.control.model_control import no_control

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.model_key import ModelKey
    from driftline.events.output_record import OutputRecord
    from driftline.monitoring.control.model_control import ModelControl
    from driftline.profiles.profile import Profile
    from driftline.profiles.profiles import Profiles
    from driftline.profiles.shelf import Shelf
    from driftline.profiles.task import Task

IDLE = "idle"
"""Flag of what was closed only because a partition had been declared idle."""
AFTER_IDLE = "after_idle"
"""Flag of what events were missed in, because their partition had been declared idle."""
UNPROFILED = "unprofiled"
"""Flag of what events were left out of: sketched under another profile, or too many to be kept until one was known."""


class ModelSetup(NamedTuple):
    """Settings and surroundings of one model."""

    key: ModelKey
    budget: ErrorBudget
    pane_ms: int
    profiles: Profiles
    not_features: frozenset[str] = frozenset()
    """Names in a features object that are no features."""
    control: ModelControl | None = None
    """What has been said of the model on the control topic; None where nothing can be."""
    shelf: Shelf | None = None
    """Where what is seldom needed is kept; None where it stays in memory."""

    @property
    def directions(self) -> ModelControl:
        """What has been said of the model on the control topic."""
        return no_control(self.key) if self.control is None else self.control

    def profile_until(self, end_ms: int) -> Profile | None:
        """Return the profile that holds for the last pane before a moment."""
        return self.profiles.at(self.key, end_ms - self.pane_ms)

    def deployed_since(self, known_ms: int | None, at_ms: int) -> int | None:
        """Return when this version was last deployed up to a moment, or a later time that is known already."""
        times = (self.directions.deployed_by(at_ms), known_ms)
        return max((each for each in times if each is not None), default=None)


class WatermarkReach(NamedTuple):
    """How far a watermark has come."""

    until_ms: int
    """Panes that end by then are closed."""
    certain_ms: int | None
    """How far it would have come with no partition left out as idle; None is minus infinity."""

    def flags(self, end_ms: int) -> frozenset[str]:
        """Return what is to be said of something that closed at ``end_ms``."""
        relied = self.certain_ms is None or end_ms > self.certain_ms
        return frozenset((IDLE,)) if relied else frozenset()


Outputs = list["OutputRecord"]


def task_id(task: Task) -> str:
    """Return what tells tasks apart whose performance cells or errors must not be added up."""
    return xxhash.xxh3_64_hexdigest(msgpack.encode((task.kind, task.classes, task.spread, task.weighted)))
