"""From the JSON of features to columns: typed where the profile's types hold, value by value where they do not."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from driftline.sketches.columns import WRONG_TYPE, NumericColumn, canonical_category
from driftline.sketches.encoding import quality_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from driftline.sketches.columns import Column

MAX_LEARNED: Final = 64
"""Names of unexpected features that are learned, so that their records decode fast again."""
_RUN: Final = 1_000
"""Events decoded together: few enough for their values to stay in the processor's cache until they are columns."""
_ABSENT: Final = msgspec.Raw(b"")
_astuple: Final = msgspec.structs.astuple


class FeatureColumns(NamedTuple):
    """Decoded features of n events."""

    values: list[Sequence[Any]]
    """One per feature column: an array of numbers or a list of JSON values, each of n values."""
    numbers: NDArray[np.float64]
    """The values of the numeric columns, in order, shape (number of numeric columns, n)."""
    exceptions: list[list[tuple[int, int]]]
    """Rows whose value is absent for another reason than that it is missing, with its code, by feature column."""
    unexpected: NDArray[np.bool_]
    """Events with a feature that the profile does not know, shape (n,)."""


class FeatureDecoder:
    """Decodes the features objects of one profile.

    ``not_features`` are names that are expected beside the features and not watched.

    Notes
    -----
    *State*: up to ``MAX_LEARNED`` names of unexpected features; what is returned does not depend on it.
    """

    def __init__(self, columns: Iterable[Column], not_features: frozenset[str] = frozenset()) -> None:
        self._columns = tuple(columns)
        self._numeric = tuple(isinstance(column, NumericColumn) for column in self._columns)
        self._names = {column.name: i for i, column in enumerate(self._columns)}
        self._not_features = sorted(not_features - self._names.keys())
        self._learned: list[str] = []
        self._compile()

    def _compile(self) -> None:
        number, category = float | None, str | int | float | bool | None
        names = [column.name for column in self._columns] + self._not_features + self._learned
        fields: list[Any] = [
            (f"f{i}", number if numeric else category, None) for i, numeric in enumerate(self._numeric)
        ]
        fields += [(f"f{i}", msgspec.Raw, _ABSENT) for i in range(len(fields), len(names))]
        self._type: Any = msgspec.defstruct(
            "Features",
            fields,
            rename={f"f{i}": name for i, name in enumerate(names)},
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decode = msgspec.json.Decoder(self._type).decode

    def __call__(self, features: Sequence[bytes | msgspec.Raw]) -> FeatureColumns:
        """Decode the features of n events; never raises for what a record holds."""
        exceptions: list[list[tuple[int, int]]] = [[] for _ in self._columns]
        unexpected = np.zeros(len(features), dtype=np.bool_)
        numbers = np.empty((sum(self._numeric), len(features)))
        rows = iter(numbers)
        values: list[Any] = [next(rows) if numeric else [] for numeric in self._numeric]
        for start in range(0, len(features), _RUN):
            run = slice(start, min(start + _RUN, len(features)))
            columns = self._run(features[run], start, exceptions, unexpected)
            for so_far, numeric, column in zip(values, self._numeric, columns, strict=False):
                if numeric:
                    _write(column, so_far, start)
                else:
                    so_far.extend(column)
            for learned in columns[len(self._columns) + len(self._not_features) :]:
                unexpected[run] |= np.fromiter((value is not _ABSENT for value in learned), np.bool_, len(learned))
            self._learn()
        return FeatureColumns(values, numbers, exceptions, unexpected)

    def _run(
        self,
        features: Sequence[bytes | msgspec.Raw],
        start: int,
        exceptions: list[list[tuple[int, int]]],
        unexpected: NDArray[np.bool_],
    ) -> list[tuple[Any, ...]]:
        """Return the fields of the typed decoder by column, for a run of events whose first is row ``start``."""
        structs: list[Any] = []
        rest = iter(features)
        while len(structs) < len(features):
            try:
                structs.extend(map(self._decode, rest))
            except (msgspec.DecodeError, RecursionError):
                row = len(structs)  # what was decoded before the refused one has been added
                structs.append(self._type(*self._loose(start + row, features[row], exceptions, unexpected)))
        return [*zip(*map(_astuple, structs), strict=True)]

    def _loose(
        self,
        row: int,
        raw: bytes | msgspec.Raw,
        exceptions: list[list[tuple[int, int]]],
        unexpected: NDArray[np.bool_],
    ) -> list[object]:
        """Return the values of an object that the typed decoder refused, noting why each absent one is absent."""
        values: list[object] = [None] * len(self._columns)
        try:
            parsed = json.loads(bytes(raw) or b"{}") or {}
        except (ValueError, RecursionError):
            parsed = dict.fromkeys(self._names, ())  # nothing in it can be read: every value is of a wrong type
        for name, value in parsed.items():
            index = self._names.get(name)
            if index is None:
                self._meet(name, row, unexpected)
            elif self._numeric[index]:
                code = quality_of(value)
                if code is None:
                    values[index] = float(value)
                elif value is not None:
                    exceptions[index].append((row, code))
            elif value is None or _is_category(value):
                values[index] = value
            else:
                exceptions[index].append((row, WRONG_TYPE))
        return values

    def _meet(self, name: str, row: int, unexpected: NDArray[np.bool_]) -> None:
        if name in self._not_features:
            return
        unexpected[row] = True
        if name not in self._learned and len(self._learned) < MAX_LEARNED and _is_category(name):
            self._learned.append(name)

    def _learn(self) -> None:
        if len(self._type.__struct_fields__) < len(self._columns) + len(self._not_features) + len(self._learned):
            self._compile()


def _write(values: Sequence[float | None], into: NDArray[np.float64], start: int) -> None:
    """Write numbers into an array from a row on; None becomes not-a-number."""
    try:
        struct.pack_into(f"{len(values)}d", into.data, start * into.itemsize, *values)  # in half the time NumPy takes
    except struct.error:  # one is None
        into[start : start + len(values)] = np.array(values, dtype=np.float64)


def _is_category(value: object) -> bool:
    """Whether a value can name a category; half of a surrogate pair is valid JSON but no text."""
    text = canonical_category(value)
    return text is not None and not any("\ud800" <= character <= "\udfff" for character in text)
