"""Settings under which a few minutes of traffic lead to requests and proposals."""

from __future__ import annotations

from driftline.config.durations import Duration
from driftline.config.retraining_settings import ProposalSettings, RetrainingSettings

EAGER_RETRAINING = RetrainingSettings(
    enabled=True,
    severity="warning",
    after=Duration(90_000),
    min_labels=30,
    cooldown=Duration(60_000),
    span=Duration(600_000),
)
EAGER_PROPOSALS = ProposalSettings(
    recalibration="isotonic", threshold="accuracy", min_labels=100, cooldown=Duration(60_000), span=Duration(600_000)
)
