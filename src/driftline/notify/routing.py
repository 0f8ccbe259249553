"""Which sinks hear of an alert: the first route that matches takes it, unless it says ``continue``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from driftline.config.notify_settings import RouteSettings
from driftline.notify.alert import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.notify_settings import NotifySettings
    from driftline.notify.alert import Alert

NO_OWNER: Final = ""


class Route(NamedTuple):
    """A route that takes an alert, with the name that people know it by."""

    name: str
    settings: RouteSettings


class Router:
    """Finds the routes of alerts.

    Parameters
    ----------
    notify : NotifySettings
        Without routes, one that matches everything leads to every sink.
    """

    def __init__(self, notify: NotifySettings) -> None:
        self._owners = tuple(notify.owners.items())
        every = RouteSettings(sinks=tuple(notify.sinks), name="every sink")
        self._routes = [
            Route(route.name or f"route {number}", route)
            for number, route in enumerate(notify.routes or (every,), start=1)
        ]

    def owner(self, model: str) -> str:
        """Return who owns a model; empty where nobody is named."""
        return next((owner for pattern, owner in self._owners if fnmatchcase(model, pattern)), NO_OWNER)

    def routes(self, alert: Alert) -> Iterator[Route]:
        """Yield the routes that take an alert, in the order of the configuration."""
        for route in self._routes:
            if self._matches(route.settings, alert):
                yield route
                if not route.settings.continue_:
                    return

    def route(self, alert: Alert, sink: str) -> Route | None:
        """Return the first route that leads an alert to a sink; None where there is none."""
        return next((route for route in self.routes(alert) if sink in route.settings.sinks), None)

    def told(self, alert: Alert, sink: str) -> bool:
        """Whether a sink has heard of an alert, as far as its latest state shows.

        An alert that has changed since it opened may have had a lower severity, by which another route took it. A sink
        of such a route counts as told: a resolution too many does less harm than one that does not come.
        """
        lower = SEVERITIES[: SEVERITIES.index(alert.severity) + 1] if alert.revision > 1 else (alert.severity,)
        return any(self.route(replace(alert, severity=severity), sink) is not None for severity in lower)

    def _matches(self, route: RouteSettings, alert: Alert) -> bool:
        return (
            (not route.severities or alert.severity in route.severities)
            and (not route.causes or alert.cause in route.causes)
            and (not route.models or any(fnmatchcase(alert.model, pattern) for pattern in route.models))
            and (not route.owners or self.owner(alert.model) in route.owners)
        )
