"""What the run must show: the other market found as it opens, no season taken for a change, and accuracy as it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn.metrics import accuracy_score, roc_auc_score

from driftline.events.cloudevents import epoch_ms, rfc3339
from examples.electricity.market import HALF_HOUR_MS, POSITIVE, TRAINING_ROWS, VICTORIAN, time_ms

if TYPE_CHECKING:
    from examples.electricity.market import Answers, Market
    from examples.electricity.outputs import Events


SEASONAL = ("day", "period", "nswdemand")
"""Columns that go with the hour, the day of the week and the time of the year; demand is the one that is measured."""
CHRISTMAS = ("12-24", "01-03")
"""From and to, month and day: the reference has seen one Christmas week, so it cannot know how they differ."""


@dataclass(frozen=True)
class Season:
    """What was made of a column that swings with the day, the week and the year.

    Attributes
    ----------
    column : str
    n_windows : int
        Windows in which it was tested.
    n_same_hours : int
        Of these, windows that were compared with the same hours of the week; must be all.
    greatest_psi, least_p : float
        Of these windows; the index is the corrected one.
    findings : list of findings
        Of these windows; must be empty.
    early : list of findings
        Of e-detectors, between windows; must be empty but for `CHRISTMAS`.
    """

    column: str
    n_windows: int
    n_same_hours: int
    greatest_psi: float
    least_p: float
    findings: list[dict[str, Any]]
    early: list[dict[str, Any]]

    @property
    def early_besides_christmas(self) -> list[dict[str, Any]]:
        """E-detector findings outside the one time of the year that the reference knows from a single week."""
        return [finding for finding in self.early if not _in_christmas(finding["window"]["end"])]


@dataclass(frozen=True)
class Opening:
    """What was found on one Victorian column.

    Attributes
    ----------
    column : str
    opened : str
        Event time of the first row at which the column varies.
    before : list of findings
        Of any family and severity, whose window ended by then; must be empty.
    first : finding or None
        The first finding on its distribution.
    """

    column: str
    opened: str
    before: list[dict[str, Any]]
    first: dict[str, Any] | None

    def in_time(self, window_ms: int) -> bool:
        """Whether the first finding's window holds the opening, or ends within one window after it."""
        if self.first is None:
            return False
        opened, end = epoch_ms(self.opened), epoch_ms(self.first["window"]["end"])
        return opened < end <= opened + window_ms


@dataclass(frozen=True)
class Measured:
    """One performance window, by driftline and by scikit-learn."""

    start: str
    end: str
    n_rows: int
    n_labelled: int
    coverage: float
    accuracy: float
    accuracy_expected: float
    auc: float
    auc_expected: float
    auc_error_bound: float


def openings(market: Market, events: Events) -> list[Opening]:
    """Return what was found on the Victorian columns before they opened, and first after it."""
    found = []
    for column in VICTORIAN:
        opened = rfc3339(time_ms(market.opening_row[column]))
        mine = sorted(
            (finding for finding in events.findings if finding["column"] == column),
            key=lambda finding: str(finding["window"]["end"]),
        )
        before = [finding for finding in mine if finding["window"]["end"] <= opened]
        first = next((finding for finding in mine if finding["family"] == "distribution"), None)
        found.append(Opening(column, opened, before, first))
    return found


def opening_page(market: Market, alerts: list[dict[str, Any]], window_ms: int) -> dict[str, Any] | None:
    """Return the page that told of the opening, on all columns at once; None where there was none in time."""
    opened = time_ms(max(market.opening_row.values()))
    for alert in alerts:
        for page in alert["pages"]:
            columns = {finding["column"] for finding in page["findings"]}
            if opened < epoch_ms(page["updated_at"]) <= opened + window_ms and columns.issuperset(VICTORIAN):
                return dict(page)
    return None


def seasons(events: Events) -> list[Season]:
    """Return what was made of the seasonal columns in the windows that got a verdict."""
    return [_season(column, events) for column in SEASONAL]


def _season(name: str, events: Events) -> Season:
    columns = [column for window in events.verdicts() for column in window["columns"] if column["name"] == name]
    tested = [column for column in columns if column["test"] is not None]
    findings = [finding for finding in events.findings if finding["column"] == name]
    return Season(
        column=name,
        n_windows=len(tested),
        n_same_hours=sum(column["test"]["dispersion"]["same_hours"] for column in tested),
        greatest_psi=max(column["distances"]["psi"]["corrected"] for column in tested),
        least_p=min(column["test"]["p_value"] for column in tested),
        findings=[finding for finding in findings if finding["family"] != "detector"],
        early=[finding for finding in findings if finding["family"] == "detector"],
    )


def _in_christmas(time: str) -> bool:
    first, end = CHRISTMAS
    return not end <= time[5:10] < first


def measured(market: Market, answers: Answers, events: Events) -> list[Measured]:
    """Return the last revision of each performance window beside scikit-learn's answer for the same rows."""
    return [_measured(market, answers, event) for event in events.final_performance()]


def _measured(market: Market, answers: Answers, event: dict[str, Any]) -> Measured:
    start, end = epoch_ms(event["window"]["start"]), epoch_ms(event["window"]["end"])
    first = max(TRAINING_ROWS, -(-(start - time_ms(0)) // HALF_HOUR_MS))
    last = min(len(market.labels), -(-(end - time_ms(0)) // HALF_HOUR_MS))
    rows = slice(first, last)
    return Measured(
        start=event["window"]["start"],
        end=event["window"]["end"],
        n_rows=last - first,
        n_labelled=event["n"],
        coverage=event["coverage"],
        accuracy=event["metrics"]["accuracy"],
        accuracy_expected=float(accuracy_score(market.labels[rows], answers.predictions[rows])),
        auc=event["metrics"]["auc"],
        auc_expected=float(roc_auc_score([label == POSITIVE for label in market.labels[rows]], answers.scores[rows])),
        auc_error_bound=event["metrics"]["auc_error_bound"],
    )


def findings_by_column(events: Events) -> list[tuple[str, str, int, str, str]]:
    """Return column, check, number of findings, and the ends of the first and the last window with one."""
    groups: dict[tuple[str, str], list[str]] = {}
    for finding in events.findings:
        groups.setdefault((finding["column"] or "(model)", finding["check"]), []).append(finding["window"]["end"])
    return [(column, check, len(ends), min(ends), max(ends)) for (column, check), ends in sorted(groups.items())]


def severities(events: Events) -> Counter[str]:
    """Return the number of findings by severity."""
    return Counter(str(finding["severity"]) for finding in events.findings)
