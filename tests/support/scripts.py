"""The repository's scripts as modules, so that tests see what they compute."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

SCRIPTS: Final = Path(__file__).resolve().parents[2] / "scripts"


def script_of(name: str) -> ModuleType:
    """Return a script, imported; it finds its neighbours by their bare names, as when it is run."""
    if str(SCRIPTS) not in sys.path:
        sys.path.append(str(SCRIPTS))
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
