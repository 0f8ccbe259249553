"""What ``driftline replay`` prints: differences as a table or JSON, a summary, and what limits the comparison."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
from rich.text import Text

from driftline.cli.alert_lines import as_time, one_line
from driftline.config.durations import UNITS_MS, Duration
from driftline.events.source import SEGMENT_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.alerts.comparison import AlertState, Comparison, Difference, Kind, Span
    from driftline.config.settings import Settings
    from driftline.runtime.replay.replay import ReplayedAlerts
    from driftline.runtime.replay.standing_alerts import StandingAlerts

_WORDS: Final[dict[Kind, str]] = {
    "new": "would have come",
    "gone": "would be gone",
    "moved": "moved",
    "changed": "changed",
}
_STYLES: Final[dict[Kind, str]] = {"new": "red", "gone": "green", "moved": "yellow", "changed": "yellow"}
_SHOWN_ID: Final = 12
_FAR_MS: Final = 1 << 61


def drawn(comparison: Comparison) -> Iterator[Text]:
    """Yield the differences as a table, one line each, below a line with the names of the columns."""
    rows = [_row(each) for each in comparison.differences]
    names = ("difference", "opened", "model", "cause", "alert", "what differs")
    widths = [max(len(name), *(cell.cell_len for cell in cells)) for name, *cells in zip(names, *rows, strict=True)]
    yield _aligned([Text(name, style="dim") for name in names], widths)
    for row in rows:
        yield _aligned(row, widths)


def _row(difference: Difference) -> list[Text]:
    alert = difference.alert
    model = f"{alert.model or 'input topics'}{'@' + alert.model_version if alert.model_version else ''}"
    return [
        Text(_WORDS[difference.kind], style=_STYLES[difference.kind]),
        Text(as_time(alert.opened_at)),
        one_line(Text(model if alert.segment in {"", SEGMENT_ALL} else f"{model} {alert.segment}")),
        one_line(Text(alert.cause)),
        one_line(Text(alert.alert_id[:_SHOWN_ID], style="dim")),
        one_line(Text(_details(difference))),
    ]


def _aligned(cells: list[Text], widths: list[int]) -> Text:
    line = Text()
    for cell, width in zip(cells[:-1], widths, strict=False):
        line.append_text(cell).append(" " * (width - cell.cell_len + 2))
    return line.append_text(cells[-1])


def as_json(difference: Difference) -> str:
    """Return one difference as a JSON object: its kind, both states, and what differs between them."""
    alert = difference.alert
    content = {
        "difference": difference.kind,
        "model": alert.model,
        "model_version": alert.model_version,
        "segment": alert.segment,
        "cause": alert.cause,
        "opened_later_ms": difference.later_ms if difference.before and difference.after else None,
        "changes": difference.changes(),
        "topic": difference.before,
        "replay": difference.after,
    }
    return msgspec.json.encode(content).decode()


def summary(comparison: Comparison, span: Span) -> str:
    """Return what came of the comparison, in a line."""
    n_differences = len(comparison.differences)
    since = "the beginning" if span.start_ms <= 0 else as_time(span.start_ms)
    until = "the end" if span.end_ms > _FAR_MS else as_time(span.end_ms)
    stood, would = comparison.notifications
    if not n_differences:
        what = f"{_n(comparison.n_before, 'alert')}, {_n(stood, 'notification')}"
        what = what if comparison.n_before else "no alert in either"
        return f"no difference: {what}, from {since} to {until}"
    kinds = Counter(each.kind for each in comparison.differences)
    shown = ", ".join(f"{kinds[kind]} {word}" for kind, word in _WORDS.items() if kinds[kind])
    return (
        f"{_n(n_differences, 'difference')} ({shown}), {comparison.n_same} the same. From {since} to {until} "
        f"{_n(comparison.n_before, 'alert')} with {_n(stood, 'notification')} opened on the topic, "
        f"{comparison.n_after} with {would} in the replay"
    )


def remarks(
    replayed: ReplayedAlerts, standing: StandingAlerts, settings: Settings, span: Span, warm_up_ms: int | None
) -> Iterator[str]:
    """Yield what limits the comparison: records that are gone or were not read, that cannot be used, and so on."""
    if replayed.reached_ms is None:
        yield "not every partition of the predictions has an event that can be used, so no window ended"
    elif replayed.reached_ms < span.start_ms:
        yield f"the workers have read events up to {as_time(replayed.reached_ms)}, which is before --from"
    elif replayed.reached_ms < span.end_ms <= _FAR_MS:
        yield f"the workers have read events up to {as_time(replayed.reached_ms)}, which is before --to"
    if warm_up_ms is not None:
        yield (
            f"records from before the warm-up of {Duration(warm_up_ms)} were not read: alerts may differ that need "
            "several windows to open, the normal variation of production, or labels of older predictions"
        )
        longest = max(int(model.labels.horizon) for model in (settings.defaults, *settings.models.values()))
        if settings.labels is not None and warm_up_ms < longest:
            yield f"labels come up to {Duration(longest)} after their predictions: warm up for as long, or for longer"
    elif replayed.kept_from_ms is not None:
        yield (
            f"the topics keep all records from {as_time(replayed.kept_from_ms)} on: what the workers knew from older "
            "ones, such as the normal variation and predictions that await labels, is not in the replay"
        )
    n_forgotten = sum(
        1
        for name in replayed.forgotten - standing.alerts.keys()
        if name in replayed.alerts and replayed.alerts[name].is_within(span)
    )
    if n_forgotten:
        yield (
            f"{_n(n_forgotten, 'alert')} of the replay {'was' if n_forgotten == 1 else 'were'} resolved more than 30 "
            "days before the end of the topics: the alerts topic keeps none that old, so they are not compared"
        )
    n_refused = sum(replayed.refused.values())
    if n_refused:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in replayed.refused.most_common())
        yield f"{n_refused:,} of {replayed.n_read:,} records cannot be used ({reasons})"
    if standing.n_unreadable:
        yield f"{_n(standing.n_unreadable, 'alert')} on the topic cannot be read, and are not compared"


def _details(difference: Difference) -> str:
    """Return what differs, in words."""
    if difference.before is None or difference.after is None:
        return _told(difference.alert)
    changes = difference.changes()
    parts = []
    later_ms = difference.later_ms
    if later_ms:
        parts.append(f"opened {_length(abs(later_ms))} {'later' if later_ms > 0 else 'earlier'}")
    if "severity" in changes:
        parts.append("severity {} → {}".format(*changes["severity"]))
    if "notification" in changes:
        parts.append("notifications {} → {}".format(*changes["notification"]))
    if "resolved_at" in changes:
        old, new = (("open" if each is None else f"resolved {as_time(each)}") for each in changes["resolved_at"])
        parts.append(f"{old} → {new}")
    return ", ".join(parts) or "another id"


def _told(alert: AlertState) -> str:
    end = "open" if alert.resolved_at is None else f"resolved {as_time(alert.resolved_at)}"
    return f"{alert.severity}, {_n(alert.notification, 'notification')}, {end}"


def _length(time_ms: int) -> str:
    """Return a length of time in its two largest units, such as `2h 58m`."""
    parts: list[str] = []
    for unit in ("d", "h", "m", "s"):
        n, time_ms = divmod(time_ms, UNITS_MS[unit])
        parts += [f"{n}{unit}"] if n or parts else []
    return " ".join(part for part in parts[:2] if not part.startswith("0")) or f"{time_ms}ms"


def _n(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
