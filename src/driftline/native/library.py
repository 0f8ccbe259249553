"""Finds and loads the native library, or goes on without it.

``DRIFTLINE_NATIVE`` decides: ``auto`` (the default) uses the library where it is installed, ``off`` never does, and
``require`` stops driftline where it cannot be used. Results are the same with it and without it.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from driftline.errors import ConfigurationError

VARIABLE: Final = "DRIFTLINE_NATIVE"
ABI: Final = 2
"""The interface that this version of driftline speaks; the library says which one it has."""
FILE_NAMES: Final = ("libdriftline_native.so", "libdriftline_native.dylib", "driftline_native.dll")
"""What the library is called on Linux, macOS and Windows."""

_MODES: Final = ("auto", "off", "require")
_FOLDER: Final = Path(__file__).parent


class Loaded(NamedTuple):
    """The library, or why there is none."""

    functions: ctypes.CDLL | None
    problem: str | None
    """Why it cannot be used, in words that end a sentence; None where it can, or is switched off."""


def library() -> ctypes.CDLL | None:
    """Return the native library; None where Python does its work.

    Raises
    ------
    ConfigurationError
        When ``DRIFTLINE_NATIVE`` has another value than ``auto``, ``off`` and ``require``, or requires a library that
        cannot be used.
    """
    mode = os.environ.get(VARIABLE) or "auto"
    if mode not in _MODES:
        raise ConfigurationError((f"{VARIABLE} must be `auto`, `off` or `require`; it is `{mode}`",), "The environment")
    if mode == "off":
        return None
    loaded = _load(_FOLDER)
    if mode == "require" and loaded.problem is not None:
        message = (
            f"{VARIABLE} is `require`, but {loaded.problem}. Install Rust (cargo, and a linker such as gcc), then "
            f"install driftline again; or set {VARIABLE} to `auto` to go on without the library, which is slower"
        )
        raise ConfigurationError((message,), "The environment")
    return loaded.functions


def description() -> str:
    """Return what runs, for people: ``native 2`` with the version of the library's interface, or ``portable``.

    Raises
    ------
    ConfigurationError
        As :func:`library` does.
    """
    return "portable" if library() is None else f"native {ABI}"


def problem() -> str | None:
    """Return why a library that lies in the package is not used; None where it is, or is switched off, or missing.

    It is of another version of driftline, for instance, or for another kind of processor.
    """
    if os.environ.get(VARIABLE) == "off" or _file(_FOLDER) is None:
        return None
    return _load(_FOLDER).problem


def _file(folder: Path) -> Path | None:
    return next((folder / name for name in FILE_NAMES if (folder / name).exists()), None)


@cache
def _load(folder: Path) -> Loaded:
    file = _file(folder)
    if file is None:
        return Loaded(None, "this installation has no native library")
    try:
        functions = ctypes.CDLL(str(file))
        functions.driftline_abi.argtypes = []
        functions.driftline_abi.restype = ctypes.c_uint32
        functions.driftline_free.restype = None
        abi = functions.driftline_abi()
    except (OSError, AttributeError) as error:
        return Loaded(None, f"the native library cannot be loaded ({error})")
    if abi != ABI:
        return Loaded(None, f"the native library has the interface {abi}, and this version of driftline needs {ABI}")
    return Loaded(functions, None)
