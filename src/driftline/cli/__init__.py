"""The command line. Each module of this package enters its commands into :data:`driftline.cli.app.app` on import.

A further command group is one further line here.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from rich.markup import escape
from typer.main import get_command

from driftline.cli import alert_commands as _alert_commands  # noqa: F401  # importing it registers its commands
from driftline.cli import alerts as _alerts  # noqa: F401  # importing it registers its commands
from driftline.cli import answers as _answers  # noqa: F401  # importing it registers its commands
from driftline.cli import backtest as _backtest  # noqa: F401  # importing it registers its commands
from driftline.cli import budget as _budget  # noqa: F401  # importing it registers its commands
from driftline.cli import check_config as _check_config  # noqa: F401  # importing it registers its commands
from driftline.cli import demo as _demo  # noqa: F401  # importing it registers its commands
from driftline.cli import deploy as _deploy  # noqa: F401  # importing it registers its commands
from driftline.cli import doctor as _doctor  # noqa: F401  # importing it registers its commands
from driftline.cli import explain_budget as _explain_budget  # noqa: F401  # importing it registers its commands
from driftline.cli import maintenance as _maintenance  # noqa: F401  # importing it registers its commands
from driftline.cli import notify as _notify  # noqa: F401  # importing it registers its commands
from driftline.cli import presets as _presets  # noqa: F401  # importing it registers its commands
from driftline.cli import rebaseline as _rebaseline  # noqa: F401  # importing it registers its commands
from driftline.cli import reference as _reference  # noqa: F401  # importing it registers its commands
from driftline.cli import reference_diff as _reference_diff  # noqa: F401  # importing it registers its commands
from driftline.cli import reference_production as _reference_production  # noqa: F401  # importing it registers its commands
from driftline.cli import replay as _replay  # noqa: F401  # importing it registers its commands
from driftline.cli import run as _run  # noqa: F401  # importing it registers its commands
from driftline.cli import simulate as _simulate  # noqa: F401  # importing it registers its commands
from driftline.cli import topics as _topics  # noqa: F401  # importing it registers its commands
from driftline.cli.app import app
from driftline.cli.common import err
from driftline.cli.exit_codes import ExitCode, exit_code
from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["app", "main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit code; the entry point of ``driftline``."""
    try:
        _command()(args=arguments, prog_name="driftline")
    except DriftlineError as error:
        _leave(error)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        from driftline.runtime.kafka.broker_failures import broker_error

        failure = broker_error(error)
        if failure is None:
            raise
        _leave(failure)
    sys.exit(ExitCode.OK)


@cache
def _command() -> Callable[..., object]:
    """Return all commands with their options, which takes longer to make than many of them to run."""
    return get_command(app)


def _leave(error: DriftlineError) -> NoReturn:
    err.print(f"[bold red]error:[/] {escape(str(error))}")
    sys.exit(exit_code(error))
