"""Labels as fixed-size values, and as class codes or numbers once the prediction that they belong to is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import xxhash

from driftline.profiles.class_names import unknown_codes, whole_number
from driftline.sketches.columns import canonical_category
from driftline.sketching.joins.join_entry import BOOLEAN, NULL, NUMBER, SHORT_TEXT, TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.events.outcomes import ClassOrNumber
    from driftline.profiles.class_names import ClassNames
    from driftline.profiles.task import Task

SHORT_BYTES: Final = 8
"""A text of so many bytes at most is its own value; of a longer one there is the hash."""
_KIND_BITS: Final = 8
_LETTERS: Final = 3
"""ASCII characters, of 7 bits each, that are kept of a longer text beside its hash: above the bits of its kind."""
_KINDS: Final = {type(None): NULL, bool: BOOLEAN, int: NUMBER, float: NUMBER, str: TEXT}


class _Texts(dict[str, int]):
    """Position in ``kinds`` and ``packed`` by text, of those that were met."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: list[int] = []
        self.packed: list[int] = []

    def __missing__(self, text: str) -> int:
        data = text.encode()
        if len(data) > SHORT_BYTES:
            data = whole_number(text).encode()
        short = 0 < len(data) <= SHORT_BYTES and b"\0" not in data
        self.kinds.append(SHORT_TEXT if short else _kind(data))
        self.packed.append(int.from_bytes(data, "little") if short else xxhash.xxh3_64_intdigest(data))
        self[text] = place = len(self.kinds) - 1
        return place


def _kind(text: bytes) -> int:
    """Return the kind of a longer text, with its first characters."""
    kind = TEXT
    for place, letter in enumerate(text[:_LETTERS]):
        if not 0 < letter < 0x80:  # noqa: PLR2004  # no ASCII
            break
        kind |= letter << (_KIND_BITS + 7 * place)
    return kind


def pack_values(labels: Sequence[ClassOrNumber | None]) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    """Return the kind and the value of each label, both of shape (n,).

    Notes
    -----
    Whole numbers beyond 2⁵³ are kept to float64's precision; texts of more than ``SHORT_BYTES`` bytes by their 64-bit
    hash.
    """
    kinds = np.fromiter(map(_KINDS.__getitem__, map(type, labels)), dtype=np.int32, count=len(labels))
    values = np.zeros(len(labels), dtype=np.uint64)
    plain = (kinds == NUMBER) | (kinds == BOOLEAN)
    if plain.all():
        return kinds, _bits(labels)
    rows = np.flatnonzero(plain)
    values[rows] = _bits([labels[row] for row in rows.tolist()])
    rows = np.flatnonzero(kinds == TEXT)
    if rows.size:
        texts = labels if rows.size == kinds.size else [labels[row] for row in rows.tolist()]
        known = _Texts()
        place = np.fromiter(map(known.__getitem__, texts), dtype=np.int64, count=rows.size)  # type: ignore[arg-type]  # texts
        kinds[rows] = np.array(known.kinds, dtype=np.int32)[place]
        values[rows] = np.array(known.packed, dtype=np.uint64)[place]
    return kinds, values


def _bits(labels: Sequence[ClassOrNumber | None]) -> NDArray[np.uint64]:
    return np.array(labels, dtype=np.float64).view(np.uint64)


def label_name(kind: int, value: int) -> str:
    """Return the text of a label; of a longer one how it begins.

    Examples
    --------
    >>> kinds, values = pack_values([2, True, "maybe", "something else"])
    >>> [label_name(*label) for label in zip(kinds.tolist(), values.tolist())]
    ['2', '1', 'maybe', 'som...']
    """
    if kind == SHORT_TEXT:
        return value.to_bytes(SHORT_BYTES, "little").rstrip(b"\0").decode()
    if kind in (NUMBER, BOOLEAN):
        return canonical_category(float(np.uint64(value).view(np.float64))) or ""
    letters = (kind >> (_KIND_BITS + 7 * place) & 0x7F for place in range(_LETTERS))
    return "".join(chr(letter) for letter in letters if letter) + "..."


def codes_of(
    task: Task, names: ClassNames, kinds: NDArray[np.int32], values: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """Return labels as class codes or as values over the task's spread, shape (n,).

    Codes are those of ``names``, the classes as they are spelled; what is neither class nor number, a null among it, is
    not-a-number.
    """
    numbers = np.ascontiguousarray(values).view(np.float64)
    if task.kind == "regression":
        return np.where(kinds == NUMBER, numbers / task.spread, math.nan)
    codes = np.full(kinds.size, math.nan)
    rows = np.flatnonzero((kinds == NUMBER) | (kinds == BOOLEAN))
    if rows.size:
        unique, index = np.unique(numbers[rows], return_inverse=True)
        codes[rows] = names.encode(unique.tolist())[index]
    rows = np.flatnonzero(kinds == SHORT_TEXT)
    if rows.size:
        short, index = np.unique(values[rows], return_inverse=True)
        codes[rows] = names.encode([label_name(SHORT_TEXT, value) for value in short.tolist()])[index]
    rows = np.flatnonzero(kinds & ((1 << _KIND_BITS) - 1) == TEXT)
    if rows.size:
        codes[rows] = _by_hash(names, values[rows])
    return codes


def _by_hash(names: ClassNames, hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return the codes of texts by their hashes; of short ones too, which earlier versions kept so."""
    known, known_codes = names.hashes
    place = np.minimum(np.searchsorted(known, hashes), known.size - 1)
    return np.where(known[place] == hashes, known_codes[place], unknown_codes(hashes))
