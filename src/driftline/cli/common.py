"""What the commands share: consoles, options, the configuration, progress."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec.structs import replace
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from driftline.cli.data_console import DataConsole
from driftline.config.convert import Converter
from driftline.config.load import known_detectors, known_distances, load_settings
from driftline.config.secrets import Credentials, resolve_credentials
from driftline.config.topic_names import from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from driftline.config.model import ModelSettings
    from driftline.config.problem import Problem
    from driftline.config.settings import Settings

out: Final = DataConsole(soft_wrap=True, highlight=False)
"""Standard output: results. Colours on a terminal only."""

err: Final = DataConsole(stderr=True, soft_wrap=True, highlight=False)
"""Standard error: errors, progress, remarks. Colours on a terminal only."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="DRIFTLINE_CONFIG", help="Configuration file (YAML).", show_default=False),
]
_NOTHING_MORE: Final[Mapping[str, object]] = MappingProxyType({})

FileArgument = Annotated[Path, typer.Argument(help="Configuration file (YAML).", show_default=False)]
BrokersOption = Annotated[
    str | None, typer.Option("--brokers", "-b", help="Kafka brokers, as host:port,host:port.", show_default=False)
]
PrefixOption = Annotated[
    str | None, typer.Option("--prefix", help="Prefix of driftline's topics and groups.", show_default=False)
]
PredictionsOption = Annotated[
    str | None, typer.Option("--predictions", help="Topic of the predictions, or several (a,b).", show_default=False)
]
LabelsOption = Annotated[
    str | None, typer.Option("--labels", help="Topic of the labels, or several (a,b).", show_default=False)
]


def overrides(
    more: Mapping[str, object] = _NOTHING_MORE,
    *,
    brokers: str | None = None,
    prefix: str | None = None,
    predictions: str | None = None,
    labels: str | None = None,
) -> dict[str, object]:
    """Return the options that were given, by the dotted path of the setting they stand for.

    Examples
    --------
    >>> overrides({"telemetry.port": None}, brokers="kafka:9092")
    {'kafka.brokers': 'kafka:9092'}
    """
    named = {
        "kafka.brokers": brokers,
        "kafka.prefix": prefix,
        "predictions.topic": predictions and from_text(predictions),
        "labels.topic": labels and from_text(labels),
        **more,
    }
    return {path: value for path, value in named.items() if value is not None}


def read_settings(config: Path | None, given: Mapping[str, object] | None = None) -> Settings:
    """Return the settings of file, environment and options; a wrong configuration ends the command with exit code 2.

    Parameters
    ----------
    config : pathlib.Path, optional
        The YAML file; without one the defaults are where environment and options start from.
    given : mapping of str to object, optional
        Values by dotted path, as :func:`overrides` returns them.
    """
    from driftline import detectors, distances
    from driftline.events.mapping_check import mapping_problems
    from driftline.notify.check import notify_problems

    checks = (
        known_detectors(detectors.names(), detectors.river_names),
        known_distances(distances.names()),
        _detector_parameters,
    )
    settings_checks = (mapping_problems, _client_problems, notify_problems)
    return load_settings(config, os.environ, given or {}, model_checks=checks, settings_checks=settings_checks)


def read_credentials(settings: Settings) -> Credentials:
    """Return the secrets that the settings name; one that is missing ends the command with exit code 2."""
    return resolve_credentials(settings.kafka.security, os.environ, settings.schema_registry)


def quiet_logs(settings: Settings) -> None:
    """Log warnings and errors alone, to standard error: standard output is the command's own."""
    from driftline.runtime.operations.logs import configure_logs

    configure_logs(replace(settings.telemetry, log_level="warning"))


def _client_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what the Kafka clients refuse; they are imported only where the configuration says something to them."""
    if settings.kafka.client:
        from driftline.runtime.kafka.client_check import librdkafka_problems

        yield from librdkafka_problems(settings)
    if settings.kafka.aiokafka:
        from driftline.runtime.detect.aiokafka_options import aiokafka_problems

        yield from aiokafka_problems(settings)


def _detector_parameters(model: ModelSettings, path: str) -> Iterator[tuple[str, str]]:
    """Yield a problem for each configured parameter that its detector refuses."""
    from driftline import detectors

    for name, parameters in model.checks.detector_parameters.items():
        if name in (detectors.river_names() if name.startswith("river:") else detectors.names()):
            place = f"{path}.checks.detector_parameters.{name}"
            converter = Converter({})
            converter.convert(detectors.get(name).parameters_type, parameters, place)
            for problem in converter.problems:
                yield place, problem


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error while the block runs, on a terminal only; yield the function that advances
    it.

    Examples
    --------
    >>> with progress("rows", 2) as advance:
    ...     advance(2)
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(description, total=total)
        yield lambda n: bar.advance(task, n)
