"""What came of a scenario: its pages, the cause that they name, how near the onset is, and how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from benchmarks.incidents.scenario import HOUR_MS, PANE_MS
from driftline.events.cloudevents import epoch_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.incidents.scenario import Scenario

    Alert = dict[str, Any]


class Result(NamedTuple):
    """One row of the table."""

    scenario: Scenario
    pages: list[Alert]
    """Records with ``notify``."""
    last: dict[str, Alert]
    """The last record that is open of each alert."""

    @property
    def page(self) -> Alert | None:
        """The first page."""
        return self.pages[0] if self.pages else None

    @property
    def final(self) -> Alert | None:
        """What the first alert says in the end."""
        return None if self.page is None else self.last[self.page["alert_id"]]

    @property
    def onset_error(self) -> float | None:
        """How far the onset's start is from the true one, in panes."""
        if self.page is None or self.scenario.onset_ms is None:
            return None
        return abs(epoch_ms(self.page["onset"]["from"]) - self.scenario.onset_ms) / PANE_MS

    @property
    def delay_h(self) -> float | None:
        """Event time from the true onset to the page, in hours."""
        if self.page is None or self.scenario.onset_ms is None:
            return None
        return (epoch_ms(self.page["updated_at"]) - self.scenario.onset_ms) / HOUR_MS

    @property
    def is_named(self) -> bool:
        """Whether the page names the cause."""
        return self.page is not None and names_cause(self.scenario, self.page)

    @property
    def is_right(self) -> bool:
        """Whether there is one page with the right cause and, where the onset is a moment, within a pane of it; or none
        where nothing is to be found.
        """
        if not self.scenario.roots:
            return not self.pages
        near = not self.scenario.abrupt or (self.onset_error is not None and self.onset_error <= 1)
        return len(self.pages) == 1 and self.is_named and near


def names_cause(scenario: Scenario, alert: Alert) -> bool:
    """Return whether an alert's root and title name the cause of a scenario."""
    named = not scenario.names or any(name in alert["title"] for name in scenario.names)
    return alert["root"] in scenario.roots and named


def results(chosen: Sequence[Scenario], alerts: Iterable[bytes]) -> list[Result]:
    """Return what records of the alerts topic say of each scenario; those of topics as such are of the steady model."""
    by_model = {scenario.model: Result(scenario, [], {}) for scenario in chosen}
    for value in alerts:
        alert = msgspec.json.decode(value)
        result = by_model.get(alert["model"], by_model["steady"])
        if alert["notify"]:
            result.pages.append(alert)
        if alert["state"] == "open":
            result.last[alert["alert_id"]] = alert
    return [*by_model.values()]
