"""``driftline topics``: make the topics driftline needs, and say what differs from what they must be like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from driftline.cli.app import app as root
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    LabelsOption,
    PredictionsOption,
    PrefixOption,
    credentials_or_exit,
    load_or_exit,
    out,
    overrides,
)
from driftline.cli.exit_codes import ExitCode
from driftline.errors import BrokerError

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

    from driftline.config.settings import Settings
    from driftline.runtime.kafka.topics import Sources, TopicSpec

app = typer.Typer(help="Make and check the topics that driftline needs.", no_args_is_help=True)
root.add_typer(app, name="topics")


@app.command("create")
def create_topics(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    predictions: PredictionsOption = None,
    labels: LabelsOption = None,
) -> None:
    """Make the topics that do not exist yet; those that do are left as they are.

    The pending topic has as many partitions as the prediction topic, which therefore has to exist.
    """
    from driftline.runtime.kafka.topics import create

    settings = load_or_exit(config, overrides(brokers=brokers, prefix=prefix, predictions=predictions, labels=labels))
    admin, found, specs = _look(settings)
    if found.partitions[settings.predictions.topic] is None:
        raise BrokerError(
            f"Expected the predictions' topic `{settings.predictions.topic}`, got none "
            f"- at `{settings.kafka.brokers}`. "
            "Our topics are laid out by its number of partitions: create it first, or name another one"
        )
    created = create(admin, specs)
    for name in created:
        out.print(f"created  {name}", markup=False)
    for spec in specs:
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
    """Say what differs between the broker's topics and what they must be like; exit code 1 where anything does."""
    from driftline.runtime.kafka.topics import check

    settings = load_or_exit(config, overrides(brokers=brokers, prefix=prefix, predictions=predictions, labels=labels))
    admin, found, specs = _look(settings)
    differences = check(admin, specs, found)
    for difference in differences:
        out.print(str(difference), markup=False)
    if differences:
        raise typer.Exit(ExitCode.FOUND)
    out.print(
        f"All {len(specs)} topics of `{settings.kafka.prefix}` and the input topics are as they must be.", markup=False
    )


def _look(settings: Settings) -> tuple[AdminClient, Sources, tuple[TopicSpec, ...]]:
    from driftline.runtime.kafka.kafka_clients import connect_admin
    from driftline.runtime.kafka.topics import sources, topic_specs

    admin = connect_admin(settings.kafka, credentials_or_exit(settings))
    found = sources(admin, settings)
    return admin, found, topic_specs(settings, found.greatest, found.max_message_bytes)
