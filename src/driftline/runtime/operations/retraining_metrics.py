"""Prometheus metrics of the loop back to models: what a retraining policy waits for, and why nothing is proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.events.model_key import ModelKey
    from driftline.events.proposal import ProposalKind
    from driftline.monitoring.monitor_status import MissingProposal, RetrainingStatus
    from driftline.runtime.operations.metric_families import MetricFamilies


class RetrainingMetrics:
    """The figures of models with a retraining policy, or for which proposals are wanted."""

    def __init__(self, families: MetricFamilies) -> None:
        model = families.model_gauge
        self._waiting = model("retraining_waiting", "1 for what the retraining policy waits for", "waiting_for")
        self._labelled = model(
            "retraining_labelled_predictions", "Labelled predictions since the onset of the incident that it waits with"
        )
        self._wanted = model("retraining_wanted_predictions", "Labelled predictions that the retraining policy needs")
        self._missing = model("proposal_missing", "1 for why a wanted proposal was not made", "proposal", "missing")
        self._all = (self._waiting, self._labelled, self._wanted, self._missing)

    def show(
        self, key: ModelKey, status: RetrainingStatus | None, missing: Mapping[ProposalKind, MissingProposal]
    ) -> None:
        """Replace what is shown of a version of a model; None where it has no policy."""
        self._waiting.show(key, {} if status is None else {(status.waiting_for,): 1})
        self._labelled.set(key, None if status is None else status.n_labelled)
        self._wanted.set(key, None if status is None else status.n_wanted)
        self._missing.show(key, {(kind, each.reason): 1 for kind, each in missing.items()})

    def forget(self, key: ModelKey) -> None:
        """Remove what is shown of a version of a model."""
        for metric in self._all:
            metric.forget(key)
