"""Reads the features of events by column, whole batches at once: numbers, and the bins of categories."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from driftline.native.library import library
from driftline.native.program import AT_ONCE, Program, Runner
from driftline.native.record_columns import write_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_NOTES: Final = msgspec.msgpack.Decoder(list[list[Any]]).decode


class _Kind(IntEnum):
    NUMBER = 0
    CATEGORY = 1
    IGNORED = 2


class NumberField(NamedTuple):
    """A feature that is a number.

    Attributes
    ----------
    texts : bool
        Whether numbers in text are read too.
    truths : bool
        Whether true and false are 1 and 0.
    """

    texts: bool
    truths: bool


class CategoryField(NamedTuple):
    """A feature that is a category.

    Attributes
    ----------
    unlisted : int
        Bin of the categories that are not listed.
    texts : mapping of str to int
        Bins of texts.
    words : mapping of str to int
        Bins of whole numbers and truth values, as JSON writes them. A truth value that is not among them is left.
    """

    unlisted: int
    texts: Mapping[str, int]
    words: Mapping[str, int]


class Ignored(NamedTuple):
    """A name that is expected and not looked at, with all that is within it."""


FeatureKind = NumberField | CategoryField | Ignored


class ReadFeatures(NamedTuple):
    """The features of n events; of those that are left nothing counts."""

    numbers: NDArray[np.float64]
    """Of c numbers in their order, not-a-number where there is none, shape (c, n)."""
    bins: NDArray[np.int64]
    """Of k categories in their order, ``missing`` where there is none, shape (k, n)."""
    left: NDArray[np.int64]
    """Numbers of the events that are left, in ascending order."""
    unlisted: Sequence[list[tuple[int, str]]]
    """Of each category, the events and values that are not listed."""
    unknown: Mapping[str, NDArray[np.int64]]
    """The events that have each feature that nobody expects."""


class _Cells(ctypes.Structure):
    _fields_ = (
        ("numbers", ctypes.c_void_p),
        ("n_numbers", ctypes.c_size_t),
        ("bins", ctypes.c_void_p),
        ("n_bins", ctypes.c_size_t),
        ("odd", ctypes.c_void_p),
        ("n_odd", ctypes.c_size_t),
        ("start", ctypes.c_size_t),
    )


class FeatureReader:
    """Reads the features of n events, n >= 1.

    Parameters
    ----------
    functions : CDLL
        The native library.
    fields : mapping of str to FeatureKind
        Each feature by name.
    paths : mapping of tuple of str to str
        The keys, through objects, under which a feature may stand, and its name; one that stands under two is left.
    missing : int
        What stands for no category, below 0.
    """

    def __init__(
        self,
        functions: ctypes.CDLL,
        fields: Mapping[str, FeatureKind],
        paths: Mapping[tuple[str, ...], str],
        missing: int,
    ) -> None:
        program = Program(-1 - missing, len(fields))
        self._n_numbers = self._n_categories = 0
        for field in fields.values():
            if isinstance(field, NumberField):
                program.words += (_Kind.NUMBER, self._n_numbers, field.texts + 2 * field.truths)
                self._n_numbers += 1
            elif isinstance(field, CategoryField):
                program.words += (_Kind.CATEGORY, self._n_categories, field.unlisted)
                self._n_categories += 1
                for table in (field.texts, field.words):
                    program.words.append(len(table))
                    for text, found in table.items():
                        program.words += (*program.name(text), found)
            else:
                program.words.append(_Kind.IGNORED)
        numbers = {name: number for number, name in enumerate(fields)}
        write_objects(program, {path: numbers[name] for path, name in paths.items()})
        self._run = Runner(functions, "driftline_read_features", program)

    def __call__(self, features: Sequence[bytes]) -> ReadFeatures:
        """Return the features of n events, each as JSON of an object, or empty where there are none.

        Events are left whose features are no JSON, of another type than expected, twice there, or written in any other
        way that has to be looked at more closely.
        """
        n = len(features)
        numbers = np.empty((self._n_numbers, n))
        bins = np.empty((self._n_categories, n), dtype=np.int64)
        odd = np.zeros(n, dtype=np.uint8)
        unlisted: list[list[tuple[int, str]]] = [[] for _ in range(self._n_categories)]
        unknown: dict[str, list[NDArray[np.int64]]] = {}
        for start in range(0, n, AT_ONCE):
            cells = _Cells(numbers.ctypes.data, numbers.size, bins.ctypes.data, bins.size, odd.ctypes.data, n, start)
            *pairs, names = _NOTES(self._run(features[start : start + AT_ONCE], cells))
            for so_far, found in zip(unlisted, pairs, strict=True):
                so_far += [(row, text) for row, text in found]
            for name, rows in names:
                unknown.setdefault(name, []).append(np.frombuffer(rows, dtype="<i8"))
        return ReadFeatures(
            numbers, bins, np.flatnonzero(odd), unlisted, {name: np.concatenate(rows) for name, rows in unknown.items()}
        )


def feature_reader(
    fields: Mapping[str, FeatureKind], paths: Mapping[tuple[str, ...], str], missing: int
) -> FeatureReader | None:
    """Return what reads features; None where there is no native library.

    Raises
    ------
    ConfigurationError
        As :func:`~driftline.native.library.library` does.
    """
    functions = library()
    return None if functions is None else FeatureReader(functions, fields, paths, missing)
