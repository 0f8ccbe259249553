"""``driftline run``: the workers, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from driftline.cli.app import app
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    LabelsOption,
    PredictionsOption,
    PrefixOption,
    credentials_or_exit,
    err,
    load_or_exit,
    overrides,
)
from driftline.cli.exit_codes import ExitCode, exit_code
from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from driftline.runtime.node import Node


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
        _stop_on_signals(node)
        try:
            node.run()
        except DriftlineError as error:
            if node.left_behind:
                err.print(f"[bold red]error:[/] {escape(str(error))}")
                leave(exit_code(error))
            raise
        if node.left_behind:
            leave(ExitCode.OK)


def _stop_on_signals(node: Node) -> None:
    """Finish at the first signal; at the second, leave at once."""
    stopping = threading.Event()

    def on_signal(*_: object) -> None:
        if stopping.is_set():
            leave(ExitCode.INTERRUPTED)
        stopping.set()
        node.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)


def leave(code: ExitCode) -> None:
    """End the process without waiting for threads that cannot finish: librdkafka waits for its broker at exit."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
