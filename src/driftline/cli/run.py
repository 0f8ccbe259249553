"""``driftline run``: the workers, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.app import app
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    LabelsOption,
    PredictionsOption,
    PrefixOption,
    credentials_or_exit,
    load_or_exit,
    overrides,
)


class RoleChoice(StrEnum):
    """Which workers a process runs."""

    ALL = "all"
    SKETCH = "sketch"
    DETECT = "detect"


NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="Name of this worker, unique among all workers and the same after a restart; by default the host's name, "
        "the user's number and the lowest number that no other process here holds.",
        show_default=False,
    ),
]
PortOption = Annotated[
    int | None,
    typer.Option("--metrics-port", help="Port of /metrics, /healthz and /readyz; 0: any.", show_default=False),
]
RoleOption = Annotated[RoleChoice, typer.Option("--role", help="Which workers to run.")]
RecountOption = Annotated[
    bool,
    typer.Option(
        "--accept-recount",
        help="Where Kafka has forgotten how far the inputs were read, begin at their oldest records, which are then "
        "counted again.",
    ),
]
CreateOption = Annotated[bool, typer.Option("--create-topics/--no-create-topics", help="Create our missing topics.")]


@app.command()
def run(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    predictions: PredictionsOption = None,
    labels: LabelsOption = None,
    prefix: PrefixOption = None,
    role: RoleOption = RoleChoice.ALL,
    name: NameOption = None,
    metrics_port: PortOption = None,
    create_topics: CreateOption = True,
    accept_recount: RecountOption = False,
) -> None:
    """Watch the models on the prediction topic; without a reference, learn one from the first events.

    Start more processes to share the work. Ctrl-C or SIGTERM finishes the current flush and leaves.
    """
    from driftline.runtime.logs import configure_logs
    from driftline.runtime.node import Node, NodeOptions

    given = overrides(
        {"telemetry.port": metrics_port}, brokers=brokers, prefix=prefix, predictions=predictions, labels=labels
    )
    settings = load_or_exit(config, given)
    configure_logs(settings.telemetry)
    with tempfile.TemporaryDirectory(prefix="driftline-") as folder:
        node = Node(
            settings,
            credentials_or_exit(settings),
            role.value,
            name=name,
            data_dir=Path(folder),
            options=NodeOptions(create_topics=create_topics, accept_recount=accept_recount),
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: node.stop())
        node.run()
