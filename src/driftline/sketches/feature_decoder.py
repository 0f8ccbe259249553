"""From features to columns: typed where the profile's types hold, value by value where they do not."""

from __future__ import annotations

import struct
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from driftline.events.features import Features, flattened, is_within, json_members, outer_names
from driftline.events.named_values import NamedValues
from driftline.sketches.columns import (
    NOT_A_NUMBER,
    WRONG_TYPE,
    DateColumn,
    EmbeddingColumn,
    NumericColumn,
    canonical_category,
)
from driftline.sketches.derived_fields import DerivedFields
from driftline.sketches.encoding import NUMBERS_ONLY, Reading, is_text, read_number
from driftline.sketches.feature_columns import FeatureColumns, FeatureNotes
from driftline.sketches.feature_types import ABSENT, UNKNOWN_JSON, FeatureField, FeatureTypes, can_be_typed
from driftline.sketches.kept_names import UNSEEN_NAMES, name_hash
from driftline.sketches.listed_features import ListedFeatures, replaced
from driftline.sketches.number_texts import numbers_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.sketches.columns import Column

MAX_LEARNED: Final = 64
"""Names of unexpected features that are learned, so that their records decode fast again."""
_RUN: Final = 1_000
"""Events decoded together: few enough for their values to stay in the processor's cache until they are columns."""
_CATEGORY: Final[Any] = str | int | float | bool | None
_JSON: Final = frozenset({bytes, msgspec.Raw})
_DERIVED: Final = (EmbeddingColumn, DateColumn)
"""Columns that are not what stands in the features object under their name."""


class FeatureDecoder:
    """Decodes the features objects of one profile, each given as JSON or as a dictionary, with the same outcome.

    Values within objects are those of names with dots (:func:`driftline.events.features.flattened`); an object in the
    place of a column's value is of a wrong type.

    Parameters
    ----------
    columns : iterable of Column
        The features.
    not_features : frozenset of str
        Names that are expected beside the features and not watched, with all that is within them.
    texts : frozenset of str
        Numeric columns that the configuration says are numeric, so that numbers in text are read.

    Notes
    -----
    *State*: up to ``MAX_LEARNED`` names of unexpected features, and whether features stand within objects; what is
    returned does not depend on it.
    """

    def __init__(
        self,
        columns: Iterable[Column],
        not_features: frozenset[str] = frozenset(),
        texts: frozenset[str] = frozenset(),
    ) -> None:
        self._columns = tuple(columns)
        self._own = [i for i, column in enumerate(self._columns) if not isinstance(column, _DERIVED)]
        self._derived = DerivedFields(self._columns)
        self._numeric = tuple(isinstance(column, NumericColumn) for column in self._columns)
        self._readings = tuple(
            Reading.of(column, texts=column.name in texts) if isinstance(column, NumericColumn) else NUMBERS_ONLY
            for column in self._columns
        )
        self._names = {self._columns[index].name: field for field, index in enumerate(self._own)}
        self._not_features = not_features - self._names.keys() - self._derived.names.keys()
        self._known = self._not_features | self._names.keys() | self._derived.names.keys()
        self._outer = frozenset(chain.from_iterable(map(outer_names, self._known)))
        self._learned: list[str] = []
        self._nested = self._stale = False
        self._compile()

    def _compile(self) -> None:
        fields = [
            FeatureField(name, _type_of(self._readings[index]) if self._numeric[index] else _CATEGORY, None)
            for name, index in zip(self._names, self._own, strict=True)
        ]
        fields += self._derived.fields
        fields += [FeatureField(name, msgspec.Raw, ABSENT) for name in sorted(self._not_features)]
        fields += [FeatureField(name, UNKNOWN_JSON, ABSENT) for name in self._learned]
        self._types = FeatureTypes(fields, nested=self._nested, nullable=self._outer)
        self._listed: dict[type, ListedFeatures] = {}
        self._stale = False

    @property
    def needs_times(self) -> bool:
        """Whether a column depends on when the event was."""
        return self._derived.needs_times

    def __call__(self, features: Sequence[Features], events_ms: NDArray[np.int64] | None = None) -> FeatureColumns:
        """Decode the features of n events; never raises for what a record holds.

        ``events_ms`` are the starts of their panes, shape (n,), which are looked at where :attr:`needs_times` is true.
        """
        notes = FeatureNotes(len(self._columns), len(features))
        numbers = np.empty((sum(self._numeric), len(features)))
        rows = iter(numbers)
        values: list[Any] = [next(rows) if numeric else [] for numeric in self._numeric]
        n_own = len(self._own)
        n_known = n_own + len(self._derived.fields)
        first_learned = n_known + len(self._not_features)
        for start in range(0, len(features), _RUN):
            run = features[start : start + _RUN]
            kinds = set(map(type, run))
            columns = self._run(run, start, notes, kinds)
            for field, index in enumerate(self._own):
                so_far = values[index]
                if not self._numeric[index]:
                    so_far.extend(columns[field])
                    continue
                self._write(columns[field], so_far, start, index, notes)
                if dict in kinds:
                    _note_not_a_number(columns[field], so_far, start, notes.exceptions[index])
            if n_known > n_own:
                moments = None if events_ms is None else events_ms[start : start + len(run)]
                self._derived.write(columns[n_own:n_known], values, start, moments, notes)
            self._note_learned(columns[first_learned:], start, notes)
            if self._stale:
                self._compile()
        unknown = {name: np.concatenate(parts).astype(np.int64) for name, parts in notes.unknown.items()}
        return FeatureColumns(values, numbers, notes.exceptions, notes.unexpected, dict(notes.texts), unknown)

    def _run(
        self, features: Sequence[Features], start: int, notes: FeatureNotes, kinds: set[type]
    ) -> list[Sequence[Any]]:
        """Return the fields of the typed decoder by column, for a run of events whose first is row ``start``."""
        rows = range(start, start + len(features))
        if kinds <= _JSON:
            return self._types.columns(self._records(features, rows, self._types.from_json, notes))
        if len(kinds) == 1 and issubclass(kind := next(iter(kinds)), NamedValues):
            listed = self._listed.get(kind)
            if listed is None:
                listed = self._listed[kind] = ListedFeatures(self._types.fields, kind)
            if listed.are_known:
                return self._of_lists(listed, features, rows, notes)  # type: ignore[arg-type]  # of that type all
        objects = [each.members() if isinstance(each, NamedValues) else each for each in features]
        return self._types.columns(self._records(objects, rows, self._decoder_of(objects), notes))

    def _of_lists(
        self, listed: ListedFeatures, features: Sequence[NamedValues], rows: Sequence[int], notes: FeatureNotes
    ) -> list[Sequence[Any]]:
        columns, odd = listed(features)
        if not odd:
            return columns
        objects = [features[number].members() for number in odd]
        records = self._records(objects, [rows[number] for number in odd], self._types.from_dict, notes)
        return [
            replaced(column, odd, found) for column, found in zip(columns, self._types.columns(records), strict=True)
        ]

    def _records(
        self,
        features: Sequence[Features],
        rows: Sequence[int],
        decode: Callable[[Any], Any],
        notes: FeatureNotes,
    ) -> list[Any]:
        """Decode the features of some rows each."""
        records: list[Any] = []
        rest = iter(features)
        while len(records) < len(features):
            try:
                records.extend(map(decode, rest))
            except (msgspec.DecodeError, RecursionError, ValueError):
                number = len(records)  # what was decoded before the refused one has been added
                records.append(self._types.record(*self._loose(rows[number], features[number], notes)))
        return records

    def _decoder_of(self, features: Sequence[Features]) -> Callable[[Any], Any]:
        """Return what decodes dictionaries, or dictionaries and JSON where both are among the features."""
        from_dict, from_json = self._types.from_dict, self._types.from_json
        if _JSON.isdisjoint(map(type, features)):
            return from_dict
        return lambda each: from_dict(each) if isinstance(each, dict) else from_json(each)

    def _loose(self, row: int, features: Features, notes: FeatureNotes) -> list[object]:
        """Return the values of an object that the typed decoder refused, noting why each absent one is absent."""
        n_own, derived = len(self._own), self._derived
        values: list[object] = [None] * (n_own + len(derived.fields))
        unknown = []
        for name, value in self._members(features).items():
            if (field := self._names.get(name)) is not None:
                values[field] = self._own_value(self._own[field], row, value, notes)
            elif (number := derived.names.get(name)) is not None:
                values[n_own + number] = derived.read(number, row, value, notes)
            elif not is_within(name, self._not_features) and (value is not None or name not in self._outer):
                unknown.append(name)
        if unknown:
            notes.unexpected[row] = True
            self._learn(unknown)
            for name in unknown if len(unknown) <= UNSEEN_NAMES else sorted(unknown, key=name_hash)[:UNSEEN_NAMES]:
                notes.unknown[name].append([row])
        return values

    def _own_value(self, index: int, row: int, value: object, notes: FeatureNotes) -> object:
        """Return the value of a column that is no part of another feature, noting why it is absent."""
        if self._numeric[index]:
            number, code = read_number(value, self._readings[index])
            if code is None:
                return number
            if value is not None:
                notes.absent(index, row, code, value)
            return None
        if value is None or _is_category(value):
            return value
        notes.exceptions[index].append((row, WRONG_TYPE))
        return None

    def _members(self, features: Features) -> Mapping[str, Any]:
        """Return the values of a features object by name."""
        if isinstance(features, NamedValues):
            features = features.members()
        try:
            members = features if isinstance(features, dict) else json_members(features) or {}
            found = flattened(members, self._known)
        except (ValueError, RecursionError):
            names = (*self._names, *self._derived.names)
            return dict.fromkeys(names, ())  # nothing in it can be read: every value is of a wrong type
        if found is not members and not self._nested and self._outer:
            self._nested = self._stale = True
        return found if all(type(name) is str for name in found) else {str(name): found[name] for name in found}

    def _learn(self, names: Iterable[str]) -> None:
        for name in names:
            if len(self._learned) == MAX_LEARNED:
                return
            if name not in self._learned and name not in self._outer and can_be_typed(name):
                self._learned.append(name)
                self._stale = True

    def _note_learned(self, learned: Sequence[Sequence[object]], start: int, notes: FeatureNotes) -> None:
        """Note which events of a run have the unexpected features that were learned before it."""
        for name, values in zip(self._learned, learned, strict=False):
            if values.count(ABSENT) < len(values):
                found = np.fromiter((value is not ABSENT for value in values), np.bool_, len(values))
                rows = start + np.flatnonzero(found)
                notes.unexpected[rows] = True
                notes.unknown[name].append(rows)

    def _write(
        self, values: Sequence[Any], into: NDArray[np.float64], start: int, index: int, notes: FeatureNotes
    ) -> None:
        """Write the values of a numeric column into an array from a row on; None becomes not-a-number."""
        try:
            _pack(values, into, start)
        except struct.error:  # one is None, or text
            into[start : start + len(values)] = self._numbers_in(values, start, index, notes)

    def _numbers_in(self, values: Sequence[Any], start: int, index: int, notes: FeatureNotes) -> NDArray[np.float64]:
        """Return the values of a numeric column of which some are None or text, not-a-number where there is none."""
        reading = self._readings[index]
        if reading != NUMBERS_ONLY and str in (kinds := set(map(type, values))):
            found = numbers_in(values) if reading.texts and kinds == {str} else None
            if found is not None:
                return np.array(found)
            values = [self._read(value, row, index, notes) for row, value in enumerate(values, start)]
        return np.array(values, dtype=np.float64)

    def _read(self, value: object, row: int, index: int, notes: FeatureNotes) -> object:
        """Return the number of a text, and other values as they are."""
        if not isinstance(value, str):
            return value
        number, code = read_number(value, self._readings[index])
        if code is not None:
            notes.absent(index, row, code, value)
        return number


def _type_of(reading: Reading) -> Any:  # noqa: ANN401  # a type
    """Return what the values of a numeric column are decoded as."""
    if reading.booleans:
        return float | bool | str | None
    return float | str | None if reading.texts else float | None


def _pack(values: Sequence[float], into: NDArray[np.float64], start: int) -> None:
    struct.pack_into(f"{len(values)}d", into.data, start * into.itemsize, *values)  # in half the time NumPy takes


def _note_not_a_number(
    values: Sequence[Any], numbers: NDArray[np.float64], start: int, exceptions: list[tuple[int, int]]
) -> None:
    """Note which of a run's values are not-a-number; only dictionaries can have it, and None looks the same by now."""
    rows = np.flatnonzero(np.isnan(numbers[start : start + len(values)])).tolist()
    exceptions += [(start + row, NOT_A_NUMBER) for row in rows if isinstance(values[row], float)]


def _is_category(value: object) -> bool:
    """Whether a value can name a category; half of a surrogate pair is valid JSON but no text."""
    text = canonical_category(value)
    return text is not None and is_text(text)
