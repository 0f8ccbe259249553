"""Where records come from, as the configuration asks for it: values of headers and fields, and names of schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.config.field_places import OriginAt
from driftline.errors import EventError
from driftline.events.documents import ABSENT, Documents, document_of
from driftline.events.identity import text_of
from driftline.events.mapping import pointer_parts
from driftline.events.printable import printable
from driftline.events.record_batch import Unreadable
from driftline.events.skimming import skimmer_of
from driftline.sketches.origin_parts import Dimension
from driftline.sketches.origin_table import NONE, PARTITION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from driftline.config.field_places import Origin
    from driftline.events.record_batch import RecordBatch

NO_TEXT: Final = "(no text)"
"""Value of records whose field holds an object or a list."""
MAX_TEXT: Final = 100
"""Characters of a value that are kept: two that begin alike are one."""
_BYTES: Final = 4 * MAX_TEXT
"""Bytes of a header that have so many characters in any case."""
_PLAIN: Final = frozenset((str, type(None)))
MAX_KNOWN: Final = 10_000
"""Values that are remembered from one flush to the next; with more, all are forgotten."""


def shown_value(value: Any) -> str:  # noqa: ANN401  # bytes of a header, or any JSON
    r"""Return a value as events show it: printable, and cut where it is long.

    Examples
    --------
    >>> shown_value(b"producer-7"), shown_value(12.0), shown_value(None), shown_value([1])
    ('producer-7', '12', '(none)', '(no text)')
    >>> shown_value(b"a\x1b[31m\xff") == r"a\x1b[31m\xff", len(shown_value(b"x" * 10_000))
    (True, 100)
    """
    if value is None or value is ABSENT:
        return NONE
    try:
        text = value[:_BYTES].decode(errors="backslashreplace") if isinstance(value, bytes) else text_of(value)
    except ValueError:  # thousands of digits
        text = None
    if text is None:
        return NO_TEXT
    text = printable(text[: MAX_TEXT + 1])
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


class _Codes(dict[str | bytes | None, int]):
    """A number for each value, a text, the bytes of one, or None; values that are shown alike have the same one."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._by_text: dict[str, int] = {}

    def __missing__(self, value: str | bytes | None) -> int:
        text = shown_value(value)
        code = self._by_text.get(text)
        if code is None:
            code = self._by_text[text] = len(self.texts)
            self.texts.append(text)
        if len(self) < MAX_KNOWN:
            self[value] = code
        return code


class OriginReader:
    """Reads where the records of batches come from, beside their partition.

    Parameters
    ----------
    origins : sequence of Origin
    n_partitions : int
        Of the predictions. One alone is compared with nothing.

    Attributes
    ----------
    by_partition : bool
        Whether partitions are compared.

    Notes
    -----
    *State*: a text of at most 100 characters and a number for each value; more than 10,000 are forgotten at a flush.
    """

    def __init__(self, origins: Sequence[Origin], n_partitions: int) -> None:
        self.by_partition = PARTITION in origins and n_partitions > 1
        self._take = {name: take for name, take in map(_reader, origins) if name != PARTITION}
        self._codes = {name: _Codes() for name in self._take}
        at = [each for each in origins if isinstance(each, OriginAt)]
        self._last: tuple[RecordBatch | None, NDArray[np.int64] | None] = (None, None)
        self.asks_for = frozenset({"headers"} if any(each.header is not None for each in at) else ())
        """Which of ``keys`` and ``headers`` batches must have."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compare."""
        return not (self.by_partition or self._take)

    def of_records(self, batch: RecordBatch) -> tuple[Dimension, ...]:
        """Return where the n records of a batch come from, beside their partition."""
        return self.dimensions(self.codes(batch))

    def codes(self, batch: RecordBatch) -> NDArray[np.int64] | None:
        """Return a number for the value of each of d dimensions in n records, shape (d, n); None where d is 0."""
        if not self._take:
            return None
        if batch is self._last[0]:
            return self._last[1]
        found = np.empty((len(self._take), len(batch.offsets)), dtype=np.int64)
        for row, (name, take) in enumerate(self._take.items()):
            codes, values = self._codes[name], take(batch)
            found[row] = [*map(codes.__getitem__, values)]
        self._last = (batch, found)
        return found

    def dimensions(self, codes: NDArray[np.int64] | None) -> tuple[Dimension, ...]:
        """Return the dimensions of n events, given their numbers from :meth:`codes`, shape (d, n)."""
        if codes is None:
            return ()
        return tuple(
            Dimension(name, of_name, self._codes[name].texts) for name, of_name in zip(self._take, codes, strict=True)
        )

    def flushed(self) -> None:
        """Forget values where they are many; no numbers are in use any more."""
        self._last = (None, None)
        for name, codes in self._codes.items():
            if len(codes.texts) > MAX_KNOWN:
                self._codes[name] = _Codes()


def _reader(origin: Origin) -> tuple[str, Callable[[RecordBatch], Sequence[Any]]]:
    if not isinstance(origin, OriginAt):
        return origin, _schemas
    if origin.header is not None:
        header = origin.header
        return origin.name, lambda batch: _headers(batch, header)
    return origin.name, _field(origin.field or "")


def _schemas(batch: RecordBatch) -> Sequence[Any]:
    return (None,) * len(batch.offsets) if batch.schemas is None else batch.schemas


def _headers(batch: RecordBatch, name: str) -> Sequence[Any]:
    if batch.headers is None:
        return (None,) * len(batch.offsets)
    return [each[name][:_BYTES] if name in each else None for each in batch.headers]


def _field(pointer: str) -> Callable[[RecordBatch], Sequence[Any]]:
    path = pointer_parts(pointer)
    skim = skimmer_of([path], None, None)

    def column(batch: RecordBatch) -> Sequence[Any]:
        if batch.documents is not None:
            documents = [ABSENT if isinstance(each, Unreadable) else each for each in batch.documents]
            return Documents(documents).column(path)
        if skim is None:
            return Documents([*map(_document, batch.values)]).column(path)
        numbers, columns = skim(batch.values)
        found = Documents([batch.values[number] for number in numbers], None, columns).column(path)
        if len(numbers) == len(batch.values):
            return found
        values: list[Any] = [ABSENT] * len(batch.values)
        odd = sorted({*range(len(values))}.difference(numbers))
        parsed = Documents([_document(batch.values[number]) for number in odd]).column(path)
        for places, some in ((numbers, found), (odd, parsed)):
            for number, value in zip(places, some, strict=True):
                values[number] = value
        return values

    return lambda batch: _texts(column(batch))


def _texts(values: Sequence[Any]) -> Sequence[str | None]:
    """Return values of a field as texts, those of other types as they are shown: 1 and true are equal as keys."""
    if _PLAIN.issuperset(map(type, values)):
        return [None if each is None else each[: MAX_TEXT + 1] for each in values]
    return [each[: MAX_TEXT + 1] if isinstance(each, str) else shown_value(each) for each in values]


def _document(value: bytes | None) -> object:
    try:
        return document_of(value)
    except EventError:
        return ABSENT
