"""The model server: answers each applicant with the version in service, and reports what became of earlier ones."""

from __future__ import annotations

import heapq
import json
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from examples.retraining.applicants import HOUR_MS, START_MS, applicants

if TYPE_CHECKING:
    from examples.retraining.model import CreditModel

MODEL = "credit-risk"
PREDICTIONS, LABELS = "predictions", "labels"


class Server:
    """Serves hour after hour of event time.

    Parameters
    ----------
    brokers : str
    prefix : str
        Of the two topics, `<prefix>.predictions` and `<prefix>.labels`.
    model : CreditModel
        In service at first.

    Attributes
    ----------
    hour : int
        The next one to serve.
    """

    def __init__(self, brokers: str, prefix: str, model: CreditModel) -> None:
        # murmur2, as Java's producers: a label has to be on the partition of its prediction
        properties = {"partitioner": "murmur2_random", "linger.ms": 5, "log.connection.close": False}
        self._producer = Producer({"bootstrap.servers": brokers, **properties})
        self._prefix = prefix
        self._model = model
        self._waiting: list[tuple[int, str, int]] = []
        self.hour = 0

    @property
    def time_ms(self) -> int:
        """Event time at which the next hour begins."""
        return START_MS + self.hour * HOUR_MS

    def put_in_service(self, model: CreditModel) -> None:
        """Answer with another version from the next hour on."""
        self._model = model

    def serve_hour(self) -> None:
        """Answer the applicants of an hour, and send the labels that are due in it."""
        records: list[tuple[int, str, str, dict[str, object]]] = []
        for each in applicants(self.hour):
            score = self._model.score(each.features)
            prediction = {
                "prediction_id": each.id,
                "model": MODEL,
                "model_version": self._model.version,
                "ts": each.time_ms,
                "features": each.features,
                "prediction": self._model.decide(score),
                "score": score,
            }
            records.append((each.time_ms, PREDICTIONS, each.id, prediction))
            heapq.heappush(self._waiting, (each.label_ms, each.id, each.label))
        self.hour += 1
        while self._waiting and self._waiting[0][0] < self.time_ms:
            due_ms, id_, label = heapq.heappop(self._waiting)
            records.append((due_ms, LABELS, id_, {"prediction_id": id_, "label": label, "ts": due_ms}))
        for _, topic, key, value in sorted(records, key=lambda record: record[:3]):
            self._producer.produce(f"{self._prefix}.{topic}", json.dumps(value), key, on_delivery=_acknowledged)
            self._producer.poll(0)
        left = self._producer.flush(60)
        if left:
            raise TimeoutError(f"Expected the broker to take all records within 60 s, got {left} left")


def _acknowledged(error: KafkaError | None, _message: Message) -> None:
    if error is not None:
        raise KafkaException(error)
