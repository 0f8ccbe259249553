"""Distances between the histograms of a window and of its profile, one file each; importing the package registers them.

``get(name)`` returns the registered distance, ``names()`` the permanent keys; ``compare`` computes several, each on its
own kind of bins. A new distance is a new module in this package whose function carries :func:`register`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from driftline.distances.base import (
    Distance,
    DistanceFunction,
    OrderedDistanceFunction,
    ValueDistanceFunction,
    get,
    names,
    register,
)
from driftline.distances.comparison import compare
from driftline.distances.sides import Counts, DistanceResult
from driftline.distances.support import Support

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "Counts",
    "Distance",
    "DistanceFunction",
    "DistanceResult",
    "OrderedDistanceFunction",
    "Support",
    "ValueDistanceFunction",
    "compare",
    "get",
    "names",
    "register",
]
