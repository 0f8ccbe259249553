"""``driftline backtest``: a configuration tried on files, without a broker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline.cli.app import app
from driftline.cli.common import ConfigOption, err, out, progress, read_settings
from driftline.cli.exit_codes import ExitCode
from driftline.errors import FormatError

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile
    from driftline.runtime.files.backtest import BacktestTotals

_FILE = {"exists": True, "dir_okay": False}
PredictionsFile = Annotated[
    Path, typer.Option("--predictions", help="Predictions, one event per line (.ndjson[.gz]).", **_FILE)
]
LabelsFile = Annotated[
    Path | None, typer.Option("--labels", help="Labels, one event per line.", show_default=False, **_FILE)
]
ReferenceFile = Annotated[
    Path | None,
    typer.Option(
        "--reference",
        help="Reference rows (.parquet, .csv, .ndjson) or a .profile; without it, one is learnt from the first events.",
        show_default=False,
        **_FILE,
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
    partitions: PartitionsOption = None,
    model: ModelOption = None,
    model_version: VersionOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Run predictions and labels from files through the same pipeline as on Kafka.

    A line may give the position of its record: "kafka": {"partition": 0, "offset": 12, "timestamp": 1772366400000}.
    Windows that are open at the end of the files stay open, as on a topic without further records.
    """
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.files.backtest import Backtest, write_events
    from driftline.runtime.files.event_files import partitions_named

    _require_lines(predictions, "--predictions")
    _require_lines(labels, "--labels")
    given: dict[str, object] = {} if prefix is None else {"kafka.prefix": prefix}
    settings = read_settings(config, given)
    if labels is not None and settings.labels is None:
        settings = read_settings(config, {**given, "labels.topic": "labels"})
    profiles = [] if reference is None else [_profile(settings, reference, predictions, model, model_version)]
    files = [path for path in (predictions, labels) if path is not None]
    counts = [partitions or max(1, partitions_named(path)) for path in files]
    if settings.join.repartition is False:
        counts = [max(counts)] * len(counts)
    run = Backtest(settings, Profiles(profiles), counts[0], counts[-1])
    with progress("backtest", sum(path.stat().st_size for path in files)) as advance:
        totals = write_events(out_file, lambda emit: run.run(predictions, labels, emit, advance))
    out.print(
        f"{totals.n_predictions:,} predictions ({totals.n_late:,} late), {totals.n_labels:,} labels, "
        f"{totals.n_dead_letters:,} dead letters -> {totals.n_events:,} events, {totals.n_alerts_opened:,} alerts "
        f"opened, in {out_file}",
        markup=False,
    )
    _say_refusals(totals)
    if totals.n_halves_waiting:
        line = f"{totals.n_halves_waiting:,} requests or responses still waited for their other half at the end"
        err.print(line, style="yellow", markup=False)
    if totals.nothing_usable:
        raise typer.Exit(ExitCode.DATA)


def _require_lines(path: Path | None, option: str) -> None:
    """Refuse a table: the file must have one event per line."""
    if path is not None and path.suffix in {".parquet", ".csv"}:
        message = f"Expected NDJSON, one event per line (.ndjson or .ndjson.gz), got `{path}` - at `{option}`"
        raise FormatError(message)


def _say_refusals(totals: BacktestTotals) -> None:
    """Print for each reason how many records were rejected, and the first of them."""
    from driftline.events.dead_letter import REASONS

    for reason, n in totals.refused.most_common():
        line = f"{n:,} rejected, {reason} ({REASONS[reason]}); the first: {totals.first_refusals[reason]}"
        err.print(line, style="yellow", markup=False)
    if totals.nothing_usable:
        err.print(
            "error: Expected usable predictions, got none: all were rejected. Field mappings are configured under "
            "`predictions.fields`",
            style="red",
            markup=False,
        )


def _profile(settings: Settings, reference: Path, predictions: Path, model: str | None, version: str | None) -> Profile:
    """Return the profile of a reference file, effective from the beginning where it is made of rows."""
    from driftline.events.model_key import ModelKey
    from driftline.events.prediction import PredictionDecoder
    from driftline.profiles.building.build import TimeOptions, build_profile
    from driftline.profiles.effective import BEGINNING_MS
    from driftline.runtime.files.event_files import lines
    from driftline.runtime.references.reference_files import is_profile, read_profile, read_table

    if is_profile(reference):
        return read_profile(reference)
    fields = settings.predictions.fields
    if model is None and settings.predictions.pair is not None:
        message = "Expected the model of the reference, as requests and responses are separate records - at `--model`"
        raise FormatError(message)
    if model is None:
        first = PredictionDecoder(fields)(next(lines(predictions), b""))
        model, version = first.model, version if version is not None else first.version
    key = ModelKey(model, version or "")
    model_settings = settings.model(model)
    reading = read_table(reference, key, fields=fields, positive=model_settings.positive_class)
    for remark in reading.remarks:
        err.print(remark, style="dim", markup=False)
    in_time = TimeOptions(int(settings.time.pane))
    return build_profile(key, reading.table, model_settings, BEGINNING_MS, "training", in_time=in_time)
