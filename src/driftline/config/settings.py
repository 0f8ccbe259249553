"""The whole configuration, as frozen structs; :mod:`driftline.config.load` reads it from YAML and environment."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from driftline.config.durations import Duration
from driftline.config.model import ModelSettings

Pointer = Annotated[str, Meta(pattern=r"^(/.*)?$")]
"""A JSON Pointer (RFC 6901) into the record's value."""


class SecuritySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How to authenticate to Kafka. Secrets are named by the variable or file that holds them, never written here."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    """SASL mechanism, where the protocol is a SASL one."""
    username_env: str | None = None
    """Environment variable that holds the user name."""
    username_file: str | None = None
    """File that holds the user name."""
    password_env: str | None = None
    """Environment variable that holds the password."""
    password_file: str | None = None
    """File that holds the password."""
    ca_file: str | None = None
    """CA certificates (PEM) to verify the brokers with; by default the system's."""
    certificate_file: str | None = None
    """Client certificate (PEM), where brokers require one."""
    key_file: str | None = None
    """Private key (PEM) of the client certificate."""
    key_password_env: str | None = None
    """Environment variable that holds the private key's password."""
    key_password_file: str | None = None
    """File that holds the private key's password."""


class KafkaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where Kafka is, and how driftline's groups and topics are named there."""

    brokers: str = "localhost:9092"
    """Comma-separated ``host:port`` list."""
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "driftline"
    """Prefix of all topics, groups and transactional ids of driftline."""
    panes_partitions: Annotated[int, Meta(ge=1, le=1024)] = 4
    """Partitions of the panes topic; the maximum number of detect workers."""
    replication: Annotated[int, Meta(ge=1)] = 1
    """Replication factor of the topics that ``driftline topics create`` creates."""
    session_timeout: Duration = Duration(10_000)
    """Time without a heartbeat after which a sketch worker counts as dead and others take over its partitions."""
    security: SecuritySettings = SecuritySettings()

    def topic(self, name: str) -> str:
        """Return the full name of one of our topics: ``panes`` becomes ``driftline.panes``."""
        return f"{self.prefix}.{name}"


class Constant(Struct, frozen=True, forbid_unknown_fields=True):
    """A field that no record carries: every event has this value."""

    value: str


class PredictionFields(Struct, frozen=True, forbid_unknown_fields=True):
    """Where each field of a prediction event stands in the record."""

    prediction_id: Pointer = "/prediction_id"
    """What a label refers to."""
    model: Pointer | Constant = "/model"
    """The model's name; `{value: ...}` sets it where records do not contain it."""
    model_version: Pointer | Constant = "/model_version"
    """The model's version; `{value: ...}` sets it where records do not contain it."""
    ts: Pointer = "/ts"
    """Event time, RFC 3339 or epoch milliseconds; where it is absent, the record's Kafka timestamp is used."""
    features: Pointer = "/features"
    """Pointer to an object of name to value; the empty pointer means the record itself, without the mapped fields."""
    prediction: Pointer = "/prediction"
    """The predicted class or number."""
    score: Pointer = "/score"
    """A probability (binary), a map of class to probability (multiclass), or absent."""
    segments: Pointer = "/segments"
    """Pointer to an object of name to value; its values divide the traffic into segments."""


class LabelFields(Struct, frozen=True, forbid_unknown_fields=True):
    """Where each field of a label event stands in the record."""

    prediction_id: Pointer = "/prediction_id"
    """The prediction that the label is for."""
    label: Pointer = "/label"
    """The actual outcome; null withdraws an earlier label."""
    weight: Pointer | None = None
    """Weight of the label, at least 0, for models whose performance is `weighted`; 1 where it is absent."""
    ts: Pointer = "/ts"
    """Time of the outcome; where it is absent, the record's Kafka timestamp is used."""


class PredictionInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The topic of predictions."""

    topic: str = "predictions"
    fields: PredictionFields = PredictionFields()


class LabelInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The topic of labels."""

    topic: str = "labels"
    fields: LabelFields = LabelFields()


class TimeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How event time is divided into panes, and how long late events are waited for."""

    pane: Duration = Duration(10_000)
    """Length of a pane, the smallest interval of event time that is aggregated."""
    lateness: Duration = Duration(60_000)
    """A partition's watermark is its maximum event time minus this."""
    max_future: Duration = Duration(600_000)
    """A record whose event time is more than this after its Kafka timestamp becomes a dead letter."""
    idle_timeout: Duration = Duration(60_000)
    """Time without input at a partition's end after which the other partitions no longer wait for it."""


class SketchSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the sketch stage batches; the output does not depend on it."""

    batch: Annotated[int, Meta(ge=1, le=100_000)] = 5_000
    """Maximum number of records that are read from Kafka at once."""
    flush_interval: Duration = Duration(1_000)
    """Interval between flushes; each writes the new counts in one transaction."""
    flush_events: Annotated[int, Meta(ge=1)] = 50_000
    """A flush happens early when this many predictions and labels wait to be counted."""
    max_skew: Duration = Duration(3_600_000)
    """How far in event time predictions and labels may be apart while both have records to read; the topic that is
    ahead is paused."""
    flush_cells: Annotated[int, Meta(ge=1_000)] = 4_000_000
    """A flush happens early when its sketches have this many cells."""


class JoinSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How predictions wait for their labels."""

    directory: str | None = None
    """Folder for predictions and labels that wait; each worker has a subfolder. By default a temporary folder, which is
    restored from Kafka at every start."""
    max_bytes: Annotated[int, Meta(ge=1 << 20)] = 16 << 30
    """Disk quota of a worker for predictions and labels that wait, before compression; beyond it the oldest are dropped
    and counted."""
    sample_ratio: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Fraction of the prediction ids, by their hash, whose labels are joined; for more traffic than fits on disk."""
    repartition: bool = False
    """Repartition predictions and labels by their id, through the pending topic; needed where the topics are not
    partitioned alike by the prediction id."""


class DetectRuntimeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the detect stage saves its state; the output does not depend on it."""

    checkpoint_interval: Duration = Duration(2_000)
    """Interval between checkpoints, which save state and position."""
    checkpoint_records: Annotated[int, Meta(ge=1)] = 20_000
    """A checkpoint is written early when this many records have been applied since the last one."""
    session_timeout: Duration = Duration(6_000)
    """Time without a heartbeat after which a detect worker counts as dead and others take over its partitions; 3s to
    1m."""


class TelemetrySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP endpoint with /metrics, /healthz and /readyz, and the logs."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for all interfaces."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 9108
    """Port; 0 picks a free one, which the log names."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """`auto` is `console` on a terminal and `json` elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration of driftline."""

    kafka: KafkaSettings = KafkaSettings()
    predictions: PredictionInput = PredictionInput()
    labels: LabelInput | None = None
    time: TimeSettings = TimeSettings()
    sketch: SketchSettings = SketchSettings()
    join: JoinSettings = JoinSettings()
    detect: DetectRuntimeSettings = DetectRuntimeSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    defaults: ModelSettings = ModelSettings()
    models: dict[str, ModelSettings] = field(default_factory=dict)
    """Settings by model name; in the file each needs to name only what differs from ``defaults``."""

    def model(self, name: str) -> ModelSettings:
        """Return the settings of a model; the defaults where nobody configured it."""
        return self.models.get(name, self.defaults)
