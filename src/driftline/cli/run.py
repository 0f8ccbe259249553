"""``driftline run``: the workers, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import shutil
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
    overrides,
    read_credentials,
    read_settings,
)
from driftline.cli.ending import leave, show_error, stop_on_signals
from driftline.cli.exit_codes import ExitCode


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
    typer.Option(
        "--metrics-port", help="Port of /metrics, /healthz and /readyz; 0 picks a free one.", show_default=False
    ),
]
RoleOption = Annotated[RoleChoice, typer.Option("--role", help="Which workers to run.")]
RecountOption = Annotated[
    bool,
    typer.Option(
        "--accept-recount",
        help="Where Kafka has deleted the committed offsets of the inputs, start at the oldest records; they are then "
        "counted again.",
    ),
]
CreateOption = Annotated[
    bool, typer.Option("--create-topics/--no-create-topics", help="Create driftline's topics where they are missing.")
]


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

    Start more processes to share the work. Ctrl-C or SIGTERM finishes the current flush and exits.
    """
    from driftline.runtime.node import Node, NodeOptions
    from driftline.runtime.operations.logs import configure_logs
    from driftline.runtime.operations.memory_arenas import limit_arenas

    limit_arenas()
    given = overrides(
        {"telemetry.port": metrics_port}, brokers=brokers, prefix=prefix, predictions=predictions, labels=labels
    )
    settings = read_settings(config, given)
    configure_logs(settings.telemetry)
    code: int = ExitCode.OK
    # A worker that is left behind may still write there.
    with tempfile.TemporaryDirectory(prefix="driftline-", ignore_cleanup_errors=True) as folder:
        node = Node(
            settings,
            read_credentials(settings),
            role.value,
            name=name,
            data_dir=Path(folder),
            options=NodeOptions(create_topics=create_topics, accept_recount=accept_recount),
        )
        stop_on_signals(node.stop, lambda: shutil.rmtree(folder, ignore_errors=True))
        try:
            node.run()
        except Exception as error:
            if not node.left_behind:
                raise
            code = show_error(error)
    # All is committed, and the clients are closed or given up: what is left of them must not hold up the exit.
    leave(code)
