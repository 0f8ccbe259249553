"""The small part of the state of one model's predictions."""

from __future__ import annotations

from msgspec import Struct

from driftline.alerts import ModelAlerts  # msgspec reads it


class PredictionState(Struct):
    """The small part of a model's state; what is large stands in pieces of its own."""

    profile_id: str | None = None
    """Under which the running windows, or the bootstrap's reference, are counted."""
    last_end_ms: int | None = None
    """End of the last pane that was counted."""
    n_unprofiled: int = 0
    """Events left out, as they had been sketched under another profile or none."""
    learning_since_ms: int | None = None
    """Start of the first pane of the sample that made the running bootstrap's grid."""
    missed: bool = False
    """Whether events came after an idle mark since the last pane that was counted."""
    alerts: ModelAlerts = ModelAlerts()
    deployed_ms: int | None = None
    """Moment of the last deploy of this version that has been carried out."""
    restarted_ms: int | None = None
    """Start of the first pane after it."""
