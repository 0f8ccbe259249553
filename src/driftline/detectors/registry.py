"""The registry of detectors by permanent key; a key can be registered once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from driftline.detectors.base import Detector, snapshot_key
from driftline.detectors.river_detector import river_detector
from driftline.detectors.river_names import PREFIX, river_classes
from driftline.errors import FormatError, ParameterError
from driftline.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

_REGISTRY: Registry[type[Detector]] = Registry("detector", "driftline.detectors")
_Class = TypeVar("_Class", bound=type[Detector])


def register(key: str) -> Callable[[_Class], _Class]:
    """Register a detector's class under a permanent key, which becomes its attribute `key`.

    Parameters
    ----------
    key : str
        Permanent name; a detector whose meaning changes gets a new one.

    Returns
    -------
    callable
        A decorator that returns the class.

    Raises
    ------
    ParameterError
        When the key is taken.
    """

    def enter(detector: _Class) -> _Class:
        _REGISTRY.enter(key, detector)
        detector.key = key
        return detector

    return enter


def get(name: str) -> type[Detector]:
    """Return the class registered under a key, or the class that adapts one of river's detectors.

    Parameters
    ----------
    name : str
        A registered key, or ``river:`` and the name of a class, such as ``river:KSWIN``.

    Raises
    ------
    ParameterError
        When there is none; the message lists the registered keys.

    Examples
    --------
    >>> from driftline import detectors
    >>> detectors.get("adwin").__name__
    'Adwin'
    """
    if name.startswith(PREFIX):
        return river_detector(name)
    return _REGISTRY.get(name)


def names() -> tuple[str, ...]:
    """Return the registered keys, sorted, without river's detectors.

    Examples
    --------
    >>> from driftline import detectors
    >>> "page_hinkley" in detectors.names()
    True
    """
    return _REGISTRY.names()


def river_names() -> tuple[str, ...]:
    """Return the names of river's detectors, sorted; imports river.

    Examples
    --------
    >>> river_names()[:3]
    ('river:ADWIN', 'river:DDM', 'river:EDDM')
    """
    return tuple(f"{PREFIX}{name}" for name in river_classes())


def restore(data: bytes) -> Detector:
    """Return the detector of a snapshot, of whichever class, in the state of the snapshot.

    Parameters
    ----------
    data : bytes
        What :meth:`Detector.snapshot` returned.

    Raises
    ------
    FormatError
        When the bytes are damaged, of an unknown version or of a detector that is not registered.
    """
    key = snapshot_key(data)
    try:
        detector = get(key)
    except ParameterError:
        raise FormatError(
            f"Expected a snapshot of {', '.join(names())} or of one of river's, got one of {key!r}; run the driftline "
            "version that wrote it, or delete this state to let the detector begin anew"
        ) from None
    return detector.restore(data)
