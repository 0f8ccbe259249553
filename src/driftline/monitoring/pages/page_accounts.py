"""Counts the notifications of each model and month, and reports them when the month is over by the watermarks.

What predictions show and what labels show have watermarks of their own, which may be weeks apart and whose distance
differs from run to run. So they are counted apart: the first report on a month, when predictions have passed its end,
has nothing of the labels, and the second has all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from driftline.alerts import JOIN_CAUSES, LABEL_CAUSES
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.events.alert import Cause  # msgspec reads it
from driftline.events.cloudevents import epoch_ms, rfc3339
from driftline.events.evidence import Severity, WindowSpan  # msgspec reads the first
from driftline.events.model_key import ModelKey
from driftline.events.output_record import event_record
from driftline.events.pages import PagesEvent, WatchedSpan
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.model_setup import WatermarkReach
from driftline.monitoring.pages.months import end_of, month_of
from driftline.monitoring.state.table import Table

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.events.output_record import OutputRecord
    from driftline.monitoring.model_setup import Outputs
    from driftline.panes.flush_record import PaneDelta
    from driftline.panes.watermarks import Watermarks

_OF_LABELS: Final[frozenset[Cause]] = frozenset((*JOIN_CAUSES, *LABEL_CAUSES))
"""Causes that only labels, or their absence, can show."""


class Tally(Struct, array_like=True):
    """Notifications of one kind in a month."""

    within: int = 0
    outside: int = 0
    severities: dict[str, int] = {}
    causes: dict[str, int] = {}

    def add(self, alert: Notification) -> None:
        """Count one."""
        self.within += alert.in_budget
        self.outside += not alert.in_budget
        self.severities[alert.severity] = self.severities.get(alert.severity, 0) + 1
        self.causes[alert.cause] = self.causes.get(alert.cause, 0) + 1


class MonthAccount(Struct, array_like=True):
    """What is known of a model in a month."""

    from_ms: int | None = None
    to_ms: int | None = None
    n_events: int = 0
    predictions: Tally = msgspec.field(default_factory=Tally)
    labels: Tally = msgspec.field(default_factory=Tally)
    revision: int = 0
    """Of the last report; 0 before the first."""
    with_labels: bool = False
    """Whether the last report had what labels show."""
    changed: bool = False
    """Whether something was counted after the report that should have had it."""


class Notification(Struct):
    """What is read of an alert's record."""

    model: str
    model_version: str
    notify: bool
    in_budget: bool
    severity: Severity
    cause: Cause
    updated_at: str


_DECODER: Final = msgspec.json.Decoder(Notification)


class PageAccounts:
    """The accounts of the models of one partition.

    *State*: of each model the months that are not over and the last one that is; some 300 bytes each.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pane_ms = int(settings.time.pane)
        self._has_labels = settings.labels is not None
        self._months = Table("months", ModelKey, dict[int, MonthAccount])
        self._budgets: dict[str, ErrorBudget] = {}
        self._reached: tuple[int | None, ...] = ()
        self._is_due = False
        self.tables = (self._months,)

    def add(self, delta: PaneDelta, pane_ms: int) -> None:
        """Take in a delta of a model's whole traffic whose pane is open."""
        if not delta.n_events:
            return
        month = self._month(delta.key, month_of(delta.pane_ms))
        end_ms = delta.pane_ms + pane_ms
        month.from_ms = delta.pane_ms if month.from_ms is None else min(month.from_ms, delta.pane_ms)
        month.to_ms = end_ms if month.to_ms is None else max(month.to_ms, end_ms)
        month.n_events += delta.n_events

    def report(self, marks: Watermarks) -> Outputs:
        """Return the reports on the months that have ended by the watermarks."""
        predictions = self._reach(marks.predictions, marks.certain_predictions)
        return self.advance(predictions, self._reach(marks.joins, marks.certain_joins))

    def _reach(self, time_ms: int | None, certain_ms: int | None) -> WatermarkReach | None:
        """Return how far whole panes have come."""
        return None if time_ms is None else WatermarkReach(time_ms - time_ms % self._pane_ms, certain_ms)

    def count(self, outputs: Outputs) -> None:
        """Count the notifications among what a record has led to. Alerts about an input topic are of no model."""
        for record in outputs:
            if record.channel != "alerts" or record.value is None:
                continue
            alert = _DECODER.decode(record.value)
            if not alert.notify or not alert.model:
                continue
            key = ModelKey(alert.model, alert.model_version)
            month = self._month(key, self._kept_month(key, month_of(epoch_ms(alert.updated_at))))
            of_labels = alert.cause in _OF_LABELS
            (month.labels if of_labels else month.predictions).add(alert)
            month.changed |= month.with_labels if of_labels else month.revision > 0
            self._is_due = True

    def advance(self, predictions: WatermarkReach | None, joins: WatermarkReach | None) -> Outputs:
        """Report the months that have ended by the watermarks."""
        reached = tuple(None if each is None else month_of(each.until_ms) for each in (predictions, joins))
        if reached == self._reached and not self._is_due:
            return []
        self._reached, self._is_due = reached, False
        outputs: Outputs = []
        for key in sorted(self._months):
            months = self._months[key]
            for start_ms in sorted(months):
                outputs += self._report(key, start_ms, predictions, joins)
            over = [start_ms for start_ms, month in sorted(months.items()) if self._is_over(month)]
            for start_ms in over[:-1]:
                del months[start_ms]
                self._months.changed(key)
            if (
                over
                and predictions is not None
                and end_of(end_of(over[-1])) <= predictions.until_ms
                and len(months) == 1
            ):
                self._months.drop(key)
        return outputs

    def latest_month(self, key: ModelKey) -> dict[str, int]:
        """Return the notifications of a model in the last month that it has come to, by severity."""
        months = self._months.get(key)
        if not months:
            return {}
        month = months[max(months)]
        return _sums([month.predictions.severities, month.labels.severities])

    def _report(
        self, key: ModelKey, start_ms: int, predictions: WatermarkReach | None, joins: WatermarkReach | None
    ) -> Outputs:
        month, end_ms = self._months[key][start_ms], end_of(start_ms)
        outputs: Outputs = []
        if predictions is None or predictions.until_ms < end_ms:
            return outputs
        if month.revision == 0:
            outputs.append(self._reported(key, start_ms, month, predictions, with_labels=not self._has_labels))
        if joins is not None and joins.until_ms >= end_ms and not self._is_over(month):
            outputs.append(self._reported(key, start_ms, month, joins, with_labels=True))
        if month.changed:
            reach = joins if month.with_labels and joins is not None else predictions
            outputs.append(self._reported(key, start_ms, month, reach, with_labels=month.with_labels))
        return outputs

    def _is_over(self, month: MonthAccount) -> bool:
        return month.revision > 0 and month.with_labels

    def _reported(
        self, key: ModelKey, start_ms: int, month: MonthAccount, reach: WatermarkReach, *, with_labels: bool
    ) -> OutputRecord:
        """Return the record of the next report on a month."""
        month.revision += 1
        month.with_labels, month.changed = with_labels, False
        self._months.changed(key)
        budget = self._budget(key.model)
        return event_record(_event(key, start_ms, month, budget, sorted(reach.flags(end_of(start_ms)))), budget.source)

    def _month(self, key: ModelKey, start_ms: int) -> MonthAccount:
        months = self._months.get(key)
        if months is None:
            months = {}
            self._months.put(key, months)
        self._months.changed(key)
        return months.setdefault(start_ms, MonthAccount())

    def _kept_month(self, key: ModelKey, start_ms: int) -> int:
        """Return the month to count in: that of the time, or the first kept where this one is long over."""
        return max(start_ms, min(self._months.get(key) or (start_ms,)))

    def _budget(self, name: str) -> ErrorBudget:
        budget = self._budgets.get(name)
        if budget is None:
            budget = self._budgets[name] = ErrorBudget.of(self._settings, name)
        return budget


def _event(key: ModelKey, start_ms: int, month: MonthAccount, budget: ErrorBudget, flags: list[str]) -> PagesEvent:
    end_ms, allowed = end_of(start_ms), budget.settings.alerts.false_alarm_budget
    tallies = [month.predictions, month.labels] if month.with_labels else [month.predictions]
    watched_ms = 0 if month.from_ms is None or month.to_ms is None else month.to_ms - month.from_ms
    watched = None
    if month.from_ms is not None and month.to_ms is not None:
        watched = WatchedSpan(from_=rfc3339(month.from_ms), to=rfc3339(month.to_ms))
    within, outside = (sum(getattr(tally, name) for tally in tallies) for name in ("within", "outside"))
    return PagesEvent(
        model=key.model,
        model_version=key.version,
        segment=SEGMENT_ALL,
        window=WindowSpan(
            kind="tumbling", start=rfc3339(start_ms), end=rfc3339(end_ms), size_ms=end_ms - start_ms, extended=False
        ),
        profile=None,
        settings=budget.settings_hash,
        n=month.n_events,
        n_reference=0,
        offsets={},
        flags=flags,
        revision=month.revision,
        awaits_labels=not month.with_labels,
        watched=watched,
        budget_pages=allowed.pages,
        horizon_ms=int(allowed.horizon),
        promised=allowed.pages * watched_ms / int(allowed.horizon),
        paged=within + outside,
        paged_within_budget=within,
        paged_outside_budget=outside,
        severities=_sums([tally.severities for tally in tallies]),
        causes=_sums([tally.causes for tally in tallies]),
    )


def _sums(counts: list[dict[str, int]]) -> dict[str, int]:
    return {
        name: sum(each.get(name, 0) for each in counts) for name in sorted({name for each in counts for name in each})
    }
