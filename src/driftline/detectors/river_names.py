"""The names of river's detectors that a configuration may use, read from river itself.

river is imported when the first such name is resolved, and never otherwise, as the import takes a second.
"""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "river:"
_MODULES: Final = ("river.drift", "river.drift.binary")
_BASELINES: Final = frozenset({"NoDrift", "DummyDriftDetector"})
"""Dummy classes for comparisons, which ignore the data."""
_SEED: Final = 0
"""Seed of river's detectors that draw random numbers."""

Plain = bool | int | float | str | None


class RiverClass(NamedTuple):
    """A detector of river.

    Attributes
    ----------
    made_by : type
        The class.
    binary : bool
        Whether it accepts only values in [0, 1].
    defaults : mapping of str to bool, int, float, str or None
        Its parameters with plain values; others (initial data) are left out.
    """

    made_by: type
    binary: bool
    defaults: Mapping[str, Plain]


@cache
def river_classes() -> Mapping[str, RiverClass]:
    """Return river's detectors by class name, sorted.

    Examples
    --------
    >>> sorted(river_classes())
    ['ADWIN', 'DDM', 'EDDM', 'FHDDM', 'HDDMA', 'HDDMW', 'KSWIN', 'PageHinkley']
    >>> dict(river_classes()["DDM"].defaults)
    {'warm_start': 30, 'warning_threshold': 2.0, 'drift_threshold': 3.0}
    """
    base = import_module("river.base")
    classes = {
        name: RiverClass(made_by, issubclass(made_by, base.BinaryDriftDetector), _defaults(made_by))
        for module in map(import_module, _MODULES)
        for name, made_by in inspect.getmembers(module, inspect.isclass)
        if issubclass(made_by, base.DriftDetector | base.BinaryDriftDetector)
        and not inspect.isabstract(made_by)
        and name not in _BASELINES
    }
    return MappingProxyType(dict(sorted(classes.items())))


def _defaults(made_by: type) -> Mapping[str, Plain]:
    """Return the configurable parameters, with a fixed seed as the default of `seed`."""
    parameters = inspect.signature(made_by).parameters.values()
    plain = {
        parameter.name: parameter.default
        for parameter in parameters
        if isinstance(parameter.default, bool | int | float | str)
        or (parameter.default is None and "Iterable" not in str(parameter.annotation))
    }
    if "seed" in plain:
        plain["seed"] = _SEED
    return MappingProxyType(plain)
