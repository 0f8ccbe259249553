"""Builds the native library with the package, where Rust is installed; a wheel without it runs on any platform."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "scripts"))

from build_native import build


class NativeLibrary(BuildHookInterface[Any]):
    """Puts the library into wheels, and beside the sources that an editable installation runs."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library and say that the wheel is for this platform; ``version`` is the kind of wheel."""
        del version
        library = build()
        if library is None:
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["artifacts"].append(library.relative_to(self.root).as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
