"""Builds the native library and puts it into the package's folder: ``python native/build.py``.

Without cargo or a linker it says so in one line and goes on: driftline works without the library, only slower.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "src" / "driftline" / "native"
TARGET = HERE.parent / "build" / "native"
FILE_NAMES = {"darwin": "libdriftline_native.dylib", "win32": "driftline_native.dll"}
FILE_NAME = FILE_NAMES.get(sys.platform, "libdriftline_native.so")
SHOWN = 400  # characters of the compiler's message
DRIFTLINE_NATIVE = "DRIFTLINE_NATIVE"


def cargo() -> str | None:
    """Return the path of cargo; None where it is not installed."""
    homes = [Path(home) for home in (os.environ.get("CARGO_HOME"), Path.home() / ".cargo") if home]
    folders = [os.environ.get("PATH", ""), *(str(home / "bin") for home in homes)]
    return shutil.which("cargo", path=os.pathsep.join(folders))


def build() -> Path | None:
    """Return the path of the built library in the package; None where it cannot be built, and why was printed."""
    program = cargo()
    if program is None:
        return _without("cargo is not installed")
    command = [program, "build", "--release", "--offline", "--quiet", "--manifest-path", str(HERE / "Cargo.toml")]
    run = subprocess.run(  # noqa: S603  # cargo, with arguments that stand here
        [*command, "--target-dir", str(TARGET)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        last = " ".join(run.stderr.split())[-SHOWN:]
        return _without(f"cargo failed: {last}")
    library = PACKAGE / FILE_NAME
    new = library.with_suffix(".new")  # a process that has the old one loaded keeps it
    shutil.copy2(TARGET / "release" / FILE_NAME, new)
    new.replace(library)
    return library


def _without(why: str) -> None:
    (PACKAGE / FILE_NAME).unlink(missing_ok=True)  # an old one would not fit
    text = f"driftline is installed without its native library, which makes it slower but changes nothing else: {why}"
    print(text, file=sys.stderr)  # noqa: T201  # for the terminal


if __name__ == "__main__":
    sys.exit(0 if build() is not None or os.environ.get(DRIFTLINE_NATIVE) != "require" else 1)
