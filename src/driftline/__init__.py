"""driftline: drift detection and model monitoring on the Kafka topics that already exist."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from driftline.profiles.building.frames import build_profile_from_frame
    from driftline.profiles.building.roles import Roles
    from driftline.runtime.references.profile_files import read_profile, write_profile

__version__ = "0.1.0"

__all__ = ["Roles", "__version__", "build_profile_from_frame", "read_profile", "write_profile"]

_MODULES: Final = {
    "Roles": "driftline.profiles.building.roles",
    "build_profile_from_frame": "driftline.profiles.building.frames",
    "read_profile": "driftline.runtime.references.profile_files",
    "write_profile": "driftline.runtime.references.profile_files",
}


def __getattr__(name: str) -> object:
    """Import a public function when it is first asked for, so that ``import driftline`` costs nothing."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
