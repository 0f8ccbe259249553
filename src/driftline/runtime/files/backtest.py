"""The pipeline over files: what driftline would have said of last month, without a broker.

The same sketch and detect stages as on Kafka, so the same events, byte for byte, for the same records in the same
partitions. What is open at the end stays open, as it would on a topic that has no more records, unless it is closed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from driftline.alerts.policy import SEVERITIES, worst
from driftline.events.evidence import Severity
from driftline.events.label import LabelDecoder
from driftline.events.prediction import PredictionDecoder
from driftline.runtime.files.command_lines import command_lines
from driftline.runtime.files.event_files import EventFile
from driftline.runtime.files.event_lines import event_lines
from driftline.runtime.files.file_topics import with_file_topics
from driftline.runtime.files.line_ids import ids_by
from driftline.runtime.files.no_verdict import Surroundings, evaluated_model, note_traffic, why_no_verdict
from driftline.runtime.files.table_rows import METADATA_FIELD
from driftline.runtime.in_process import InProcessStages
from driftline.runtime.kafka.co_partitioning import keys_without_ids
from driftline.runtime.operations.garbage import rare_collections
from driftline.sketching.pairing import Pairing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from driftline.config.settings import Settings
    from driftline.events.dead_letter import DeadLetter
    from driftline.events.model_key import ModelKey
    from driftline.events.output_record import OutputRecord
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Kind, Source
    from driftline.monitoring.monitor_status import LearningStatus
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.files.no_verdict import ModelTraffic

BATCH_LINES: Final = 10_000
_NOT_FEATURES: Final = frozenset({METADATA_FIELD})


class BacktestTotals(NamedTuple):
    """What went in and out of a backtest."""

    n_predictions: int
    n_late: int
    n_labels: int
    n_joined: int
    """Predictions that got a label."""
    n_dead_letters: int
    n_events: int
    n_windows: int
    """Windows that were evaluated, whatever their outcome."""
    n_predictions_refused: int
    """Of ``n_predictions``."""
    alerts: Counter[Severity]
    """Incidents that notified, by the worst severity that an alert of each of them had: one problem counts once."""
    refused: Counter[str]
    """Dead letters by reason code."""
    first_refusals: dict[str, str]
    """The message of the first dead letter of each reason; it says where the record stood."""
    n_halves_waiting: int = 0
    """Requests and responses whose other half had not come at the end, where they are separate records."""

    @property
    def nothing_usable(self) -> bool:
        """Whether there were predictions, and every one of them was refused."""
        return 0 < self.n_predictions <= self.n_predictions_refused

    def n_alerts(self, severity: Severity = "info") -> int:
        """Return how many incidents of at least this severity notified."""
        return sum(n for each, n in self.alerts.items() if SEVERITIES.index(each) >= SEVERITIES.index(severity))


class _Alert(Struct):
    """What is counted of an alert."""

    alert_id: str
    incident: str
    severity: Severity
    notification: int


_ALERTS: Final = msgspec.json.Decoder(_Alert)
_COUNTED: Final = tuple(name for name in BacktestTotals._fields if name.startswith("n_"))


class Backtest:
    """Runs both stages over files that stand for topics of ``n_partitions``.

    Where ``profiles`` has no reference for a model, one is learnt from the first events. ``n_label_partitions`` is
    given where the labels topic has another number of partitions; joins are then routed, as ``join.repartition``
    must allow.

    Raises
    ------
    ConfigurationError
        When a field comes from the topic's name and there are several.
    """

    def __init__(
        self, settings: Settings, profiles: Profiles, n_partitions: int, n_label_partitions: int | None = None
    ) -> None:
        n_labels = n_label_partitions or n_partitions
        several = settings.has_several_topics
        reading = settings = with_file_topics(settings)
        apart = several or n_labels != n_partitions or (n_partitions > 1 and keys_without_ids(settings) is not None)
        if settings.join.repartition == "auto" and apart:
            reading = replace(settings, join=replace(settings.join, repartition=True))
        self._settings = reading
        self._n_partitions: dict[Kind, int] = {"predictions": n_partitions, "labels": n_labels}
        self._stages = InProcessStages(
            settings, reading, profiles, self._n_partitions, "backtest", not_features=_NOT_FEATURES
        )
        self._sketcher = self._stages.sketcher
        self._profiles = profiles
        self._references = frozenset(profile.key for profile in profiles.all())
        self._final_marks: dict[Source, int | None] = {}
        self._traffic: dict[ModelKey, ModelTraffic] = {}
        self._alerts: dict[str, _Alert] = {}
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._refused: Counter[str] = Counter()
        self._first_refusals: dict[str, str] = {}

    @property
    def totals(self) -> BacktestTotals:
        """What went in and out so far."""
        return BacktestTotals(
            **self._counts,
            alerts=self._incidents(),
            refused=self._refused.copy(),
            first_refusals=dict(self._first_refusals),
        )

    def _incidents(self) -> Counter[Severity]:
        severities: dict[str, Severity] = {}
        notified = {alert.incident for alert in self._alerts.values() if alert.notification}
        for alert in self._alerts.values():
            severities[alert.incident] = worst((alert.severity, severities.get(alert.incident, "info")))
        return Counter(severity for incident, severity in severities.items() if incident in notified)

    def why_no_verdict(self) -> list[str]:
        """Return why no window of a model was evaluated, a sentence or two a model; empty where each had one."""
        status = {key: model for monitor in self._stages.monitors for key, model in monitor.status().models.items()}
        marks = {source: mark for source, mark in self._final_marks.items() if source.kind == "predictions"}
        surroundings = Surroundings(self._settings, self._profiles, self._references, marks)
        return why_no_verdict(self._traffic, status, surroundings)

    @property
    def learning(self) -> dict[ModelKey, LearningStatus]:
        """How far references have been learnt that were not given; models that have one are not named."""
        models = [each for monitor in self._stages.monitors for each in monitor.status().models.items()]
        return {
            key: status.learning
            for key, status in sorted(models, key=lambda each: each[0])
            if status.learning is not None
        }

    def run(
        self,
        predictions: Path,
        labels: Path | None,
        emit: Callable[[OutputRecord], None],
        advance: Callable[[int], None] = lambda _n_bytes: None,
        *,
        control: Path | None = None,
        close: bool = False,
    ) -> BacktestTotals:
        """Read the files to their ends; see :func:`~driftline.runtime.files.event_lines.event_lines` for their kinds.

        ``control`` holds commands of the control topic, which are known from the beginning.

        ``emit`` receives each output record, and ``advance`` the number of bytes read, for a progress bar. With
        ``close``, event time goes on after the last record until the windows that hold it have ended (:meth:`_close`).
        """
        try:
            with rare_collections():
                self._stages.start()
                self._read_commands(control)
                self._read(predictions, labels, emit, advance)
                if close:
                    self._close(emit)
            self._final_marks = {source: self._sketcher.watermark_ms(source) for source in self._stages.sources}
            joiners = self._sketcher.joins.joiners.values()
            self._counts["n_joined"] = sum(joiner.take_totals().joined for joiner in joiners)
        finally:
            self._stages.close()
        return self.totals

    def _read(
        self,
        predictions: Path,
        labels: Path | None,
        emit: Callable[[OutputRecord], None],
        advance: Callable[[int], None],
    ) -> None:
        files: dict[Kind, EventFile] = {"predictions": self._file(predictions, "predictions")}
        if labels is not None and self._settings.labels is not None:
            files["labels"] = self._file(labels, "labels")
        for batches, n_bytes in self._in_step({kind: file.batches(BATCH_LINES) for kind, file in files.items()}):
            for batch in batches:
                self._sketcher.add(batch)
                self._counts["n_labels" if batch.source.kind == "labels" else "n_predictions"] += len(batch.offsets)
            self._flush(emit)
            advance(n_bytes)
        self._flush_joins(emit)

    def _read_commands(self, path: Path | None) -> None:
        commands = None if path is None else command_lines(path, self._settings.kafka.topic("control"))
        if commands is not None:
            self._sketcher.add(commands)

    def _flush_joins(self, emit: Callable[[OutputRecord], None]) -> None:
        while self._stages.has_blocks:
            self._flush(emit)
        self._counts["n_halves_waiting"] = sum(self._sketcher.halves_waiting().values())

    def _close(self, emit: Callable[[OutputRecord], None]) -> None:
        """Let event time go on in all partitions, up to the end of the last window that holds a prediction.

        That is the end of the largest evaluation window and, where there are labels, the first revision of the last
        performance window; later revisions are not made, as labels that are in no file may still come by then. The
        windows in which refused records are counted end too.
        """
        for monitor in self._stages.monitors:
            monitor.end_input()
        self._sketcher.close_intake()
        times = [self._sketcher.watermark_ms(source) for source in self._stages.sources if source.kind == "predictions"]
        reached = [time for time in times if time is not None]
        if reached:
            last_ms = max(reached) + int(self._settings.time.lateness)
            ends = [_end_of_windows(self._settings, key.model, last_ms) for key in self._traffic]
            self._sketcher.advance_to(max(ends, default=last_ms))
        self._flush(emit)
        self._flush_joins(emit)

    def _file(self, path: Path, kind: Kind) -> EventFile:
        labels, n = self._settings.labels, self._n_partitions[kind]
        if kind == "labels" and labels is not None:
            events, topic = event_lines(path, labels.fields), labels.topics[0]
            decode: PredictionDecoder | LabelDecoder = LabelDecoder.of(labels)
        else:
            predictions = self._settings.predictions
            events, topic = event_lines(path, predictions.fields), predictions.topics[0]
            decode = PredictionDecoder(predictions.fields, where=predictions.where)
            if predictions.pair is not None:
                id_of, asked = Pairing(predictions.pair).id_of, self._sketcher.asks_for[topic]
                return EventFile(events, str(path), kind, topic, n, lambda lines: [*map(id_of, lines)], asked)
        return EventFile(events, str(path), kind, topic, n, ids_by(decode), decode.asks_for)

    def _in_step(
        self, files: dict[Kind, Iterator[tuple[list[RecordBatch], int]]]
    ) -> Iterator[tuple[list[RecordBatch], int]]:
        """Yield batches from the file that is behind in event time, so that the join need not remember for long."""
        while files:
            kind = min(files, key=self._reached)
            batch = next(files[kind], None)
            if batch is None:
                del files[kind]
            else:
                yield batch

    def _reached(self, kind: Kind) -> tuple[bool, int]:
        marks = [self._sketcher.watermark_ms(source) for source in self._stages.sources if source.kind == kind]
        times_ms = [mark for mark in marks if mark is not None]
        return (bool(times_ms), min(times_ms, default=0))

    def _flush(self, emit: Callable[[OutputRecord], None]) -> None:
        flush = self._stages.flush()
        if flush is None:
            return
        for letter in flush.dead_letters:
            self._count_refused(letter)
        self._counts["n_late"] += flush.n_late
        for record, outputs in self._stages.apply(flush):
            note_traffic(self._traffic, record)
            for output in outputs:
                self._count_output(output)
                emit(output)

    def _count_output(self, output: OutputRecord) -> None:
        self._counts["n_events"] += output.channel != "references"
        if output.channel == "alerts" and output.value is not None:
            alert = _ALERTS.decode(output.value)
            self._alerts[alert.alert_id] = alert
        evaluated = evaluated_model(output)
        if evaluated is not None:
            self._counts["n_windows"] += 1
            self._traffic[evaluated].n_windows += 1

    def _count_refused(self, letter: DeadLetter) -> None:
        self._counts["n_dead_letters"] += 1
        self._refused[letter.reason] += 1
        self._first_refusals.setdefault(letter.reason, letter.message)
        if letter.topic in self._settings.predictions.topics:
            self._counts["n_predictions_refused"] += 1


def _end_of_windows(settings: Settings, model: str, last_ms: int) -> int:
    """Return when all windows that hold a moment have ended, and its performance window had its first revision."""
    windows, labels = settings.model(model).windows, settings.model(model).labels
    operations = settings.model(model).operations.window_ms(windows.verdict)
    ends = [last_ms - last_ms % size + size for size in (*map(int, windows.verdict), operations)]
    if settings.labels is not None:
        size = int(windows.performance)
        ends.append(last_ms - last_ms % size + size + labels.ages_ms[0])
    return max(ends)
