"""The ``driftline`` command in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.real_broker import ROOT, patient

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = (sys.executable, "-m", "driftline")


def driftline(*arguments: object, deadline_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its exit code is for the caller to judge."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=patient(deadline_s),
    )


@contextmanager
def interruptible() -> Iterator[None]:
    """Let processes that are started in this block be interrupted, however the tests were started.

    A shell starts background jobs with SIGINT ignored, and what is ignored stays so in all processes below.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
