"""``driftline doctor``: what the topics hold, what would be refused, and a configuration that fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from driftline.cli.app import app
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    LabelsOption,
    PredictionsOption,
    PrefixOption,
    out,
    overrides,
    quiet_logs,
    read_credentials,
    read_settings,
)
from driftline.cli.exit_codes import ExitCode
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.inspection.report import Line, Report

_STYLES: Final = {"ok": "green", "note": "yellow", "problem": "bold red"}
_INDENT: Final = " " * 11


@app.command("doctor")
def doctor(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    predictions: PredictionsOption = None,
    labels: LabelsOption = None,
    registry: Annotated[
        str | None, typer.Option("--registry", help="URL of the schema registry.", show_default=False)
    ] = None,
    predictions_file: Annotated[
        Path | None,
        typer.Option(
            "--predictions-file",
            help="Predictions in a file of one JSON object per line, in place of the topic.",
            show_default=False,
        ),
    ] = None,
    labels_file: Annotated[
        Path | None, typer.Option("--labels-file", help="Labels in a file likewise.", show_default=False)
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", help="File to write the configuration to; it must not exist.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Read samples of the topics, say what they hold and what would be refused, and propose a configuration.

    No group is joined and nothing is written to Kafka. Exit code 7 if problems would keep data out.
    """
    if write is not None and write.exists():
        message = f"Expected a new file for --write, got one that exists - at `{write}`. Name another, or delete it"
        raise ConfigurationError((message,), "The command line")
    if labels == predictions:
        labels = None  # what tells them apart is found out
    given: dict[str, object] = {"schema_registry.url": registry}
    settings = read_settings(
        config, overrides(given, brokers=brokers, prefix=prefix, predictions=predictions, labels=labels)
    )
    quiet_logs(settings)
    if predictions_file is None:
        if labels_file is not None:
            raise ConfigurationError(("Expected `--predictions-file` beside `--labels-file`",), "The command line")
        report = _of_topics(settings, configured=config is not None)
    else:
        report = _of_files(settings, predictions_file, labels_file, configured=config is not None)
    _verify(report)
    if as_json:
        import msgspec

        out.print(msgspec.json.encode(report).decode(), markup=False)
    else:
        _show(report)
    if write is not None and report.configuration:
        write.write_text(report.configuration, encoding="utf-8")
        if not as_json:
            out.print(f"Written to {write}: {_next_step(report, write)}", markup=False)
    if not report.usable:
        raise typer.Exit(ExitCode.UNUSABLE)


def _of_topics(settings: Settings, *, configured: bool) -> Report:
    import time

    from driftline.inspection.examination import examine, report_of
    from driftline.runtime.encodings.input_encodings import InputEncodings
    from driftline.runtime.inspect.chosen_topics import with_topics_there
    from driftline.runtime.inspect.partitions import partition_lines
    from driftline.runtime.inspect.sampling import TopicSampler

    credentials = read_credentials(settings)
    there, lines = with_topics_there(settings, credentials)
    sampler = TopicSampler(there, credentials, InputEncodings(there, credentials))
    predictions = sampler.sample(there.predictions.topics[0], "predictions")
    labels = None
    if there.labels is not None:
        shared = settings.shares_topic
        labels = predictions.as_labels() if shared else sampler.sample(there.labels.topics[0], "labels")
    found = examine(predictions, labels, settings, configured=configured)
    return report_of(found, [*lines, *partition_lines(found)], int(time.time() * 1000))


def _of_files(settings: Settings, predictions: Path, labels: Path | None, *, configured: bool) -> Report:
    from driftline.config.input_settings import LabelInput
    from driftline.inspection.examination import examine, report_of
    from driftline.runtime.files.file_topics import with_file_topics
    from driftline.runtime.inspect.file_samples import sample_file

    of_files = with_file_topics(settings)
    topic = (of_files.labels or LabelInput()).topics[0]
    outcomes = None if labels is None else sample_file(labels, topic, "labels")
    source = sample_file(predictions, of_files.predictions.topics[0], "predictions")
    return report_of(examine(source, outcomes, settings, configured=configured))


def _verify(report: Report) -> None:
    """Check that the proposed configuration can be read.

    Raises
    ------
    ConfigurationError
        When it cannot.
    """
    import yaml

    from driftline.config.load import load_settings
    from driftline.events.mapping_check import mapping_problems

    load_settings(None, {}, yaml.safe_load(report.configuration) or {}, settings_checks=(mapping_problems,))


def _next_step(report: Report, file: Path) -> str:
    """Return what the reader does with the configuration."""
    if report.usable:
        return f"check it with `driftline check-config {file}`"
    n = f"{report.n_problems} problems" if report.n_problems > 1 else "one problem"
    return f"first mend what is named above ({n}), in this file or where the records are written"


def _show(report: Report) -> None:
    for section in report.sections:
        out.print(f"[bold]{escape(section.title)}[/]")
        for line in section.lines:
            _show_line(line)
        out.print()
    if report.configuration:
        out.print("[bold]Configuration[/]")
        for text in report.configuration.splitlines():
            out.print(f"  {text}", markup=False)
        out.print()
    n = report.n_problems
    out.print("No problem was found." if not n else f"{n} problem{'s' if n > 1 else ''} found.", markup=False)


def _show_line(line: Line) -> None:
    out.print(f"  [{_STYLES[line.level]}]{line.level:<7}[/]  {escape(line.text)}")
    if line.advice:
        out.print(f"{_INDENT}{escape(line.advice)}")
