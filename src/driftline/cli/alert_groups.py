"""Open alerts of several models that one change upstream explains, as one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from rich.text import Text

from driftline.alerts.groups import groups_of
from driftline.cli.alert_book import folded, list_line
from driftline.cli.alert_lines import COLOURS, as_time, one_line
from driftline.notify.alert import Alert as Record
from driftline.notify.pages import incident_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from driftline.alerts.groups import Group, Incident
    from driftline.cli.alert_book import Alert

_NAMED: Final = 5
"""Models that the line of a group names."""


def grouped_lines(alerts: Iterable[Alert]) -> Iterator[Text]:
    """Yield the lines of alerts, the most severe first: one for each group of several, with what follows from it."""
    listed = list(alerts)
    known = {alert.alert_id: alert for alert in listed}
    groups = {
        member.alert_id: group
        for group in groups_of(_incidents(listed))
        if len(group.members) > 1
        for member in group.members
    }
    told: set[str] = set()
    for alert, follows in folded(listed):
        group = groups.get(alert.incident)
        if group is None:
            yield list_line(alert, follows=follows)
        elif group.group_id not in told:
            told.add(group.group_id)
            yield _group_line(group, [known[member.alert_id] for member in group.members])


def others_of_group(alert: Alert, alerts: Iterable[Alert]) -> list[Alert]:
    """Return the other alerts of the group that an open alert is in."""
    known = {each.alert_id: each for each in alerts}
    for group in groups_of(_incidents(known.values())):
        ids = [member.alert_id for member in group.members]
        if alert.alert_id in ids:
            return [known[alert_id] for alert_id in ids if alert_id != alert.alert_id]
    return []


def _incidents(alerts: Iterable[Alert]) -> Iterator[Incident]:
    for alert in alerts:
        try:
            record = msgspec.convert(alert.fields, Record)
        except msgspec.ValidationError:
            continue  # of a version that says less: it is listed by itself
        incident = incident_of(record) if alert.is_open else None
        if incident is not None:
            yield incident


def _group_line(group: Group, alerts: Sequence[Alert]) -> Text:
    """Return a group as one line: how bad, how many models, since when, what its worst alert says, and which."""
    worst = min(alerts, key=lambda alert: alert.order[0])
    names = list(dict.fromkeys(alert.model for alert in alerts))
    n_models = len({member.model for member in group.members})
    many = f"{n_models} models" if n_models > 1 else f"{len(alerts)} alerts of {group.members[0].model}"
    since = min(as_time(alert.fields.get("since") or alert.fields.get("opened_at") or "?") for alert in alerts)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    title = worst.fields.get("title") or worst.fields.get("cause") or "no title"
    line = Text.assemble((f"{worst.severity:<8}", COLOURS.get(worst.severity, "")), f"  {many}  since {since}  {title}")
    line.append(f"  ({', '.join(names[:_NAMED])}{more})")
    line.append(f"  {group.group_id}", style="dim")
    return one_line(line)
