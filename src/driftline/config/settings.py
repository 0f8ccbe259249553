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
    """How the name and the password are proven, with a SASL protocol."""
    username_env: str | None = None
    """Variable that holds the user's name."""
    username_file: str | None = None
    """File that holds the user's name."""
    password_env: str | None = None
    """Variable that holds the password."""
    password_file: str | None = None
    """File that holds the password."""
    ca_file: str | None = None
    """Certificates (PEM) by which the brokers are recognised; the system's own without it."""
    certificate_file: str | None = None
    """Our own certificate (PEM), where brokers ask for one."""
    key_file: str | None = None
    """The key (PEM) of our own certificate."""
    key_password_env: str | None = None
    """Variable that holds the key's password."""
    key_password_file: str | None = None
    """File that holds the key's password."""


class KafkaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where Kafka is, and how driftline's groups and topics are named there."""

    brokers: str = "localhost:9092"
    """Comma-separated ``host:port`` list."""
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "driftline"
    """First part of every topic, group and transactional id that is ours."""
    panes_partitions: Annotated[int, Meta(ge=1, le=1024)] = 4
    """Partitions of the panes topic: the greatest number of detect workers."""
    replication: Annotated[int, Meta(ge=1)] = 1
    """Replicas of the topics that ``driftline topics create`` makes."""
    session_timeout: Duration = Duration(10_000)
    """Silence after which a sketch worker counts as dead and others take over its partitions."""
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
    """The model's name; `{value: ...}` where no record says it."""
    model_version: Pointer | Constant = "/model_version"
    """The model's version; `{value: ...}` where no record says it."""
    ts: Pointer = "/ts"
    """Event time, RFC 3339 or epoch milliseconds; where it is absent, the record's Kafka timestamp serves."""
    features: Pointer = "/features"
    """Pointer to an object of name to value; the empty pointer means the record itself, without the mapped fields."""
    prediction: Pointer = "/prediction"
    """The class or number that was predicted."""
    score: Pointer = "/score"
    """A probability (binary), a map of class to probability (multiclass), or absent."""
    segments: Pointer = "/segments"
    """Pointer to an object of name to value that slices of the traffic are told by."""


class LabelFields(Struct, frozen=True, forbid_unknown_fields=True):
    """Where each field of a label event stands in the record."""

    prediction_id: Pointer = "/prediction_id"
    """The prediction that the label is for."""
    label: Pointer = "/label"
    """What turned out to be true; null takes a label back."""
    weight: Pointer | None = None
    """How much the label counts, at least 0, where models say that their performance is `weighted`; 1 where it is
    absent."""
    ts: Pointer = "/ts"
    """When it turned out; where it is absent, the record's Kafka timestamp serves."""


class PredictionInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The topic of predictions."""

    topic: str = "predictions"
    fields: PredictionFields = PredictionFields()


class LabelInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The topic of labels."""

    topic: str = "labels"
    fields: LabelFields = LabelFields()


class TimeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How event time is cut and how long stragglers are waited for."""

    pane: Duration = Duration(10_000)
    """The smallest slice of event time that is aggregated."""
    lateness: Duration = Duration(60_000)
    """A partition's watermark is its greatest event time less this."""
    max_future: Duration = Duration(600_000)
    """An event time further than this past the record's Kafka timestamp is a dead letter."""
    idle_timeout: Duration = Duration(60_000)
    """Time without input, at the partition's end, after which it no longer holds the others back."""


class SketchSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the sketch stage batches; changes nothing in what is emitted."""

    batch: Annotated[int, Meta(ge=1, le=100_000)] = 5_000
    """Records taken from Kafka at once, at most."""
    flush_interval: Duration = Duration(1_000)
    """How often what was counted is written, in one transaction."""
    flush_events: Annotated[int, Meta(ge=1)] = 50_000
    """A flush happens early when as many predictions and labels are waiting to be counted."""
    max_skew: Duration = Duration(3_600_000)
    """How far in event time predictions and labels may run ahead of each other while both have something to read."""
    flush_cells: Annotated[int, Meta(ge=1_000)] = 4_000_000
    """A flush happens early when its sketches have as many cells."""


class JoinSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How predictions wait for their labels."""

    directory: str | None = None
    """Where workers keep what waits, each in a folder of its own; without it in a temporary one, which is read back
    from Kafka at every start."""
    max_bytes: Annotated[int, Meta(ge=1 << 20)] = 16 << 30
    """What a worker's predictions and labels may take on disk before compression; beyond it the oldest are dropped, and
    counted."""
    sample_ratio: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Share of the prediction ids, by their hash, whose labels are joined; for more traffic than there is disk."""
    repartition: bool = False
    """Send predictions and labels through the pending topic to the partition of their id: for topics that are not
    partitioned alike by the prediction id."""


class DetectRuntimeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the detect stage saves its state; changes nothing in what is emitted."""

    checkpoint_interval: Duration = Duration(2_000)
    """How often the position and the state are written."""
    checkpoint_records: Annotated[int, Meta(ge=1)] = 20_000
    """A checkpoint is written early when so many records have been applied since the last one."""
    session_timeout: Duration = Duration(6_000)
    """Silence after which a detect worker counts as dead and others take over its partitions."""


class TelemetrySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP endpoint with /metrics, /healthz and /readyz, and the logs."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for all of this machine's."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 9108
    """0 picks a free port; the log says which."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """`auto` is `console` on a terminal and `json` elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is shown."""


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
