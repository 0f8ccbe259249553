"""All modules of a package, so that nothing in it escapes a test."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def modules_of(package: ModuleType) -> list[ModuleType]:
    """Return the modules of a package, imported."""
    return [import_module(f"{package.__name__}.{each.name}") for each in iter_modules(package.__path__)]
