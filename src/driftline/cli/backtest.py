"""``driftline backtest``: a configuration tried on files, without a broker."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from driftline.cli.app import app
from driftline.cli.backtest_report import say_no_joins, say_no_verdict, say_refusals
from driftline.cli.common import ConfigOption, err, out, progress, read_settings
from driftline.cli.exit_codes import ExitCode
from driftline.cli.reference_options import (
    DropOption,
    EncodingOption,
    HalfLifeOption,
    ImportancesOption,
    LabelOption,
    MissingOption,
    PredictionOption,
    RowsOptions,
    ScoreOption,
    SeparatorOption,
    SqlOption,
    StrictOption,
    TimeOption,
    TimeUnitOption,
    UriOption,
)
from driftline.cli.reference_rows import profile_of_rows, refuse_contradictions, tell_remarks, unknown_variation
from driftline.errors import EventError, FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from driftline.config.settings import Settings
    from driftline.events.evidence import Severity
    from driftline.profiles.profile import Profile
    from driftline.runtime.files.backtest import BacktestTotals
    from driftline.runtime.files.table_rows import Fields

Decoded = TypeVar("Decoded")


class FailOn(StrEnum):
    """Which alerts make the command fail."""

    ALERT = "alert"
    WARNING = "warning"
    CRITICAL = "critical"


_FILE = {"exists": True, "dir_okay": False}
PredictionsFile = Annotated[
    Path,
    typer.Option(
        "--predictions",
        help="Predictions: one JSON object per line (.ndjson), or one per row (.parquet, .csv, .tsv); all but Parquet "
        "may be packed (.gz).",
        **_FILE,
    ),
]
LabelsFile = Annotated[
    Path | None,
    typer.Option("--labels", help="Labels, in a file of any of these kinds.", show_default=False, **_FILE),
]
ControlFile = Annotated[
    Path | None,
    typer.Option(
        "--control",
        help="Commands of the control topic (.ndjson), known from the beginning; each gives its time.",
        show_default=False,
        **_FILE,
    ),
]
ReferenceFile = Annotated[
    Path | None,
    typer.Option(
        "--reference",
        help=(
            "A .profile, or rows as `reference build` reads them; without it or --sql, a reference is learnt from the "
            "first events."
        ),
        show_default=False,
        exists=True,
    ),
]
OutFile = Annotated[Path, typer.Option("--out", help="File for the events, one CloudEvent (JSON) per line.")]
PartitionsOption = Annotated[
    int | None,
    typer.Option(
        "--partitions",
        min=1,
        help="Partitions of the topics; by default as many as the lines use, or 1.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Model of reference rows; by default the first prediction's.")
]
CloseOption = Annotated[
    bool,
    typer.Option(
        "--close",
        help="Close what is open at the end: event time goes on until the windows that hold the last prediction have "
        "ended and its performance window has had its first revision.",
    ),
]
FailOnOption = Annotated[
    FailOn | None,
    typer.Option(
        "--fail-on",
        help="Exit with code 5 if alerts opened: any (`alert`), or those of at least this severity.",
        show_default=False,
    ),
]
VersionOption = Annotated[str | None, typer.Option("--model-version", help="Version of the model.")]
PrefixOption = Annotated[
    str | None, typer.Option("--prefix", help="Prefix as on Kafka; it is part of the events' source.")
]


@app.command()
def backtest(
    predictions: PredictionsFile,
    out_file: OutFile,
    config: ConfigOption = None,
    reference: ReferenceFile = None,
    labels: LabelsFile = None,
    control: ControlFile = None,
    partitions: PartitionsOption = None,
    model: ModelOption = None,
    model_version: VersionOption = None,
    prefix: PrefixOption = None,
    prediction_column: PredictionOption = None,
    score_column: ScoreOption = None,
    label_column: LabelOption = None,
    time_column: TimeOption = None,
    time_unit: TimeUnitOption = None,
    drop: DropOption = None,
    half_life: HalfLifeOption = None,
    importances: ImportancesOption = None,
    separator: SeparatorOption = None,
    encoding: EncodingOption = None,
    na: MissingOption = None,
    sql: SqlOption = None,
    uri: UriOption = None,
    strict: StrictOption = False,
    close: CloseOption = False,
    fail_on: FailOnOption = None,
) -> None:
    """Run predictions and labels from files through the same pipeline as on Kafka.

    A line may give the position of its record: "kafka": {"partition": 0, "offset": 12, "timestamp": 1772366400000}; a
    record with "tombstone": true there, or a line that is null, has no value. Windows that are open at the end of the
    files stay open, as on a topic without further records, unless --close is given. If no window was evaluated, the
    command says why and exits with code 6.
    """
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.files.backtest import Backtest
    from driftline.runtime.files.written_events import write_events

    given: dict[str, object] = {} if prefix is None else {"kafka.prefix": prefix}
    settings = read_settings(config, given)
    if labels is not None and settings.labels is None:
        settings = read_settings(config, {**given, "labels.topic": "labels"})
    columns = (prediction_column, score_column, label_column, time_column)
    rows = RowsOptions(*columns, drop, half_life, importances, separator, encoding, na, sql, uri, strict, time_unit)
    profile = _profile(settings, reference, predictions, (model, model_version), rows)
    files = {path: _fields_of(settings, path, labels) for path in (predictions, labels) if path is not None}
    n_bytes = sum(path.stat().st_size for path in files)
    counts = [partitions] * len(files) if partitions else _partitions(files, n_bytes)
    if settings.join.repartition is False:
        counts = [max(counts)] * len(counts)
    run = Backtest(settings, Profiles([] if profile is None else [profile]), counts[0], counts[-1])
    with progress("backtest", n_bytes) as advance:
        totals = write_events(
            out_file, lambda emit: run.run(predictions, labels, emit, advance, control=control, close=close)
        )
    out.print(
        f"{totals.n_predictions:,} predictions ({totals.n_late:,} late), {totals.n_labels:,} labels, "
        f"{totals.n_dead_letters:,} dead letters -> {totals.n_events:,} events, {totals.n_alerts():,} alerts "
        f"opened, in {out_file}",
        markup=False,
    )
    say_refusals(totals)
    if totals.n_halves_waiting:
        line = f"{totals.n_halves_waiting:,} requests or responses still waited for their other half at the end"
        err.print(line, style="yellow", markup=False)
    reasons = run.why_no_verdict()
    say_no_verdict(totals, reasons)
    if totals.n_labels and not totals.n_joined and not reasons:
        _say_no_joins(totals, settings, predictions, labels or predictions)
    _leave(totals, fail_on)


def _leave(totals: BacktestTotals, fail_on: FailOn | None) -> None:
    """Leave with the code of what is worst: no usable record, an alert that was asked for, no verdict."""
    if totals.nothing_usable:
        raise typer.Exit(ExitCode.DATA)
    least: Mapping[FailOn, Severity] = {FailOn.ALERT: "info", FailOn.WARNING: "warning", FailOn.CRITICAL: "critical"}
    if fail_on is not None and totals.n_alerts(least[fail_on]):
        raise typer.Exit(ExitCode.ALERTS)
    if not totals.n_windows:
        raise typer.Exit(ExitCode.NO_VERDICT)


def _fields_of(settings: Settings, path: Path, labels: Path | None) -> Fields:
    return settings.labels.fields if path == labels and settings.labels is not None else settings.predictions.fields


def _partitions(files: Mapping[Path, Fields], n_bytes: int) -> list[int]:
    """Return how many partitions the lines of each file name, at least 1."""
    from driftline.runtime.files.event_files import partitions_named
    from driftline.runtime.files.event_lines import event_lines

    with progress("partitions", n_bytes) as advance:
        return [
            max(1, partitions_named(event_lines(path, fields), str(path), advance)) for path, fields in files.items()
        ]


def _say_no_joins(totals: BacktestTotals, settings: Settings, predictions: Path, labels: Path) -> None:
    """Print that no label met a prediction, with the first of each file; every model has a reference."""
    from driftline.config.input_settings import LabelInput
    from driftline.events.label import LabelDecoder
    from driftline.events.prediction import PredictionDecoder

    of_predictions, of_labels = settings.predictions.fields, (settings.labels or LabelInput()).fields
    prediction = _first_usable(predictions, of_predictions, PredictionDecoder(of_predictions))
    label = _first_usable(labels, of_labels, LabelDecoder(of_labels))
    if prediction is not None and label is not None:
        say_no_joins(totals, (prediction.prediction_id, prediction.ts_ms), (label.prediction_id, label.ts_ms))


def _first_usable(path: Path, fields: Fields, decode: Callable[[bytes], Decoded]) -> Decoded | None:
    """Return the first event of a file that can be used; None where there is none."""
    from driftline.runtime.files.event_lines import event_lines

    for line in event_lines(path, fields):
        try:
            return decode(line)
        except EventError:
            continue  # the backtest counts it, and says what is wrong with it
    return None


def _profile(
    settings: Settings,
    reference: Path | None,
    predictions: Path,
    named: tuple[str | None, str | None],
    rows: RowsOptions,
) -> Profile | None:
    """Return the profile of a file or of rows, effective from the beginning where it is made of rows; None without.

    ``named`` are model and version, by default those of the first prediction; None also where no prediction can be
    used: the backtest then says why.
    """
    from driftline.events.model_key import ModelKey
    from driftline.events.prediction import PredictionDecoder
    from driftline.profiles.effective import BEGINNING_MS
    from driftline.runtime.references.profile_files import is_profile, read_profile

    if reference is None and rows.sql is None:
        rows.refuse_without_rows()
        return None
    if reference is not None and is_profile(reference):
        rows.refuse_with_profile()
        profile = read_profile(reference)
        tell_remarks(unknown_variation(profile, settings))
        return profile
    model, version = named
    if model is None and settings.predictions.pair is not None:
        message = "Expected the model of the reference, as requests and responses are separate records - at `--model`"
        raise FormatError(message)
    if model is None:
        fields = settings.predictions.fields
        first = _first_usable(predictions, fields, PredictionDecoder(fields))
        if first is None:
            return None
        model, version = first.model, version if version is not None else first.version
    profile, remarks = profile_of_rows(reference, settings, ModelKey(model, version or ""), rows, BEGINNING_MS)
    tell_remarks(remarks)
    refuse_contradictions(remarks, strict=rows.strict)
    return profile
