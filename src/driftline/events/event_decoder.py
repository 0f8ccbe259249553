"""What decoders of predictions and of labels have in common: which of three ways a record takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from driftline.config.field_places import FeaturesAt
from driftline.errors import EventError
from driftline.events.dead_letter import MISSING_FIELD
from driftline.events.documents import path_of
from driftline.events.feature_objects import listed_type
from driftline.events.field_columns import asks_for
from driftline.events.plain_mapping import pointers_of, record_pointers
from driftline.events.record_batch import one_record
from driftline.events.record_reader import RecordReader, in_order, mapped
from driftline.events.skimming import skimmer_of
from driftline.events.times import implausible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from driftline.config.field_places import Where
    from driftline.config.input_settings import LabelFields, PredictionFields
    from driftline.events.record_batch import RecordBatch
    from driftline.events.record_reader import Mapped, Read
    from driftline.events.skimming import Skimmer
    from driftline.events.source import Kind


class EventColumns(Protocol):
    """The fields of n events, each a column."""

    @property
    def ts_ms(self) -> Sequence[int | None]:
        """Their times."""

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the columns."""


Columns = TypeVar("Columns", bound=EventColumns)
Event = TypeVar("Event")


class Form(NamedTuple, Generic[Columns, Event]):
    """What a decoder makes of a kind of records."""

    kind: Kind
    word: str
    """What messages call one event."""
    columns: Callable[..., Columns]
    """Given the fields of n events, each a column."""
    event: Callable[..., Event]
    """Given the fields of one event."""


class EventDecoder(Generic[Columns, Event]):
    """Decodes records by a field mapping.

    JSON whose fields stand under plain pointers is decoded in one typed pass. Of all other JSON, and where a value is
    odd, only what the mapping asks for is read, and mapped as of parsed records. Records that this cannot read, and
    those that were deserialized from other formats, are looked at as a whole.

    Parameters
    ----------
    form : Form
    fields : PredictionFields or LabelFields
        Where each field stands.
    where : Where, optional
        Which records are meant; all of them by default.
    typed : callable, optional
        Decodes n records of plain JSON, n >= 1, or returns None where one of them needs a closer look. None where the
        mapping is not plain.
    to_fields : callable
        Maps what was read to columns, and notes why events are refused.
    unread : collection of str
        Names of fields that nobody asks for.
    also : sequence of object
        Further places that are read.
    """

    def __init__(
        self,
        form: Form[Columns, Event],
        fields: PredictionFields | LabelFields,
        where: Where | None,
        typed: Callable[[Sequence[bytes | None]], Columns | None] | None,
        to_fields: Callable[[Read, dict[int, EventError]], tuple[Sequence[Any], ...]],
        *,
        unread: Sequence[str] = (),
        also: Sequence[object] = (),
    ) -> None:
        self._form, self._typed, self._map = form, typed, to_fields
        lists = any(pointer[1:2].isdecimal() for pointer in record_pointers(fields))
        self._read = RecordReader(fields.rows, where, lists=lists, tables=fields.tables)
        self._skim = _skimmer(fields, where, unread)
        self.asks_for = asks_for([where, *also, *(getattr(fields, name) for name in fields.__struct_fields__)])
        """Which of ``keys`` and ``headers`` batches must have."""
        self.is_typed = typed is not None
        """Whether plain JSON is decoded in one typed pass."""

    def __call__(self, value: bytes | None) -> Event:
        """Decode one record in JSON that has no key and no headers; of many rows, the first.

        Raises
        ------
        EventError
            With the reason code for the dead letter.
        """
        columns = self.columns((value,))
        if columns is None or implausible(columns.ts_ms[0]):
            found = self.closely(one_record(self._form.kind, value))
            for problem in found.problems.values():
                raise problem
            if not found.owners:
                message = f"Expected a {self._form.word}, got a record without one - at `$`"
                raise EventError(MISSING_FIELD, message)
            columns = self._form.columns(*found.columns)
        return self._form.event(*next(zip(*columns, strict=True)))

    def columns(self, values: Sequence[bytes | None]) -> Columns | None:
        """Decode n records of JSON together, n >= 1; None where they need a closer look."""
        return None if self._typed is None else self._typed(values)

    def closely(self, batch: RecordBatch) -> Mapped:
        """Decode a batch of records of any kind."""
        if self._skim is None or batch.documents is not None:
            return self._mapped(self._read.parsed(batch))
        numbers, columns = self._skim(batch.values)
        n = len(batch.values)
        if len(numbers) == n:
            return self._mapped(self._read.skimmed(batch, columns))
        if not numbers:
            return self._mapped(self._read.parsed(batch))
        skimmed = self._mapped(self._read.skimmed(batch.chosen(numbers), columns))
        odd = sorted({*range(n)}.difference(numbers))
        return in_order([(numbers, skimmed), (odd, self._mapped(self._read.parsed(batch.chosen(odd))))])

    def _mapped(self, read: Read) -> Mapped:
        problems: dict[int, EventError] = {}
        return mapped(read, self._map(read, problems), problems)


def _skimmer(fields: PredictionFields | LabelFields, where: Where | None, unread: Sequence[str]) -> Skimmer | None:
    """Return what reads the fields of a mapping; None where records have to be parsed as a whole."""
    rows, of_record = fields.rows, None if where is None else where.field
    if fields.tables or (rows is not None and where is not None):
        return None
    places = {name: getattr(fields, name) for name in fields.__struct_fields__ if name not in ("rows", "tables")}
    features = places.pop("features", None)
    pointers = [pointer for name, place in places.items() if name not in unread for pointer in pointers_of(place)]
    paths = [path_of(pointer, rows) for pointer in pointers]
    paths += [] if of_record is None else [path_of(of_record, None)]
    at = FeaturesAt(features) if isinstance(features, str) else features
    return skimmer_of(
        paths,
        None if rows is None else path_of(rows, None),
        None if at is None else path_of(at.pointer, rows),
        None if at is None else listed_type(at),
    )
