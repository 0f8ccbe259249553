"""The input topics: where each field of a prediction or a label stands, and how records are written."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from driftline.config.field_places import FeaturesAt, LatencyAt, Origin, Place, Pointer, ScoreAt, TimeAt, Where
from driftline.config.record_forms import Pair, TableAt
from driftline.config.topic_names import names_of, shown


class PredictionFields(Struct, frozen=True, forbid_unknown_fields=True):
    """The place of each field of a prediction event in the record: a pointer, or [another form](attach.md)."""

    prediction_id: Place = "/prediction_id"
    """The id that a label refers to."""
    model: Place = "/model"
    """The model's name; `{value: ...}` if records lack it."""
    model_version: Place = "/model_version"
    """The model's version; `{value: ...}` if records lack it."""
    ts: Pointer | TimeAt = "/ts"
    """Event time, RFC 3339 or epoch milliseconds (`{pointer: /ts, unit: s}` for another unit); the record's Kafka
    timestamp if absent."""
    features: Pointer | FeaturesAt = "/features"
    """Pointer to an object of feature values by name, without the mapped fields in it; the empty pointer means the
    record itself. `{pointer: /row, names: [a, b]}` for a list or CSV."""
    prediction: Place = "/prediction"
    """The predicted class or number."""
    score: Pointer | ScoreAt = "/score"
    """A probability (binary), a map of class to probability (multiclass), or absent; `{pointer: /score, scale:
    percent}` for other scales."""
    segments: Pointer | dict[str, Place] = "/segments"
    """Pointer to an object of segment values by name; or a place for each name."""
    rows: Pointer | None = None
    """Pointer to a list where a record holds many events. `row:/x` is then in an element of it, and `*` in a pointer
    means the element of the same number."""
    tables: tuple[Pointer | TableAt, ...] = ()
    """Tables that are read as lists of rows, objects of values by column: tensors with names, `columns` beside `data`,
    and objects of columns."""
    latency_ms: Pointer | LatencyAt = "/latency_ms"
    """Time that the model took, in milliseconds (`{pointer: /took, unit: s}` for another unit); may be absent."""
    error: Place = "/error"
    """Why the model failed: a text, a code or an object. The prediction has failed if there is one that is not null,
    false, 0 or empty."""
    operations: dict[str, Pointer] = field(default_factory=dict)
    """Further numbers about the making of a prediction, none of them below 0, by name, as in `cpu_ms: /usage/cpu` or
    `memory_bytes: /usage/memory` ([operations of the model](operations-of-the-model.md))."""


class LabelFields(Struct, frozen=True, forbid_unknown_fields=True):
    """The place of each field of a label event in the record: a pointer, or [another form](attach.md)."""

    prediction_id: Place = "/prediction_id"
    """The id of the prediction."""
    label: Place = "/label"
    """The true class or number; null retracts a label."""
    weight: Pointer | None = None
    """Weight of the label, at least 0, used by models with `weighted` performance; 1 if absent."""
    ts: Pointer | TimeAt = "/ts"
    """Event time of the label; the record's Kafka timestamp if absent."""
    rows: Pointer | None = None
    """Pointer to a list where a record holds many labels, as for predictions."""
    tables: tuple[Pointer | TableAt, ...] = ()
    """As for predictions."""


class AvroSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Avro without a schema registry."""

    schema_files: tuple[str, ...] = ()
    """Schemas (`.avsc`). Bare Avro is read with the first; Avro's single-object encoding names its own among them."""


class ProtobufSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Protobuf without a schema registry."""

    descriptor_file: str | None = None
    """File that `protoc --descriptor_set_out --include_imports` wrote."""
    message: str | None = None
    """Full name of the message type, such as `shop.Prediction`."""


Encoding = Literal["auto", "json", "schema_registry", "avro", "protobuf", "cloudevents"]
"""How the values of a topic are written."""


class TopicInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The topics of one input."""

    topic: str | tuple[str, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """The names and patterns of the topics, in their order."""
        return names_of(self.topic)

    @property
    def shown(self) -> str:
        """The topics as messages name them."""
        return shown(self.topic)


class PredictionInput(TopicInput, frozen=True, forbid_unknown_fields=True):
    """The topics of predictions."""

    topic: str | tuple[str, ...] = "predictions"
    """A topic, several (`[scores-eu, scores-us]`), or all that match a regular expression that begins with `^`
    ([several topics](attach.md#several-topics))."""
    encoding: Encoding = "auto"
    """How records are written; `auto` reads plain JSON and, with a `schema_registry`, whatever names a schema in it."""
    avro: AvroSettings = AvroSettings()
    protobuf: ProtobufSettings = ProtobufSettings()
    fields: PredictionFields = PredictionFields()
    where: Where | None = None
    """The records that are predictions (`{field: /type, equals: prediction}`); others are skipped and counted."""
    pair: Pair | None = None
    """Joins requests and responses that are separate records of the topic. The fields of both then stand under
    `/request` and `/response`."""
    origins: tuple[Origin, ...] = ("partition",)
    """By what alerts say [where a change began](alerts.md#where-it-began): `partition`, `schema` (its id in the
    registry), `{header: producer}`, `{field: /app_version}`; at most 6. `[]` compares nothing."""
    preset: str | None = None
    """Known producer whose settings stand below those of this section; `driftline presets` lists them."""


class LabelInput(TopicInput, frozen=True, forbid_unknown_fields=True):
    """The topics of labels."""

    topic: str | tuple[str, ...] = "labels"
    """As for predictions."""
    encoding: Encoding = "auto"
    """As for predictions."""
    avro: AvroSettings = AvroSettings()
    protobuf: ProtobufSettings = ProtobufSettings()
    fields: LabelFields = LabelFields()
    where: Where | None = None
    """The records that are labels; others are skipped and counted."""
    tombstones: Literal["refuse", "retract"] = "refuse"
    """What a record with a key and a null value means: `retract` takes back the label of the id in its key. By default
    it is a dead letter, or skipped where `where` chooses records by a field."""
    preset: str | None = None
    """As for predictions."""
