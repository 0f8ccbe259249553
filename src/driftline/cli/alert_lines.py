"""One alert state as one line, for people and for programs; tolerant of fields that are missing or new."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.text import Text

from driftline.cli.data_console import UNSEEN, escaped

if TYPE_CHECKING:
    from driftline.runtime.kafka.tail import TailedRecord

COLOURS: Final = {"critical": "bold red", "warning": "yellow", "info": "cyan", "resolved": "green"}
_DATA_HEADERS: Final = "ce_"


class NewAlerts:
    """Tells the records that say something new to whoever was told of an alert: its first, and its notifications.

    Notes
    -----
    *State*: the ids of the alerts that the topic still has.
    """

    def __init__(self) -> None:
        self._seen: set[bytes | None] = set()

    def has(self, record: TailedRecord) -> bool:
        """Whether a record is the first of its alert, or notifies again; records of one alert come in their order."""
        if record.value is None:
            self._seen.discard(record.key)
            return False
        is_first = record.key not in self._seen
        self._seen.add(record.key)
        return is_first or (decoded(record.value) or {}).get("notify") is True


def as_line(record: TailedRecord) -> Text:
    """Return one readable line: when, state, severity, model, sentence, findings, window, what people said, and id."""
    key = (record.key or b"").decode(errors="replace")
    if record.value is None:
        return Text(f"{as_time(record.timestamp_ms)}  forgotten  {key}", style="dim")
    alert = decoded(record.value)
    if alert is None:
        return Text(f"{as_time(record.timestamp_ms)}  unreadable  {key}: {record.value[:80]!r}", style="dim")
    state = str(alert.get("state", "?"))
    severity = str(alert.get("severity", "?"))
    style = COLOURS.get(state) or COLOURS.get(severity, "")
    when = alert.get("updated_at") or alert.get("opened_at") or record.headers.get("ce_time") or record.timestamp_ms
    model = " ".join(str(alert[name]) for name in ("model", "model_version") if alert.get(name) is not None)
    title = str(alert.get("sentence") or alert.get("title") or alert.get("cause") or "no title")
    line = Text.assemble(f"{as_time(when)}  ", (f"{state:<8}  {severity:<8}", style), f"  {model or '?'}  {title}")
    details = [each for each in (_findings(alert), _page(alert), _window(alert), _incident(alert)) if each]
    details += said(alert)
    if details:
        line.append(f"  ({', '.join(details)})")
    line.append(f"  {alert.get('alert_id') or key}", style="dim")
    return one_line(line)


def one_line(text: Text) -> Text:
    """Return a text as one line, whose control characters are shown: what an alert holds is data, and must not look
    like a second alert, command the terminal, or read backwards.
    """
    if "\n" not in text.plain and not UNSEEN.search(text.plain):
        return text
    shown = Text(" ").join(text.split("\n"))
    for at in reversed([match.start() for match in UNSEEN.finditer(shown.plain)]):
        shown = Text.assemble(shown[:at], escaped(shown.plain[at]), shown[at + 1 :])
    return shown


def shown_line(text: str) -> str:
    r"""Return a plain text as :func:`one_line` does.

    Examples
    --------
    >>> shown_line("a\x1b[31m\nb\u202ec")
    'a\\x1b[31m b\\u202ec'
    """
    return escaped(text.replace("\n", " "))


def as_json(record: TailedRecord) -> str:
    """Return one JSON object on one line: the alert, with its key, position and CloudEvents attributes."""
    value = None if record.value is None else decoded(record.value)
    content: dict[str, object] = {
        "key": (record.key or b"").decode(errors="replace"),
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "headers": {name: text for name, text in record.headers.items() if name.startswith(_DATA_HEADERS)},
        "alert": value,
    }
    if value is None and record.value is not None:
        content["unreadable"] = record.value.decode(errors="replace")
    return msgspec.json.encode(content).decode()


def decoded(value: bytes) -> dict[str, Any] | None:
    """Return a record's JSON object; None where it is none."""
    try:
        content = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return content if isinstance(content, dict) else None


def _findings(alert: dict[str, Any]) -> str:
    n, findings = alert.get("n_findings"), alert.get("findings")
    if not isinstance(n, int):
        n = len(findings) if isinstance(findings, list) else 0
    return f"{n} finding{'s' if n != 1 else ''}" if n else ""


def _page(alert: dict[str, Any]) -> str:
    """Return why an open alert notifies again; nothing for its opening and for what does not notify."""
    number = alert.get("notification")
    if alert.get("notify") is not True or not isinstance(number, int) or number < 2:  # noqa: PLR2004  # the opening is 1
        return ""
    return f"page {number}: {alert.get('notified_for') or 'no reason'}"


def _incident(alert: dict[str, Any]) -> str:
    """Return the incident that an alert belongs to; nothing where it is its own."""
    incident = alert.get("incident")
    return f"incident {incident}" if incident and incident != alert.get("alert_id") else ""


def _window(alert: dict[str, Any]) -> str:
    window = alert.get("window")
    if not isinstance(window, dict) or "start" not in window or "end" not in window:
        return ""
    return f"window {as_time(window['start'])} to {as_time(window['end'])}"


def said(alert: dict[str, Any]) -> list[str]:
    """Return what people said of an alert, as far as the record has it, in a few words each.

    Examples
    --------
    >>> said({"acknowledged": {"by": "ada"}, "muted_until": "2026-03-01T12:00:00Z", "notes": [{}]})
    ['acknowledged by ada', 'muted until 2026-03-01T12:00:00Z', '1 note']
    """
    words = []
    acknowledged, notes = alert.get("acknowledged"), alert.get("notes")
    if isinstance(acknowledged, dict):
        words.append(f"acknowledged by {acknowledged.get('by') or '?'}")
    if alert.get("muted_until"):
        words.append(f"muted until {as_time(alert['muted_until'])}")
    if isinstance(notes, list) and notes:
        words.append(f"{len(notes)} note{'s' if len(notes) != 1 else ''}")
    return words


def as_time(value: object) -> str:
    """Return RFC 3339 or epoch milliseconds in UTC, to the second; anything else as it is."""
    try:
        if isinstance(value, str):
            moment = dt.datetime.fromisoformat(value)
        elif isinstance(value, int | float):
            moment = dt.datetime.fromtimestamp(value / 1000, dt.UTC)
        else:
            return str(value)
    except (ValueError, OverflowError, OSError):
        return str(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
