"""The retrainer: acts on requests to retrain. It trains, compares, publishes the reference and deploys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Producer

from driftline.config.secrets import Credentials
from driftline.events.control import Deploy
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.effective import BEGINNING_MS
from driftline.runtime.references.reference_topic import publish
from examples.retraining.model import CreditModel, Example, accuracy
from examples.retraining.server import MODEL
from examples.retraining.training_data import LabelledPrediction, training_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile
    from examples.retraining.server import Server

HELD_OUT = 0.4
"""Part of the training window, its end, that is kept to compare the new version with the old one, and to be the new
version's reference: of rows that a model was trained on, its performance is too good to be true."""


class Deployment(NamedTuple):
    """What came of a request."""

    command: Deploy
    n_trained: int
    n_compared: int
    before: float
    """Accuracy of the present version on the rows held out."""
    after: float
    """Accuracy of the new one on the same rows."""


class Retrainer:
    """Retrains on request; a new version that is not better is not deployed.

    Parameters
    ----------
    settings : Settings
        Of driftline: brokers, prefix and the model's section.
    server : Server
        Serves the model.
    """

    def __init__(self, settings: Settings, server: Server) -> None:
        self._settings = settings
        self._server = server
        self._handled: set[str] = set()

    def handle(self, request: dict[str, Any]) -> Deployment | None:
        """Act on a request; None where it was handled before, or the new version is no better."""
        if request["incident"] in self._handled:
            return None  # events come at least once
        self._handled.add(request["incident"])
        kafka = self._settings.kafka
        rows = training_data(kafka.brokers, kafka.prefix, request)
        cut = round(len(rows) * (1 - HELD_OUT))
        version = str(int(request["model_version"]) + 1)
        model = CreditModel(version, [Example(row.features, row.label) for row in rows[:cut]])
        held_out = rows[cut:]
        scores = [model.score(row.features) for row in held_out]
        labels = [row.label for row in held_out]
        before = accuracy(zip([row.prediction for row in held_out], labels, strict=True))
        after = accuracy(zip(map(model.decide, scores), labels, strict=True))
        if after <= before:
            return None
        publish(kafka, Credentials(), reference(self._settings, model, held_out, scores))
        command = Deploy(
            by="examples.retraining",
            at=datetime.fromtimestamp(self._server.time_ms / 1_000, UTC),
            id=f"retrain-{request['incident']}",
            comment=f"retrained on {cut:,} labelled predictions; accuracy {before:.1%} -> {after:.1%}",
            model=request["model"],
            model_version=version,
            replaces=request["model_version"],
        )
        self._send(command, self._server.time_ms)
        self._server.put_in_service(model)
        return Deployment(command, cut, len(held_out), before, after)

    def _send(self, command: Deploy, now_ms: int) -> None:
        """Write a command, with the story's time, which is not the clock's; a live program leaves the timestamp out."""
        producer = Producer({"bootstrap.servers": self._settings.kafka.brokers, "log.connection.close": False})
        topic, value = self._settings.kafka.topic("control"), msgspec.json.encode(command)
        producer.produce(topic, value, key=command.model, timestamp=now_ms)
        if producer.flush(30):
            raise TimeoutError("Expected the control topic to take the command within 30 s, got no answer")


def reference(
    settings: Settings, model: CreditModel, rows: Sequence[LabelledPrediction], scores: Sequence[float]
) -> Profile:
    """Return the profile of a version: labelled rows, with its scores of them."""
    table = ReferenceTable(
        n=len(rows),
        features={name: [row.features[name] for row in rows] for name in rows[0].features},
        prediction=[model.decide(score) for score in scores],
        score=[*scores],
        label=[row.label for row in rows],
        times_ms=np.array([row.time_ms for row in rows]),
    )
    key, in_time = ModelKey(MODEL, model.version), TimeOptions(int(settings.time.pane))
    return build_profile(key, table, settings.model(MODEL), BEGINNING_MS, "training", in_time=in_time)
