"""Which producers, partitions or schemas the refused records of a window come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from driftline.checks.contract.origin_split import Marked, clear_parts
from driftline.events.cloudevents import rfc3339
from driftline.events.origin import Origin
from driftline.sketches.origin_table import FIELD, NONE, OTHERS, PARTITION, kept_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.events.source import Kind
    from driftline.events.source_numbers import PlaceNames
    from driftline.panes.intake_record import OriginRecords


class OriginTally(Struct, array_like=True):
    """Records of one origin in a window."""

    n_read: int = 0
    n_refused: int = 0
    firsts: dict[int, int] = field(default_factory=dict)
    """Partition to the offset of its first refused record."""

    def add(self, partition: int, records: OriginRecords) -> None:
        """Add records of one partition."""
        self.n_read += records.n_read
        self.n_refused += records.n_refused
        if records.first is not None:
            self.firsts[partition] = min(records.first, self.firsts.get(partition, records.first))


OriginTallies = dict[str, dict[str, OriginTally]]
"""Dimension to value to its records."""


def add_records(into: OriginTallies, partition: int, records: Mapping[str, Mapping[str, OriginRecords]]) -> None:
    """Add the records of one partition; of many values those are kept that come first."""
    for name, by_value in records.items():
        values = into.setdefault(name, {})
        for value, each in by_value.items():
            values.setdefault(value, OriginTally()).add(partition, each)
        into[name] = kept_values(name, values)


def origins_of_refused(
    tallies: OriginTallies, counts: tuple[int, int], kind: Kind, start_ms: int, places: PlaceNames
) -> list[Origin] | None:
    """Return the few origins that the refused records come from; None where there is nothing to compare.

    ``counts`` are all records of the window, and the refused ones.
    """
    compared = {name: values for name, values in tallies.items() if len(values) > 1}
    if not compared or not counts[1]:
        return None
    found: list[tuple[float, list[Origin]]] = []
    for name, values in compared.items():
        marked = [Marked(value, tally.n_read, tally.n_refused) for value, tally in values.items()]
        n_others = counts[0] - sum(each.n for each in marked)
        if n_others > 0:
            marked.append(Marked(OTHERS, n_others, counts[1] - sum(each.marked for each in marked)))
        parts = clear_parts(marked, 0.0, counts[0])
        if name.startswith(FIELD) and any(part.value == NONE for part in parts):
            continue  # what cannot be read has no fields
        origins = []
        for part in parts:
            firsts = values[part.value].firsts if part.value in values else {}
            is_number = name == PARTITION and part.value in values
            origins.append(
                Origin(
                    dimension=name,
                    value=places.name(kind, int(part.value)) if is_number else part.value,
                    share_of_events=round(part.share_of_events, 6),
                    share_of_change=round(part.share_of_change, 6),
                    since=rfc3339(start_ms),
                    first_offsets={places.name(kind, number): at for number, at in sorted(firsts.items())},
                    exact=True,
                )
            )
        found += [(sum(each.share_of_events for each in origins), origins)] if origins else []
    found.sort(key=lambda each: (round(each[0], 6), each[1][0].dimension == PARTITION))
    return [origin for _, origins in found for origin in origins]
