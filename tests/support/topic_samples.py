"""Samples of topics made of documents or bytes, and what the doctor says about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.load import load_settings
from driftline.config.settings import Settings
from driftline.events.mapping_check import mapping_problems
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.inspection.examination import Examination, examine, report_of
from driftline.inspection.sample import TopicSample
from driftline.runtime.inspect.partitions import partition_lines
from driftline.runtime.kafka.partitioning import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.events.source import Kind
    from driftline.inspection.report import Report

START_MS = 1_772_366_400_000
"""2026-03-01T12:00:00Z."""
STEP_MS = 1_000


def time_ms(number: int) -> int:
    return START_MS + STEP_MS * number


def sample(
    kind: Kind,
    records: Sequence[object],
    *,
    keys: Sequence[str | None] | None = None,
    headers: Sequence[dict[str, str]] | None = None,
    stamps_ms: Sequence[int] | None = None,
    partition: Callable[[int], int] = lambda _number: 0,
    n_partitions: int = 1,
) -> TopicSample:
    """Return a sample of records, one a second; documents are written as JSON, bytes as they are."""
    n = len(records)
    values = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    stamps = [time_ms(number) for number in range(n)] if stamps_ms is None else stamps_ms
    batches = []
    for wanted in range(n_partitions):
        numbers = [number for number in range(n) if partition(number) == wanted]
        if numbers:
            encoded = [None if keys is None else keys[number] for number in numbers]
            batches.append(
                RecordBatch(
                    Source(kind, wanted),
                    "outcomes" if kind == "labels" else "scores",
                    [values[number] for number in numbers],
                    [*range(len(numbers))],
                    [stamps[number] for number in numbers],
                    keys=[None if key is None else key.encode() for key in encoded],
                    headers=[
                        {} if headers is None else {name: text.encode() for name, text in headers[number].items()}
                        for number in numbers
                    ],
                )
            )
    return TopicSample(kind, "outcomes" if kind == "labels" else "scores", batches, n, n_partitions)


def by_key(keys: Sequence[str], n_partitions: int) -> Callable[[int], int]:
    """Return the partition of each record as Java's clients choose it by its key."""
    return lambda number: partition_of(keys[number].encode(), n_partitions)


class Examined:
    """What the doctor found, with the words of its report."""

    def __init__(
        self,
        predictions: TopicSample,
        labels: TopicSample | None = None,
        settings: Settings | None = None,
    ) -> None:
        usual = Settings(
            predictions=PredictionInput(topic="scores"), labels=None if labels is None else LabelInput(topic="outcomes")
        )
        self.found: Examination = examine(predictions, labels, settings or usual, configured=settings is not None)
        self.report: Report = report_of(self.found, partition_lines(self.found))

    @property
    def fields(self) -> dict[str, Any]:
        """What the configuration says about the fields of predictions."""
        return self._fields("predictions")

    @property
    def label_fields(self) -> dict[str, Any]:
        """What the configuration says about the fields of labels."""
        return self._fields("labels")

    def _fields(self, kind: str) -> dict[str, Any]:
        fields: dict[str, Any] = self.configuration.get(kind, {}).get("fields", {})
        return fields

    @property
    def configuration(self) -> dict[str, Any]:
        """The proposed file, which loads to the settings that were examined."""
        values: dict[str, Any] = yaml.safe_load(self.report.configuration)
        assert load_settings(None, {}, values, settings_checks=(mapping_problems,)) == self.found.settings
        return values

    @property
    def problems(self) -> list[str]:
        """All problems, with their advice."""
        return self._lines("problem")

    @property
    def notes(self) -> list[str]:
        """All notes, with their advice."""
        return self._lines("note")

    def _lines(self, level: str) -> list[str]:
        lines = [line for section in self.report.sections for line in section.lines]
        return [f"{line.text}. {line.advice}" for line in lines if line.level == level]

    def n_events(self, kind: Kind = "predictions") -> int:
        """Return how many events the sample gave."""
        return len(self.found.taken[kind].times_ms)
