"""``driftline simulate``: realistic traffic with a known drift at a known moment."""

from __future__ import annotations

import time
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline.cli.app import app
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    LabelsOption,
    PredictionsOption,
    out,
    overrides,
    progress,
    read_credentials,
    read_settings,
)
from driftline.config.durations import Duration
from driftline.errors import ConfigurationError, ParameterError

if TYPE_CHECKING:
    from driftline.config.input_settings import LabelInput, PredictionInput
    from driftline.runtime.demo.simulation import SentCounts
    from driftline.simulation.scenario import Scenario


class DriftChoice(StrEnum):
    """What can drift."""

    INCOME_SHIFT = "income-shift"
    NEW_CATEGORY = "new-category"
    MISSING = "missing"
    CONCEPT = "concept"
    FAILURES = "failures"
    SLOWNESS = "slowness"
    SILENCE = "silence"
    ALL = "all"


class RecordTime(StrEnum):
    """Which Kafka timestamp records carry."""

    PRODUCTION = "production"
    EVENT = "event"


_EXPECTED_TIME = "a duration such as `30m`, or RFC 3339 with an offset"


@app.command()
def simulate(
    brokers: BrokersOption = None,
    predictions: PredictionsOption = None,
    labels: LabelsOption = None,
    config: ConfigOption = None,
    create_topics: Annotated[
        bool,
        typer.Option("--create-topics", help="Create the topics of predictions and labels where they are missing."),
    ] = False,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Partitions of created topics (3); with files: add the position of its record to each line.",
            show_default=False,
        ),
    ] = None,
    out_predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write predictions to a file (NDJSON).", show_default=False)
    ] = None,
    out_labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write labels to a file (NDJSON).", show_default=False)
    ] = None,
    reference_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write reference rows (.parquet, .ndjson).", show_default=False),
    ] = None,
    reference_rows: Annotated[int, typer.Option(min=1, help="Number of reference rows.")] = 20_000,
    model: Annotated[str, typer.Option("--model", "-m", help="Name of the model.")] = "credit-risk",
    model_version: Annotated[str, typer.Option("--model-version", help="Version of the model.")] = "3",
    seed: Annotated[int, typer.Option(min=0, help="The same seed and start give the same bytes.")] = 42,
    rate: Annotated[float, typer.Option(min=0.001, help="Predictions per second of event time.")] = 100.0,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Event time of the start, RFC 3339. By default now at speed 1, else so that traffic ends now.",
            show_default=False,
        ),
    ] = None,
    duration: Annotated[str, typer.Option(metavar="DURATION", help="Length in event time.")] = "1h",
    speed: Annotated[
        float,
        typer.Option(min=0.0, help="Seconds of event time per second; 0 is as fast as possible. Only with brokers."),
    ] = 1.0,
    label_delay: Annotated[str, typer.Option(metavar="DURATION", help="Mean delay of labels.")] = "10m",
    all_labels: Annotated[
        bool, typer.Option("--all-labels", help="Also write the labels that are due after the end.")
    ] = False,
    drift: Annotated[
        list[DriftChoice] | None,
        typer.Option(help="What drifts; may be repeated. `all` are the first four.", show_default=False),
    ] = None,
    drift_at: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Start of the drift: duration after the start, or RFC 3339; by default half-way.",
            show_default=False,
        ),
    ] = None,
    drift_until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="End of the drift; by default never.", show_default=False)
    ] = None,
    operations: Annotated[
        bool, typer.Option("--operations", help="Also write the latency of predictions, and errors where they fail.")
    ] = False,
    seasonal: Annotated[bool, typer.Option("--seasonal", help="Vary the traffic over the day.")] = False,
    record_time: Annotated[
        RecordTime, typer.Option(help="Kafka timestamp of the records: the time of production, or the event time.")
    ] = RecordTime.PRODUCTION,
) -> None:
    """Simulate the predictions and labels of a credit-risk model, with a known drift at a known moment.

    To brokers by default, to files with --out-predictions and --out-labels.
    """
    from driftline.simulation.scenario import DRIFT_KINDS, Scenario

    to_files = out_predictions is not None or out_labels is not None
    length = Duration.parse(duration, "--duration")
    start_ms = _start(start, length, live=speed == 1.0 and not to_files)
    kinds = DRIFT_KINDS if drift and DriftChoice.ALL in drift else tuple(kind.value for kind in drift or ())
    if (drift_at is not None or drift_until is not None) and not kinds:
        raise ParameterError("--drift beside --drift-at and --drift-until", None, "--drift")
    at_ms = _moment(drift_at, start_ms, "--drift-at")
    scenario = Scenario(
        start_ms=start_ms,
        duration_ms=int(length),
        rate=rate,
        seed=seed,
        model=model,
        version=model_version,
        label_delay_ms=int(Duration.parse(label_delay, "--label-delay")),
        drift=kinds,  # type: ignore[arg-type]  # the choices' values are the kinds
        drift_at_ms=start_ms + length // 2 if kinds and at_ms is None else at_ms,
        drift_until_ms=_moment(drift_until, start_ms, "--drift-until"),
        seasonal=seasonal,
        operations=operations,
    )
    _announce(scenario)
    if reference_out is not None:
        from driftline.runtime.demo.simulation import write_reference

        write_reference(reference_out, scenario, reference_rows)
        out.print(f"reference    {reference_rows} rows in {reference_out}", markup=False)
    started = time.monotonic()
    if to_files:
        sent = _to_files(scenario, out_predictions, out_labels, partitions, all_labels)
    elif brokers is None and config is None and reference_out is not None:
        return
    else:
        given = overrides(brokers=brokers, predictions=predictions, labels=labels)
        sent = _to_brokers(scenario, config, given, (partitions, create_topics, record_time), speed, all_labels)
    elapsed = max(time.monotonic() - started, 1e-9)
    out.print(
        f"sent         {sent.n_predictions} predictions and {sent.n_labels} labels in {elapsed:.1f} s, "
        f"{sent.n_predictions / elapsed:,.0f} predictions/s",
        markup=False,
    )


def _to_files(
    scenario: Scenario, predictions: Path | None, labels: Path | None, partitions: int | None, all_labels: bool
) -> SentCounts:
    from driftline.runtime.demo.simulation import write_files

    with progress("predictions", scenario.n_events) as advance:
        return write_files(scenario, predictions, labels, partitions=partitions, all_labels=all_labels, advance=advance)


def _to_brokers(
    scenario: Scenario,
    config: Path | None,
    given: dict[str, object],
    placing: tuple[int | None, bool, RecordTime],
    speed: float,
    all_labels: bool,
) -> SentCounts:
    from driftline.config.input_settings import LabelInput
    from driftline.runtime.demo.simulation import Destination, Sender

    settings = read_settings(config, given)
    partitions, create, record_time = placing
    labels = settings.labels or LabelInput()
    destination = Destination(
        _first_topic(settings.predictions, "--predictions"),
        _first_topic(labels, "--labels"),
        partitions or 3,
        create,
        record_time is RecordTime.EVENT,
    )
    sender = Sender(settings.kafka, read_credentials(settings), destination)
    out.print(
        f"destination  {destination.predictions} and {destination.labels}, {sender.partitions} partitions each, "
        f"on {settings.kafka.brokers}",
        markup=False,
    )
    with progress("predictions", scenario.n_events) as advance:
        return sender.send(scenario, speed=speed, all_labels=all_labels, advance=advance)


def _first_topic(given: PredictionInput | LabelInput, option: str) -> str:
    """Return the topic that traffic is written to: the first, as it is of one model.

    Raises
    ------
    ConfigurationError
        When there are only patterns.
    """
    from driftline.config.topic_names import is_pattern

    for name in given.topics:
        if not is_pattern(name):
            return name
    message = f"Expected the name of a topic to write to, got the pattern {given.shown!r}. Name one with `{option}`"
    raise ConfigurationError((message,), "The command line")


def _announce(scenario: Scenario) -> None:
    from driftline.events.cloudevents import rfc3339

    out.print(
        f"simulating   {scenario.model}@{scenario.version}, seed {scenario.seed}: {scenario.n_events} predictions "
        f"from {rfc3339(scenario.start_ms)} to {rfc3339(scenario.end_ms)}",
        markup=False,
    )
    if scenario.drift:
        until = "the end" if scenario.drift_until_ms is None else rfc3339(scenario.drift_until_ms)
        at = rfc3339(scenario.drift_at_ms or scenario.start_ms)
        out.print(f"drift        {', '.join(scenario.drift)} from {at} to {until}", markup=False)
    else:
        out.print("drift        none", markup=False)


def _start(text: str | None, length: Duration, *, live: bool) -> int:
    """Return the event time of the start; by default now, or so early that the traffic ends now."""
    if text is None:
        now_ms = time.time_ns() // 1_000_000
        return (now_ms if live else now_ms - length) // 1000 * 1000
    moment = _rfc3339(text)
    if moment is None:
        raise ParameterError("RFC 3339 with an offset, such as `2026-03-01T12:00:00Z`", text, "--start")
    return moment


def _moment(text: str | None, start_ms: int, at: str) -> int | None:
    if text is None:
        return None
    moment = _rfc3339(text)
    if moment is not None:
        return moment
    try:
        return start_ms + Duration.parse(text, at)
    except ParameterError:
        raise ParameterError(_EXPECTED_TIME, text, at) from None


def _rfc3339(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else round(moment.timestamp() * 1000)
