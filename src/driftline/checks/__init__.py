"""The checks: is what a closed window, a performance revision or a label cohort shows different from its reference.

A check is one module of ``columns``, ``quality`` or ``labels``. Importing any module here imports all of them, so that
every check is registered before the budget is divided.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)
