#!/usr/bin/env python3
"""Build the native library into src/driftline/native/, where the package finds it.

With --check, look at its form (rustfmt), its code (clippy) and run its tests instead. Without cargo or a linker a build
says so in one line and goes on, since driftline works without the library; with DRIFTLINE_NATIVE=require it fails.
DRIFTLINE_NATIVE_LIBRARY names a library that was built elsewhere, to take in place of building one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
CRATE: Final = ROOT / "native"
PACKAGE: Final = ROOT / "src" / "driftline" / "native"
TARGET: Final = ROOT / "build" / "native"
FILE_NAME: Final = {"darwin": "libdriftline_native.dylib", "win32": "driftline_native.dll"}.get(
    sys.platform, "libdriftline_native.so"
)
MODE: Final = "DRIFTLINE_NATIVE"
BUILT: Final = "DRIFTLINE_NATIVE_LIBRARY"
SHOWN: Final = 300
"""Characters of a compiler's message that are shown where nobody asked for the library."""
CHECKS: Final = (
    ("fmt", "--check"),
    ("clippy", "--offline", "--release", "--all-targets", "--quiet", "--", "-D", "warnings"),
    ("test", "--offline", "--release", "--quiet"),
)


class NotBuiltError(Exception):
    """The library cannot be built here."""


def build() -> Path | None:
    """Return the path of the library, built and put into the package; None where there is to be none.

    Raises
    ------
    NotBuiltError
        When the environment requires it and it cannot be built.
    """
    mode = os.environ.get(MODE) or "auto"
    library = PACKAGE / FILE_NAME
    try:
        made = _made(mode)
    except NotBuiltError as error:
        library.unlink(missing_ok=True)  # an older one may not fit
        if mode == "require":
            raise
        print(f"driftline without its native library: slower, otherwise the same ({error})", file=sys.stderr)
        return None
    new = library.with_name(f"{library.name}.new")
    shutil.copy(made, new)
    new.replace(library)  # a process that has the old one loaded keeps it
    return library


def check() -> int:
    """Return 0 if the code of the library is as it is to be, and print what is not."""
    cargo = _cargo()
    if cargo is None:
        print("the native library is not checked: cargo is not installed", file=sys.stderr)
        return 1 if os.environ.get(MODE) == "require" else 0
    return max(_run(cargo, *arguments).returncode for arguments in CHECKS)


def _made(mode: str) -> Path:
    if mode == "off":
        raise NotBuiltError(f"{MODE} is `off`")
    if os.environ.get(BUILT):
        return Path(os.environ[BUILT])
    cargo = _cargo()
    if cargo is None:
        raise NotBuiltError("cargo is not installed")
    done = _run(cargo, "build", "--offline", "--release", "--quiet", capture=True)
    if done.returncode:
        raise NotBuiltError(f"cargo failed: {' '.join(done.stderr.split())[-SHOWN:]}")
    return TARGET / "release" / FILE_NAME


def _cargo() -> str | None:
    homes = [os.environ.get("CARGO_HOME"), str(Path.home() / ".cargo")]
    folders = [os.environ.get("PATH", ""), *(str(Path(home) / "bin") for home in homes if home)]
    return shutil.which("cargo", path=os.pathsep.join(folders))


def _run(cargo: str, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    return subprocess.run(
        [cargo, *arguments], cwd=CRATE, env=environment, capture_output=capture, text=True, check=False
    )


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="check the code and run its tests")
    if parser.parse_args().check:
        return check()
    try:
        build()
    except NotBuiltError as error:
        print(f"the native library is required, and cannot be built: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
