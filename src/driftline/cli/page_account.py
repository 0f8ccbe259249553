"""What the alerts and the monthly reports say of the pages of each model and month: promised, paged, useful or not."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ALERTS_KEPT_DAYS: Final = 30
"""Days after its resolution after which an alert is deleted from its topic."""


class AccountRow(Struct, frozen=True, kw_only=True):
    """The account of one model, all versions together, in one month."""

    month: str
    """As in ``2026-03``."""
    model: str
    """Empty for alerts about an input topic as such."""
    promised: float | None
    """Expected false pages that the budget allows; null for what belongs to no model."""
    paged: int
    within_budget: int
    """Pages that the budget bounds."""
    useful: int
    not_useful: int
    not_said: int
    """Pages whose alert nobody has judged, or is no longer known."""
    is_over: bool
    """Whether the month had ended by the latest event time in the topics."""
    is_whole: bool
    """Whether all pages of the month are counted; otherwise there may have been more."""
    feedback_is_whole: bool
    """Whether no alert of the month can have been deleted, and the feedback on it."""


class _Page(Struct):
    month: str
    model: str
    in_budget: bool


class _Cell(Struct):
    """Counts from the alerts, and from the reports."""

    paged: int = 0
    within: int = 0
    useful: int = 0
    not_useful: int = 0
    reports: dict[str, dict[str, Any]] = {}


class PageBook:
    """Takes in the records of the alerts topic and the reports of the events topic, in their order."""

    def __init__(self) -> None:
        self._pages: dict[tuple[str, int], _Page] = {}
        self._latest: dict[str, dict[str, Any]] = {}
        self._reports: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        self._latest_time = dt.datetime.min.replace(tzinfo=dt.UTC)

    def add_alert(self, alert: dict[str, Any]) -> None:
        """Take in one state of an alert; what says no time or number counts nothing."""
        alert_id, time = str(alert.get("alert_id") or ""), time_of(alert.get("updated_at"))
        if time is None:
            return
        self.note_time(time)
        known = self._latest.get(alert_id)
        if known is None or _number(alert.get("revision")) >= _number(known.get("revision")):
            self._latest[alert_id] = alert
        if alert.get("notify") is True:
            number = _number(alert.get("notification"))
            self._pages[alert_id, number] = _Page(_month(time), _model(alert), alert.get("in_budget") is not False)

    def add_report(self, report: dict[str, Any]) -> None:
        """Take in a monthly report; that with the highest revision counts."""
        window = report.get("window")
        start = time_of(window.get("start")) if isinstance(window, dict) else None
        if start is None:
            return
        self.note_time(start)
        of_versions = self._reports.setdefault((_month(start), _model(report)), {})
        version = str(report.get("model_version") or "")
        known = of_versions.get(version)
        if known is None or _number(report.get("revision")) >= _number(known.get("revision")):
            of_versions[version] = report

    def note_time(self, time: dt.datetime) -> None:
        """Note that event time has come as far as this."""
        self._latest_time = max(self._latest_time, time)

    def rows(self, promise: Callable[[str, float], float]) -> list[AccountRow]:
        """Return the account, by month and model.

        Parameters
        ----------
        promise : callable of (str, float) to float
            Pages that a model's budget allows in so many days; for months without a report.
        """
        cells: dict[tuple[str, str], _Cell] = {key: _Cell(reports=found) for key, found in self._reports.items()}
        for alert_id, page in self._all_pages():
            cell = cells.setdefault((page.month, page.model), _Cell())
            acknowledged = self._latest[alert_id].get("acknowledged")
            useful = acknowledged.get("useful") if isinstance(acknowledged, dict) else None
            cell.paged += 1
            cell.within += page.in_budget
            cell.useful += useful is True
            cell.not_useful += useful is False
        return [self._row(*key, cell, promise) for key, cell in sorted(cells.items())]

    def _all_pages(self) -> Iterator[tuple[str, _Page]]:
        """Yield the notifications of all alerts, also those whose records were compacted away.

        The month of these follows from the alert's latest state: the last one was there by its time, the others are
        counted where the alert opened.
        """
        for alert_id, alert in self._latest.items():
            last = _number(alert.get("notification"))
            for number in range(1, last + 1):
                page = self._pages.get((alert_id, number))
                if page is None:
                    times = ("updated_at", "opened_at") if number == last > 1 else ("opened_at", "updated_at")
                    time = next(time for name in times if (time := time_of(alert.get(name))) is not None)
                    page = _Page(_month(time), _model(alert), alert.get("in_budget") is not False)
                yield alert_id, page

    def _row(self, month: str, model: str, cell: _Cell, promise: Callable[[str, float], float]) -> AccountRow:
        start, end = _span(month)
        reports = list(cell.reports.values())
        is_reported = bool(reports) and not any(report.get("awaits_labels") for report in reports)
        is_recent = start >= self._latest_time - dt.timedelta(days=ALERTS_KEPT_DAYS)
        paged = max(cell.paged, sum(_number(report.get("paged")) for report in reports))
        within = max(cell.within, sum(_number(report.get("paged_within_budget")) for report in reports))
        days = (min(end, max(start, self._latest_time)) - start) / dt.timedelta(days=1)
        promised = sum(float(report.get("promised") or 0.0) for report in reports) if reports else promise(model, days)
        return AccountRow(
            month=month,
            model=model,
            promised=promised if model else None,
            paged=paged,
            within_budget=within,
            useful=cell.useful,
            not_useful=cell.not_useful,
            not_said=paged - cell.useful - cell.not_useful,
            is_over=end <= self._latest_time,
            is_whole=is_reported or is_recent,
            feedback_is_whole=is_recent,
        )


def time_of(value: object) -> dt.datetime | None:
    """Return an event time of a record; None where it is none."""
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return moment.astimezone(dt.UTC) if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def _month(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m}"


def _span(month: str) -> tuple[dt.datetime, dt.datetime]:
    start = dt.datetime.fromisoformat(f"{month}-01").replace(tzinfo=dt.UTC)
    return start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def _model(fields: dict[str, Any]) -> str:
    return str(fields.get("model") or "")


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def of(rows: Iterable[AccountRow], model: str | None, month: str | None) -> list[AccountRow]:
    """Return the rows of a model and a month; all where none is given."""
    return [row for row in rows if model in {None, row.model} and month in {None, row.month}]
