"""How much a column matters to the model, relative to the most important one: what severity is weighted by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.contract.check import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.config.model import ModelSettings
    from driftline.events.evidence import EventRole
    from driftline.profiles.profile import Profile


def subject_of(profile: Profile, name: str, role: EventRole, settings: ModelSettings) -> Subject:
    """Return a column as the subject of an outcome, with its importance.

    A feature whose importance is given, and is less than ``alerts.min_importance`` of the greatest, opens no alert when
    it drifts. Predictions and scores are what the model says, so they always count in full.
    """
    importance = profile.importances.get(name, 1.0)
    if role != "feature":
        return Subject(name, role, importance)
    weight = relative_importance(profile, (name,))
    may_notify = name not in profile.importances or weight >= settings.alerts.min_importance
    return Subject(name, role, importance, weight, may_notify)


def relative_importance(profile: Profile, names: Iterable[str]) -> float:
    """Return the greatest importance of some features, divided by the greatest of all; 1 where none is given.

    Features without an importance have 1, as everywhere.
    """
    given = profile.importances
    features = [column.name for column in profile.columns if column.role == "feature"]
    greatest = max((given.get(name, 1.0) for name in features), default=0.0) if given else 0.0
    if greatest <= 0:
        return 1.0
    return min(1.0, max((given.get(name, 1.0) for name in names), default=greatest) / greatest)
