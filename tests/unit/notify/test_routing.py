from __future__ import annotations

from typing import Any

import pytest

from driftline.config.notify_settings import NotifySettings, RouteSettings, SinkSettings, WebhookSettings
from driftline.notify.routing import Router
from tests.support.alerts import alert

SINK = SinkSettings(webhook=WebhookSettings(url="http://localhost"))


def router(*routes: RouteSettings, owners: dict[str, str] | None = None) -> Router:
    return Router(NotifySettings(dict.fromkeys("abc", SINK), routes, owners or {}))


def sinks(found: Router, **changes: Any) -> list[str]:  # noqa: ANN401  # any field of an alert
    return [name for route in found.routes(alert(**changes)) for name in route.settings.sinks]


def test_without_routes_every_alert_goes_to_every_sink() -> None:
    assert sinks(router()) == ["a", "b", "c"]


def test_the_first_route_that_matches_takes_the_alert() -> None:
    found = router(
        RouteSettings(("a",), severities=("critical",)),
        RouteSettings(("b",)),
    )
    assert sinks(found, severity="critical") == ["a"]
    assert sinks(found, severity="warning") == ["b"]


def test_a_route_may_let_later_ones_have_the_alert_too() -> None:
    found = router(RouteSettings(("a",), continue_=True), RouteSettings(("b",)), RouteSettings(("c",)))
    assert sinks(found) == ["a", "b"]


@pytest.mark.parametrize(
    ("route", "matching", "other"),
    [
        (RouteSettings(("a",), models=("credit-*",)), {"model": "credit-risk"}, {"model": "fraud"}),
        (RouteSettings(("a",), models=("credit-[a]",)), {"model": "credit-a"}, {"model": "credit-[a]"}),
        (RouteSettings(("a",), causes=("labels",)), {"cause": "labels"}, {"cause": "intake"}),
        (RouteSettings(("a",), owners=("risk",)), {"model": "credit-risk"}, {"model": "fraud"}),
        (RouteSettings(("a",), severities=("info", "warning")), {"severity": "info"}, {"severity": "critical"}),
    ],
)
def test_a_route_matches_by(route: RouteSettings, matching: dict[str, str], other: dict[str, str]) -> None:
    found = router(route, owners={"credit-*": "risk", "*": "everybody else"})
    assert (sinks(found, **matching), sinks(found, **other)) == (["a"], [])


def test_the_first_owner_that_matches_counts() -> None:
    found = router(owners={"credit-*": "risk", "*": "others"})
    assert [found.owner(model) for model in ("credit-risk", "fraud", "")] == ["risk", "others", "others"]
    assert router().owner("fraud") == ""


def test_a_sink_counts_as_told_of_what_was_milder_before() -> None:
    found = router(RouteSettings(("a",), severities=("critical",)), RouteSettings(("b",)))
    once, later = alert(revision=1), alert(revision=2)
    assert [found.told(once, name) for name in "abc"] == [True, False, False]
    assert [found.told(later, name) for name in "abc"] == [True, True, False]
