"""How the commands that run until they are told to stop come to their end."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rich.markup import escape

from driftline.cli.common import err
from driftline.cli.exit_codes import ExitCode, exit_code
from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from collections.abc import Callable

_CRASHED: Final = 1
"""What Python itself leaves with after a traceback."""
_LAST_RESORT_S: Final = 60
"""Nodes and notifiers stop their workers in 25 s at most."""


def stop_on_signals(stop: Callable[[], None], clean_up: Callable[[], None] = lambda: None) -> None:
    """Finish at the first signal, or else end with what each thread waits for; at the second, clean up and leave."""
    stopping = threading.Event()

    def on_signal(*_: object) -> None:
        if stopping.is_set():
            clean_up()
            leave(ExitCode.INTERRUPTED)
        stopping.set()
        # A thread of its own, in C: a library that waits with Python's lock held stops all other threads.
        faulthandler.dump_traceback_later(_LAST_RESORT_S, exit=True)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)


def show_error(error: Exception) -> int:
    """Print an error as the command line does; return the exit code."""
    if isinstance(error, DriftlineError):
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        return exit_code(error)
    traceback.print_exception(error)
    return _CRASHED


def leave(code: int) -> None:
    """End the process without waiting for threads that cannot finish: librdkafka waits for its broker at exit."""
    with suppress(RuntimeError, OSError):  # a signal may come amid a write, and the reader may be gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
