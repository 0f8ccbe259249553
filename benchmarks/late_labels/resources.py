"""What a process and its folder take, sampled while it runs."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from types import TracebackType

INTERVAL_S: Final = 0.25
_FIELD: Final = re.compile(r"^(VmRSS|RssAnon):\s+(\d+) kB$", re.MULTILINE)
_KIB: Final = 1024


class Use(NamedTuple):
    """Greatest and last bytes of one phase.

    Attributes
    ----------
    rss, anonymous, disk : int
        Greatest resident memory, greatest of it that is no file's, greatest size of the folder.
    last_rss, last_anonymous, last_disk : int
    """

    rss: int
    anonymous: int
    disk: int
    last_rss: int
    last_anonymous: int
    last_disk: int


class Sampler:
    """Samples a process and a folder in a thread while its block runs.

    Parameters
    ----------
    pid : int
    folder : Path
        May not exist yet.
    """

    def __init__(self, pid: int, folder: Path) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._folder = folder
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._samples: list[tuple[int, int, int]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                fields = dict(_FIELD.findall(self._status.read_text()))
            except (FileNotFoundError, ProcessLookupError):
                return  # it has ended, and its samples are kept
            if len(fields) == 2:
                resident, anonymous = int(fields["VmRSS"]) * _KIB, int(fields["RssAnon"]) * _KIB
                self._samples.append((resident, anonymous, folder_bytes(self._folder)))
            self._ending.wait(INTERVAL_S)

    def take(self) -> Use:
        """Return what was sampled since the last call."""
        taken, self._samples = self._samples or [(0, 0, 0)], []
        resident, anonymous, disk = (max(column) for column in zip(*taken, strict=True))
        return Use(resident, anonymous, disk, *taken[-1])


def folder_bytes(folder: Path) -> int:
    """Return the sizes of all files below a folder; 0 where there is none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # it was there when the folder was listed
    return total
