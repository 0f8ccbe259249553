"""``driftline topics``: create the topics that driftline needs, and report how existing ones differ."""

from __future__ import annotations

import typer

from driftline.cli.app import app as root
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    LabelsOption,
    PredictionsOption,
    PrefixOption,
    out,
    overrides,
    read_credentials,
    read_settings,
)
from driftline.cli.exit_codes import ExitCode

app = typer.Typer(help="Create and check the topics that driftline needs.", no_args_is_help=True)
root.add_typer(app, name="topics")


@app.command("create")
def create_topics(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    predictions: PredictionsOption = None,
    labels: LabelsOption = None,
) -> None:
    """Create the topics that do not exist yet; existing ones are left as they are.

    The pending topic has as many partitions as the prediction topic, which therefore has to exist.
    """
    from driftline.runtime.kafka.topic_admin import TopicAdmin

    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix, predictions=predictions, labels=labels))
    topics = TopicAdmin(settings, read_credentials(settings))
    created = topics.create()
    for name in created:
        out.print(f"created  {name}", markup=False)
    for spec in topics.specs:
        if spec.name not in created:
            out.print(f"exists   {spec.name}", markup=False)


@app.command("check")
def check_topics(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    predictions: PredictionsOption = None,
    labels: LabelsOption = None,
) -> None:
    """Report how the broker's topics differ from what driftline needs; exit code 1 if any does."""
    from driftline.runtime.kafka.topic_admin import TopicAdmin

    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix, predictions=predictions, labels=labels))
    topics = TopicAdmin(settings, read_credentials(settings))
    differences = topics.check()
    for difference in differences:
        out.print(str(difference), markup=False)
    if differences:
        raise typer.Exit(ExitCode.FOUND)
    n, prefix = len(topics.specs), settings.kafka.prefix
    out.print(f"All {n} topics of `{prefix}` and the input topics are as driftline needs them.", markup=False)
