#!/usr/bin/env python3
"""Prometheus, Alertmanager, promtool and amtool for tests, from the distribution's packages.

    scripts/prometheus_tools.py    fetch them (once), and print the folder that holds them

Programs on the PATH are taken as they are. Else the packages are downloaded with apt-get and unpacked below
``build/prometheus``, without root and without installing anything. Exit code 4 where that cannot be done. The unpacked
Alertmanager finds its templates only when it is started in the folder ``build/prometheus/unpacked``.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

EXIT_UNAVAILABLE: Final = 4
PACKAGES: Final = ("prometheus", "prometheus-alertmanager")
FOLDER: Final = Path(
    os.environ.get("PROMETHEUS_DIR") or Path(__file__).resolve().parent.parent / "build" / "prometheus"
)
ALERTMANAGERS: Final = ("prometheus-alertmanager", "alertmanager")
"""Debian's name, and that of the project itself."""
OTHERS: Final = ("prometheus", "promtool", "amtool")
TIMEOUT_S: Final = 240
BUILT_FOR: Final = b"/usr/share/prometheus/alertmanager"
"""Where Debian's Alertmanager looks for its templates, whatever its configuration says."""
MOVED_TO: Final = b"usr/share/prometheus//alertmanager"
"""The same folder in that of the unpacked packages; a path in a program can only be replaced by one of equal length."""


class UnavailableError(Exception):
    """The programs are not on this machine and cannot be fetched."""


def find(name: str, folder: Path | None = None) -> Path | None:
    """Return a program in a folder, or on the PATH."""
    found = shutil.which(name, path=None if folder is None else str(folder))
    return None if found is None else Path(found)


def complete(folder: Path | None) -> bool:
    """Return whether all programs are in a folder, or on the PATH."""
    return all(find(name, folder) for name in OTHERS) and any(find(name, folder) for name in ALERTMANAGERS)


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder.

    Raises
    ------
    UnavailableError
        When it fails, or takes too long.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"`{' '.join(command)}` did not end within {TIMEOUT_S} s") from None
    if done.returncode:
        raise UnavailableError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-500:]}")


def download(folder: Path) -> None:
    """Download the packages into a folder, with the system's list of packages or, where that is too old, a new one."""
    sandbox = ["-o", "APT::Sandbox::User="]  # the folder is this user's, and apt must not change to its own
    try:
        run(["apt-get", *sandbox, "download", *PACKAGES], folder)
    except UnavailableError:
        state = ["-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
        (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        run(["apt-get", *sandbox, *state, "update"], folder)
        run(["apt-get", *sandbox, *state, "download", *PACKAGES], folder)


def relocate(unpacked: Path) -> None:
    """Let the unpacked Alertmanager read its templates from where they are."""
    program = unpacked / "usr" / "bin" / ALERTMANAGERS[0]
    program.write_bytes(program.read_bytes().replace(BUILT_FOR, MOVED_TO))


def fetch() -> Path | None:
    """Return the folder of the programs, None where they are on the PATH.

    Raises
    ------
    UnavailableError
        When they cannot be had.
    """
    if complete(None):
        return None
    binaries = FOLDER / "unpacked" / "usr" / "bin"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if complete(binaries):
            return binaries
        missing = [name for name in ("apt-get", "dpkg-deb") if find(name) is None]
        if missing:
            raise UnavailableError(f"{', '.join(OTHERS)} are not on the PATH, and {' and '.join(missing)} not either")
        part = FOLDER / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        print("prometheus: downloading the packages (once)", file=sys.stderr, flush=True)
        download(part)
        for package in sorted(part.glob("*.deb")):
            run(["dpkg-deb", "-x", str(package), str(part / "unpacked")], part)
        relocate(part / "unpacked")
        shutil.rmtree(FOLDER / "unpacked", ignore_errors=True)
        (part / "unpacked").rename(FOLDER / "unpacked")
        shutil.rmtree(part)
    if not complete(binaries):
        raise UnavailableError(f"the packages {', '.join(PACKAGES)} do not hold all of {', '.join(OTHERS)}")
    return binaries


def main() -> int:
    """Fetch the programs; a failure is one message and an exit code."""
    try:
        folder = fetch()
    except UnavailableError as error:
        print(f"prometheus: {error}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    print("" if folder is None else folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
