"""Waiting in the main thread, which runs the signal handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import threading

_LOOK_S: Final = 1.0


def wait_for(event: threading.Event) -> None:
    """Wait for an event, and run signal handlers within a second, whichever thread the kernel gives a signal to.

    It is free to choose any thread. Python then only notes the signal, and a main thread that waits without a limit
    never wakes up to run the handler: the process would go on as if nobody had asked it to stop.
    """
    while not event.wait(_LOOK_S):
        pass
