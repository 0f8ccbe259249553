"""The whole configuration, as frozen structs; :mod:`driftline.config.load` reads it from YAML and environment."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from driftline.config.durations import Duration
from driftline.config.field_places import FeaturesAt, LatencyAt, Origin, Place, Pointer, ScoreAt, TimeAt, Where
from driftline.config.model import ModelSettings
from driftline.config.notify_settings import NotifySettings
from driftline.config.record_forms import Pair, TableAt
from driftline.config.topic_names import is_several, names_of, shown

ClientValue = str | bool | int | float
"""The value of a property that a Kafka client is given as it is."""


class OAuthSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Tokens for the mechanism OAUTHBEARER: requested from an endpoint (client credentials grant), or read from a file
    that another program renews.
    """

    token_endpoint: str | None = None
    """URL that grants access tokens, as in `https://login.example.com/oauth2/token`."""
    client_id_env: str | None = None
    """Environment variable that holds the client id."""
    client_id_file: str | None = None
    """File that holds the client id."""
    client_secret_env: str | None = None
    """Environment variable that holds the client secret."""
    client_secret_file: str | None = None
    """File that holds the client secret; it is read at the start."""
    scope: str | None = None
    """Scope to ask for, if the endpoint wants one."""
    ca_file: str | None = None
    """CA certificates (PEM) that verify the endpoint; the system's own by default."""
    token_file: str | None = None
    """File that holds the token, instead of an endpoint; it is read again before the token expires."""
    extensions: dict[str, str] = field(default_factory=dict)
    """SASL extensions that the broker wants beside the token, such as `logicalCluster`."""


class SecuritySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Authentication to Kafka. Secrets are never written here; settings name the variable or file that holds them."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "PLAIN"
    """Mechanism of a SASL protocol; `OAUTHBEARER` takes its tokens from `oauth`."""
    username_env: str | None = None
    """Environment variable that holds the user name."""
    username_file: str | None = None
    """File that holds the user name."""
    password_env: str | None = None
    """Environment variable that holds the password."""
    password_file: str | None = None
    """File that holds the password."""
    ca_file: str | None = None
    """CA certificates (PEM) that verify the brokers; the system's own by default."""
    certificate_file: str | None = None
    """Client certificate (PEM), if brokers require one."""
    key_file: str | None = None
    """Private key (PEM) of the client certificate."""
    key_password_env: str | None = None
    """Environment variable that holds the key's password."""
    key_password_file: str | None = None
    """File that holds the private key's password."""
    oauth: OAuthSettings | None = None


class KafkaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The Kafka brokers, and the names of driftline's groups and topics."""

    brokers: str = "localhost:9092"
    """Comma-separated ``host:port`` list."""
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "driftline"
    """Prefix of all of driftline's topics, groups and transactional ids."""
    panes_partitions: Annotated[int, Meta(ge=1, le=1024)] = 4
    """Partitions of the panes topic: the maximum number of detect workers."""
    replication: Annotated[int, Meta(ge=1)] = 1
    """Replication factor of the topics that ``driftline topics create`` creates."""
    session_timeout: Duration = Duration(10_000)
    """Time without a heartbeat after which other sketch workers take over a worker's partitions."""
    client: dict[str, ClientValue] = field(default_factory=dict)
    """Further properties of librdkafka for every client, such as `client.rack: eu-1a`
    ([clients](operation.md#settings-of-the-kafka-clients))."""
    aiokafka: dict[str, ClientValue] = field(default_factory=dict)
    """Further arguments of aiokafka's consumer and producer, the detect stage's clients, such as
    `fetch_max_bytes: 10000000`."""
    security: SecuritySettings = SecuritySettings()

    def topic(self, name: str) -> str:
        """Return the full name of one of our topics: ``panes`` becomes ``driftline.panes``."""
        return f"{self.prefix}.{name}"


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


class SchemaRegistrySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The schema registry that holds the schemas of Avro, Protobuf and JSON Schema records (Confluent's REST API)."""

    url: str
    """Base URL, or several separated by commas; for Apicurio Registry the one that ends in `/apis/ccompat/v7`."""
    username_env: str | None = None
    """Environment variable that holds the user name or API key."""
    username_file: str | None = None
    """File that holds the user name or API key."""
    password_env: str | None = None
    """Environment variable that holds the password or API secret."""
    password_file: str | None = None
    """File that holds the password or API secret."""
    ca_file: str | None = None
    """CA certificates (PEM) that verify the registry; the system's own by default."""
    certificate_file: str | None = None
    """Client certificate (PEM), if the registry requires one."""
    key_file: str | None = None
    """Private key (PEM) of the client certificate, without a password."""
    timeout: Duration = Duration(5_000)
    """Maximum time for one answer. While the registry does not answer, the partition that needs it waits."""
    id_bytes: Literal[4, 8] = 4
    """Length of the schema id before the value: 4 bytes as Confluent writes it, 8 as older Apicurio serializers do."""
    cache: Annotated[int, Meta(ge=1)] = 1_000
    """Maximum number of schemas that are kept in memory."""


class OutputSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How events and alerts are written."""

    encoding: Literal["json", "avro"] = "json"
    """`json`, or `avro` with the schemas registered in the ``schema_registry``
    ([Avro](events.md#events-as-avro))."""


class TimeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Panes of event time, and the wait for late events."""

    pane: Duration = Duration(10_000)
    """Length of a pane, the smallest unit of aggregation in event time."""
    lateness: Duration = Duration(60_000)
    """Wait for late events: a partition's watermark is its greatest event time minus this."""
    max_future: Duration = Duration(600_000)
    """An event dated more than this after its Kafka timestamp becomes a dead letter."""
    idle_timeout: Duration = Duration(60_000)
    """Time without input, at a partition's end, after which the partition no longer holds back the watermark."""


class IntakeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When refused records, and labels that meet no prediction, open an alert."""

    window: Duration = Duration(3_600_000)
    """Length of the windows in which they are counted: of the records' own time for refused records, of event time for
    labels."""
    max_refused: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Fraction of a topic's records above which refused ones open an alert; above one half it is critical."""
    min_records: Annotated[int, Meta(ge=1)] = 100
    """Minimum number of records in a window."""
    max_unmatched: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Fraction of labels above which those whose prediction never came open an alert."""
    min_labels: Annotated[int, Meta(ge=1)] = 300
    """Minimum number of labels; a window with fewer is extended until it has this many."""


class SketchSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Batching of the sketch stage; it does not change the output."""

    batch: Annotated[int, Meta(ge=1, le=100_000)] = 5_000
    """Maximum number of records per fetch from Kafka."""
    flush_interval: Duration = Duration(1_000)
    """Interval of flushes; each is one transaction."""
    flush_events: Annotated[int, Meta(ge=1)] = 50_000
    """Number of predictions and labels that triggers an early flush."""
    max_skew: Duration = Duration(3_600_000)
    """Maximum distance in event time between predictions and labels while both have input."""
    flush_cells: Annotated[int, Meta(ge=1_000)] = 4_000_000
    """Number of sketch cells that triggers an early flush."""


class JoinSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Storage of predictions that await their labels."""

    directory: str | None = None
    """Directory for predictions that await labels, with a folder per worker. By default a temporary one, which is
    restored from Kafka at every start."""
    max_bytes: Annotated[int, Meta(ge=1 << 20)] = 16 << 30
    """Maximum size of a worker's waiting predictions and labels before compression; beyond it the oldest are dropped
    and counted."""
    sample_ratio: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Fraction of prediction ids, by hash, whose labels are joined; for traffic that exceeds the disk."""
    repartition: Literal["auto"] | bool = "auto"
    """Whether predictions and labels are routed through the pending topic to the partition of their id. `auto` does it
    if the topics are not partitioned alike by the prediction id, and reports why."""

    @property
    def routed(self) -> bool:
        """Whether it is settled that labels meet predictions by way of the pending topic."""
        return self.repartition is True


class DetectRuntimeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Checkpoints of the detect stage; they do not change the output."""

    checkpoint_interval: Duration = Duration(2_000)
    """Interval of checkpoints of position and state."""
    checkpoint_records: Annotated[int, Meta(ge=1)] = 20_000
    """Records applied since the last checkpoint after which the next one is written early."""
    session_timeout: Duration = Duration(6_000)
    """Time without a heartbeat after which other detect workers take over a worker's partitions."""
    stall_timeout: Duration = Duration(300_000)
    """Time for which a panes partition may have unread records and make no progress. Then the log, `/readyz` and
    `driftline_panes_stalled` say so; after twice this time the process ends with exit code 75, to be started again. It
    must be well above the time that the closing of a pane takes."""


class TelemetrySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP endpoint with /metrics, /healthz and /readyz, and the logs."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for all interfaces."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 9108
    """Port; 0 picks a free one, which the log reports."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """`auto` is `console` on a terminal and `json` otherwise."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Minimum severity of log lines."""
    detail: Literal["model", "column"] = "column"
    """`column` publishes metrics of each column of a model; `model` only those of the whole model
    ([number of series](metrics.md#number-of-series)). Events always have every column."""
    max_models: Annotated[int, Meta(ge=1)] = 1_000
    """Models and versions with metrics in one process; further ones are counted in `driftline_models_not_shown`."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration of driftline."""

    kafka: KafkaSettings = KafkaSettings()
    predictions: PredictionInput = PredictionInput()
    labels: LabelInput | None = None
    schema_registry: SchemaRegistrySettings | None = None
    output: OutputSettings = OutputSettings()
    time: TimeSettings = TimeSettings()
    intake: IntakeSettings = IntakeSettings()
    sketch: SketchSettings = SketchSettings()
    join: JoinSettings = JoinSettings()
    detect: DetectRuntimeSettings = DetectRuntimeSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    notify: NotifySettings = NotifySettings()
    defaults: ModelSettings = ModelSettings()
    models: dict[str, ModelSettings] = field(default_factory=dict)
    """Settings by model name; the file needs only those that differ from ``defaults``."""

    @property
    def shares_topic(self) -> bool:
        """Whether predictions and labels are in one topic, or in the same topics."""
        return self.labels is not None and self.labels.topics == self.predictions.topics

    @property
    def has_several_topics(self) -> bool:
        """Whether predictions or labels may have more than one topic."""
        inputs: tuple[PredictionInput | LabelInput | None, ...] = (self.predictions, self.labels)
        return any(each is not None and is_several(each.topic) for each in inputs)

    @property
    def silence_limits_ms(self) -> frozenset[int]:
        """The times without a prediction after which some model counts as silent."""
        limits = (model.operations.silence for model in (self.defaults, *self.models.values()))
        return frozenset(int(limit) for limit in limits if limit is not None)

    def model(self, name: str) -> ModelSettings:
        """Return the settings of a model, or the defaults if it has none of its own."""
        return self.models.get(name, self.defaults)
