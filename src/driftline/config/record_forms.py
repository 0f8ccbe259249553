"""Forms of records that are brought into another before their fields are looked for: tables, and halves of an event."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from driftline.config.durations import Duration
from driftline.config.field_places import Place, Pointer, Where
from driftline.errors import ParameterError

MAX_WAITING_RECORDS: Final = 16_384
"""Which of so many records still wait fits in the metadata of a committed offset, of which brokers take 4,096 bytes."""


class TableAt(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a table stands that is written by column, or apart from the names of its columns."""

    pointer: Pointer
    """Where its rows are to be found afterwards."""
    of: tuple[Pointer, ...] = ()
    """Where it stands; of several places the first that has something. By default where its rows are to be found."""
    raw: Pointer | None = None
    """List of the tensors' raw bytes, if they stand apart as in `raw_input_contents`."""


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """Requests and responses that are separate records of one topic, and are one event together."""

    id: Place
    """The id that both have."""
    request: Where
    """The records that are requests. Their fields are then found under `/request`."""
    response: Where
    """The records that are responses, unless they are requests. Their fields are then found under `/response`."""
    max_records: Annotated[int, Meta(ge=1, le=MAX_WAITING_RECORDS)] = 10_000
    """Records of the partition after which the other half is no longer awaited."""
    max_wait: Duration = Duration(600_000)
    """Time between the Kafka timestamps of two halves after which the other half is no longer awaited."""

    def __post_init__(self) -> None:
        """Check the time."""
        if self.max_wait <= 0:
            raise ParameterError("a duration above zero", str(self.max_wait), "max_wait")
