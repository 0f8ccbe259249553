"""From features to numbers and bins: what the native library reads, and what it leaves, beside it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.events.features import MAX_DEPTH, outer_names
from driftline.native.feature_columns import CategoryField, Ignored, NumberField, feature_reader
from driftline.sketches.columns import MISSING, CategoricalColumn, DateColumn, EmbeddingColumn
from driftline.sketches.encoding import CategoryCodes, Reading, encode_categorical, is_text
from driftline.sketches.feature_decoder import FeatureDecoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.events.features import Features
    from driftline.native.feature_columns import FeatureKind, FeatureReader
    from driftline.sketches.columns import Column

_WHOLE: Final = 18
"""Digits of whole numbers that the native library reads."""


class EncodedFeatures(NamedTuple):
    """The features of n events: bins of categories are written elsewhere, numbers have none yet."""

    numbers: NDArray[np.float64]
    """Of the c numeric columns in their order, not-a-number where there is none, shape (c, n)."""
    exceptions: list[Sequence[tuple[int, int]]]
    """Of each numeric column, the rows whose value is absent for another reason than that it is missing, with the
    quality code."""
    unlisted: dict[int, Sequence[tuple[int, str]]]
    """By column, what :class:`driftline.sketches.encoding.EncodedColumns` has of it."""
    unexpected: NDArray[np.bool_]
    """Events with a feature that the profile does not know, shape (n,)."""
    unknown: Mapping[str, NDArray[np.int64]]
    """The events that have each such feature."""


class FeatureEncoder:
    """Encodes the features of events under one profile.

    JSON is read by the native library, where there is one and no column is made of a feature's value (a date, a
    vector). Events that it leaves, and all others, are decoded in Python, with the same outcome.

    Parameters
    ----------
    columns : sequence of Column
        The features.
    not_features, texts : frozenset of str
        As of :class:`~driftline.sketches.feature_decoder.FeatureDecoder`.
    """

    def __init__(self, columns: Sequence[Column], not_features: frozenset[str], texts: frozenset[str]) -> None:
        self._columns, self._not_features, self._texts = columns, not_features, texts
        self._codes = {i: CategoryCodes(each) for i, each in enumerate(columns) if isinstance(each, CategoricalColumn)}
        self._categories = np.array([*self._codes], dtype=np.int64)
        self._read = _reader(columns, not_features, texts, self._codes)

    def __call__(
        self, features: Sequence[Features], pane_ms: NDArray[np.int64], bins: NDArray[np.int64]
    ) -> EncodedFeatures:
        """Encode the features of n events, and write the bins of the categories.

        Parameters
        ----------
        features : sequence of Features
        pane_ms : ndarray of int64, shape (n,)
            Start of each event's pane.
        bins : ndarray of int64, shape (k, n)
            Written to: of each categorical column the bins, in the column's row.
        """
        read = self._read
        if read is None or set(map(type, features)) != {bytes}:
            return self._decoded(features, pane_ms, bins)
        found = read(features)  # type: ignore[arg-type]  # bytes all
        bins[self._categories] = found.bins
        unexpected = np.zeros(len(features), dtype=np.bool_)
        for rows in found.unknown.values():
            unexpected[rows] = True
        columns = self._categories.tolist()
        unlisted: dict[int, Sequence[tuple[int, str]]] = {
            column: pairs for column, pairs in zip(columns, found.unlisted, strict=True) if pairs
        }
        exceptions: list[Sequence[tuple[int, int]]] = [()] * found.numbers.shape[0]
        encoded = EncodedFeatures(found.numbers, exceptions, unlisted, unexpected, found.unknown)
        return encoded if not found.left.size else self._with_left(encoded, found.left, features, pane_ms, bins)

    def _with_left(
        self,
        encoded: EncodedFeatures,
        left: NDArray[np.int64],
        features: Sequence[Features],
        pane_ms: NDArray[np.int64],
        bins: NDArray[np.int64],
    ) -> EncodedFeatures:
        """Return encoded features with those of the rows that were left."""
        rows = left.tolist()
        some = np.empty((len(self._columns), left.size), dtype=np.int64)
        more = self._decoded([features[row] for row in rows], pane_ms[left], some)
        encoded.numbers[:, left] = more.numbers
        bins[self._categories[:, None], left] = some[self._categories]
        encoded.unexpected[left] = more.unexpected
        unlisted = dict(encoded.unlisted)
        for column, pairs in more.unlisted.items():
            unlisted[column] = sorted([*unlisted.get(column, ()), *((rows[row], text) for row, text in pairs)])
        unknown = dict(encoded.unknown)
        for name, events in more.unknown.items():
            unknown[name] = np.sort(np.concatenate([unknown.get(name, left[:0]), left[events]]))
        exceptions: list[Sequence[tuple[int, int]]] = [
            [(rows[row], code) for row, code in column] for column in more.exceptions
        ]
        return encoded._replace(exceptions=exceptions, unlisted=unlisted, unknown=unknown)

    @cached_property
    def _decode(self) -> FeatureDecoder:
        """What decodes in Python; made where something has to be, as its types take milliseconds to make."""
        return FeatureDecoder(self._columns, self._not_features, self._texts)

    def _decoded(
        self, features: Sequence[Features], pane_ms: NDArray[np.int64], bins: NDArray[np.int64]
    ) -> EncodedFeatures:
        found = self._decode(features, pane_ms if self._decode.needs_times else None)
        unlisted: dict[int, Sequence[tuple[int, str]]] = {**found.texts}
        exceptions: list[Sequence[tuple[int, int]]] = []
        for i, column in enumerate(self._columns):
            if not isinstance(column, CategoricalColumn):
                exceptions.append(found.exceptions[i])
                continue
            encoded = encode_categorical(column, self._codes[i], found.values[i], found.exceptions[i])
            bins[i] = encoded.bins
            if encoded.unlisted:
                unlisted[i] = encoded.unlisted
        return EncodedFeatures(found.numbers, exceptions, unlisted, found.unexpected, found.unknown)


def _reader(
    columns: Sequence[Column],
    not_features: frozenset[str],
    texts: frozenset[str],
    codes: Mapping[int, CategoryCodes],
) -> FeatureReader | None:
    """Return what reads the features of JSON; None where there is no library, or it does not know a column."""
    if any(isinstance(column, DateColumn | EmbeddingColumn) for column in columns):
        return None
    fields: dict[str, FeatureKind] = {}
    for i, column in enumerate(columns):
        if isinstance(column, CategoricalColumn):
            fields[column.name] = _category(column, codes[i])
        else:
            reading = Reading.of(column, texts=column.name in texts)
            fields[column.name] = NumberField(reading.texts, reading.booleans)
    fields.update((name, Ignored()) for name in sorted(not_features - fields.keys()))
    return feature_reader(fields, _paths(fields), -1 - MISSING)


def _category(column: CategoricalColumn, codes: CategoryCodes) -> CategoryField:
    words = {text: codes[int(text)] for text in column.codes if len(text) <= _WHOLE and _is_whole(text)}
    words.update((str(number), codes[number]) for number in (0, 1) if number in codes)
    truths = {word: codes[value] for word, value in (("false", 0), ("true", 1)) if value in codes}
    texts = {text: code for text, code in codes.items() if isinstance(text, str) and is_text(text)}
    return CategoryField(column.unlisted, texts, words | truths)


def _is_whole(text: str) -> bool:
    """Whether a text is a whole number as JSON and Python write it."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and str(int(text)) == text


def _paths(names: Mapping[str, object]) -> dict[tuple[str, ...], str]:
    """Return the keys under which each name may stand: itself, and through objects where it has dots.

    What is within another name is that one's; see :func:`driftline.events.features.flattened`.
    """
    paths: dict[tuple[str, ...], str] = {(name,): name for name in names if is_text(name)}
    for name in names:
        parts = name.split(".")
        if is_text(name) and 1 < len(parts) <= MAX_DEPTH and names.keys().isdisjoint(outer_names(name)):
            paths[*parts] = name
    return paths
