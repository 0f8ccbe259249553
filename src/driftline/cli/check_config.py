"""``driftline check-config``: print every problem of a configuration at once, or the resulting settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from driftline.cli.app import app
from driftline.cli.common import BrokersOption, FileArgument, PrefixOption, out, overrides, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.model import ModelSettings
    from driftline.config.settings import Settings


@app.command("check-config")
def check_config(
    file: FileArgument,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    effective: Annotated[
        bool, typer.Option("--effective", help="Print all effective settings as YAML instead of a summary.")
    ] = False,
) -> None:
    """Check a configuration file together with the environment, and print the resulting settings.

    Nothing is connected to. Secrets are not read and not shown.
    """
    settings = read_settings(file, overrides(brokers=brokers, prefix=prefix))
    if effective:
        out.print(_as_yaml(settings), end="", markup=False)
        return
    for line in _summary(settings):
        out.print(line, markup=False)


def _as_yaml(settings: Settings) -> str:
    import yaml

    from driftline.config.load import plain

    text: str = yaml.safe_dump(plain(settings), sort_keys=False, allow_unicode=True)
    return text


def _summary(settings: Settings) -> Iterator[str]:
    kafka, time = settings.kafka, settings.time
    labels = settings.labels.shown if settings.labels else "none: performance is not measured"
    yield "The configuration is valid."
    yield f"  brokers      {kafka.brokers} ({kafka.security.protocol})"
    yield from _clients(settings)
    yield f"  predictions  {settings.predictions.shown}"
    yield f"  labels       {labels}"
    layout = f"panes in {kafka.panes_partitions} partitions, replication {kafka.replication}"
    yield f"  our topics   {kafka.topic('*')}, {layout}"
    yield f"  time         panes of {time.pane}, lateness {time.lateness}, idle after {time.idle_timeout}"
    yield from _notify(settings)
    yield from _model("all others" if settings.models else "all models", settings.defaults, settings)
    for name, model in sorted(settings.models.items()):
        yield from _model(name, model, settings)


def _clients(settings: Settings) -> Iterator[str]:
    """Say which properties of the clients the detect stage does not follow, where there are any."""
    if not settings.kafka.client:
        return
    from driftline.runtime.detect.aiokafka_options import sketch_stage_only

    without = sketch_stage_only(settings.kafka)
    followed = [name for name in settings.kafka.client if name not in without]
    if followed:
        yield f"  clients      {', '.join(followed)}"
    if without:
        yield f"  clients      {', '.join(without)} (all but the detect stage's, which have no such property)"


def _notify(settings: Settings) -> Iterator[str]:
    """Say what the notifier would do, where it has sinks."""
    notify = settings.notify
    if notify.sinks:
        sinks = ", ".join(f"{name} ({sink.kind})" for name, sink in notify.sinks.items())
        routes = f"{len(notify.routes)} routes" if len(notify.routes) != 1 else "1 route"
        yield f"  notify       {sinks}; {routes if notify.routes else 'every alert to every sink'}"


def _model(name: str, model: ModelSettings, settings: Settings) -> Iterator[str]:
    from driftline.config.fingerprint import model_settings_hash

    windows, labels, budget = model.windows, model.labels, model.alerts.false_alarm_budget
    verdicts = ", ".join(str(size) for size in windows.verdict)
    yield f"  {name} (settings {model_settings_hash(settings, name)})"
    yield f"    task         {model.task}"
    yield f"    verdicts     every {verdicts}, from {windows.min_samples} events on"
    yield f"    performance  every {windows.performance}, labels awaited for {labels.horizon}"
    yield f"    detectors    {', '.join(model.checks.detectors) or 'none'}"
    yield f"    budget       {budget.pages:g} false pages per {budget.horizon}"
