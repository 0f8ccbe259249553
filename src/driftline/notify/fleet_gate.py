"""What a sink for the fleet's set alone holds back: alerts that are not in the set, until they are, or are resolved.

The set is of all models together (:mod:`driftline.alerts.fleet`), so one alert's record can bring others into it. An
alert that the sink was told of passes from then on. The records of an alert that is held back are not done: after a
restart all of them are taken in again, and nothing else has to be remembered.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from driftline.alerts.fleet import AlertStanding

if TYPE_CHECKING:
    from driftline.alerts.fleet import Fleet
    from driftline.notify.alert import Alert
    from driftline.notify.message import Entry

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
Position = tuple[int, int]
"""Partition and offset of a record."""


class FleetGate:
    """Holds entries back whose alert is not in the fleet's set.

    Parameters
    ----------
    fleet : Fleet
        Of this sink alone: what it knows follows from the records that the sink has read.

    Notes
    -----
    *State*: of each alert that is held back, the latest record and the positions of the others.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._held: dict[str, Entry] = {}

    @property
    def alert_ids(self) -> frozenset[str]:
        """Ids of the alerts that are held back."""
        return frozenset(self._held)

    @property
    def n_records(self) -> int:
        """Records that are held back."""
        return sum(len(entry.positions) for entry in self._held.values())

    def note(self, alert: Alert) -> None:
        """Learn from a record, whether it is news or not."""
        self._fleet.note(standing_of(alert))

    def passes(self, alert: Alert) -> bool:
        """Whether an alert is in the set, or the bound is not about it."""
        return self._fleet.is_beyond(alert.alert_id) or self._fleet.is_selected(alert.alert_id)

    def offer(self, entry: Entry, *, always: bool) -> tuple[list[Entry], list[Position]]:
        """Take in an entry; return those that pass now, in the order of their records, and the positions done.

        ``always`` lets it pass in any case: the sink has heard of the alert, which is open, or no route leads there.
        """
        alert = entry.alert
        earlier = self._held.pop(alert.alert_id, None)
        if earlier is not None:
            later, sooner = (entry, earlier) if alert.revision > earlier.alert.revision else (earlier, entry)
            entry = replace(later, also=(*sooner.positions, *later.also))
        alert = entry.alert
        self.note(alert)
        passed: list[Entry] = []
        done: list[Position] = []
        never_told = earlier is not None and not alert.is_open
        if not never_told and (always or not alert.has_notified or self.passes(alert)):
            passed.append(entry)
        elif alert.is_open:
            self._held[alert.alert_id] = entry
        else:
            done = list(entry.positions)
        for each in [held for held in self._held.values() if self.passes(held.alert)]:
            del self._held[each.alert.alert_id]
            passed.append(each)
        return sorted(passed, key=lambda each: min(each.positions)), done

    def forget(self, alert_id: str) -> list[Position]:
        """Drop an alert that was deleted from the topic; return the positions done."""
        entry = self._held.pop(alert_id, None)
        return [] if entry is None else list(entry.positions)


def standing_of(alert: Alert) -> AlertStanding:
    """Return what the fleet takes in of an alert; months and numbers that cannot be used are left out."""
    evidence = alert.evidence
    months = () if evidence is None else evidence.months
    e_values = tuple(
        (each.month, each.e_value)
        for each in months
        if _MONTH.fullmatch(each.month) and math.isfinite(each.e_value) and each.e_value >= 0
    )
    is_comparable = bool(e_values) and evidence is not None and not evidence.without
    return AlertStanding(
        alert.alert_id, alert.incident or alert.alert_id, (alert.model, alert.model_version), e_values, is_comparable
    )
