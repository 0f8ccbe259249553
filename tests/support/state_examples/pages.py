"""The example of the account of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.model_setup import WatermarkReach
from driftline.monitoring.pages.page_accounts import PageAccounts
from driftline.panes.flush_record import PaneDelta
from tests.support.pages import notification, page_settings
from tests.support.state_examples.example import KEY, Example, of

if TYPE_CHECKING:
    from driftline.events.alert import Cause


def _account(part: PageAccounts, i: int) -> object:
    """Watch a model for a third of a year, notify every week, and let labels be a month behind."""
    day_ms = 86_400_000
    part.add(PaneDelta(KEY, SEGMENT_ALL, i * day_ms, "", 10, {}, None, []), 10_000)
    if i % 7 == 3:
        cause: Cause = "performance" if i % 2 else "data drift"
        part.count([notification(KEY, i * day_ms + 60_000, cause=cause, in_budget=i % 3 > 0)])
    return part.advance(WatermarkReach(i * day_ms, i * day_ms), WatermarkReach((i - 30) * day_ms, None))


EXAMPLES: list[Example[Any]] = [
    of(PageAccounts, lambda: PageAccounts(page_settings()), _account, 130),
]
