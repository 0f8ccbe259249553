"""The whole configuration, as frozen structs; :mod:`driftline.config.load` reads it from YAML and environment."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import ModelSettings
from driftline.config.notify_settings import NotifySettings
from driftline.config.topic_names import is_several


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
    flush_events: Annotated[int, Meta(ge=1)] = 200_000
    """Number of predictions and labels that triggers an early flush. It bounds the memory for what awaits a flush:
    about 200 bytes each."""
    max_skew: Duration = Duration(3_600_000)
    """Maximum distance in event time between predictions and labels while both have input. Labels that are joined in
    place are read at most seconds ahead of their predictions anyway."""
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


class FleetSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The alerts of all models together ([fleet](fleet.md)): those of which at most a share is false."""

    false_share: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    """Largest expected fraction of false alerts."""
    models: Annotated[int, Meta(ge=1)] | None = None
    """Number of models and versions that are watched; by default those with a published reference or with alerts."""


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
    fleet: FleetSettings = FleetSettings()
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
