"""Sequential change detectors on blocks, one file each; importing the package registers every file in it.

``get(name)`` returns a class, ``get(name)()`` a detector with default parameters, ``names()`` the permanent keys and
``restore(data)`` the detector of a snapshot. ``get("river:<name>")`` returns one of river's detectors.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from driftline.detectors.base import Block, Counters, Detection, Detector
from driftline.detectors.registry import get, names, register, restore, river_names

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "Block",
    "Counters",
    "Detection",
    "Detector",
    "get",
    "names",
    "register",
    "restore",
    "river_names",
]
