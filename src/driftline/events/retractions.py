"""Tombstones of labels: records with a key and a null value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.config.field_places import FromKey
from driftline.events.documents import Documents
from driftline.events.field_columns import Records, asks_for
from driftline.events.object_mapper import IdReader
from driftline.events.record_reader import Mapped, Read, mapped

if TYPE_CHECKING:
    from driftline.config.field_places import Place
    from driftline.errors import EventError
    from driftline.events.record_batch import RecordBatch


class Retractions:
    """Makes retractions of the tombstones in a batch: labels that are null.

    Parameters
    ----------
    prediction_id : Place
        Where labels have their id. A tombstone has it there too if that is in the key; otherwise its key is the id.
    """

    def __init__(self, prediction_id: Place) -> None:
        self.place: Place = prediction_id if "keys" in asks_for([prediction_id]) else FromKey("")
        """Where a tombstone has its id."""
        self._ids = IdReader(self.place, None)

    def __call__(self, batch: RecordBatch) -> tuple[list[int], Mapped] | None:
        """Return the numbers of the tombstones and their events; None where there are none.

        The columns are those of :class:`~driftline.events.label.LabelColumns`.
        """
        if batch.keys is None:
            return None
        pairs = zip(batch.values, batch.keys, strict=True)
        numbers = [number for number, (value, key) in enumerate(pairs) if value is None and key is not None]
        if not numbers:
            return None
        part = batch.chosen(numbers)
        n = len(numbers)
        records = Records(Documents([{}] * n), part.topic, part.timestamps_ms, part.keys, part.headers)
        read = Read(records, range(n), None, {}, ())
        problems: dict[int, EventError] = {}
        nothing = (None,) * n
        return numbers, mapped(read, (self._ids(read, problems), nothing, nothing, nothing), problems)
