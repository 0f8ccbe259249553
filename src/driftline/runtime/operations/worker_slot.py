"""Default worker names: unique among the live processes of a host, and reused after a restart."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from driftline.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SLOTS: Final = 1_024


@contextmanager
def worker_slot(prefix: str, folder: Path | None = None) -> Iterator[str]:
    """Hold the lowest free slot of this host and user while the block runs; yield the worker's name.

    The name is the host's name, the user's number and the slot: ``web-7-1000-0``. A slot is a locked file, and the
    operating system lets go of it however the process ends. A worker that starts again gets the slot it had, or that of
    another worker which has ended: whatever transaction is open under that name is nobody's any more.

    Parameters
    ----------
    prefix : str
        Workers of different prefixes have slots of their own.
    folder : Path, optional
        Where the lock files are; ``~/.local/state/driftline``, or a folder of the user's among the temporary ones
        where that cannot be written.

    Raises
    ------
    BrokerError
        When all slots are taken, or no folder can be written.
    """
    place = _folder() if folder is None else _made(folder)
    if place is None:
        message = "There is no writable folder for lock files, neither in the home nor in the temporary directory"
        raise BrokerError(f"{message}. Give the worker a name with `--name`")
    for slot in range(MAX_SLOTS):
        file = os.open(place / f"{prefix}-{slot}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield f"{socket.gethostname()}-{os.getuid()}-{slot}"
            return
        finally:
            os.close(file)
    message = f"All {MAX_SLOTS:,} slots for workers are in use: their lock files are in `{place}`"
    raise BrokerError(f"{message}. Give the worker a name with `--name`")


def _folder() -> Path | None:
    try:
        home = _made(Path.home() / ".local" / "state" / "driftline")
    except RuntimeError:  # nobody says where home is
        home = None
    return home or _made(Path(tempfile.gettempdir()) / f"driftline-{os.getuid()}")


def _made(folder: Path) -> Path | None:
    """Return the folder, created if missing; None where it is not writable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None
