"""The alerts topic read to its end: the latest state of each alert, and how they stand together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.text import Text

from driftline.cli.alert_lines import COLOURS, as_time, decoded, one_line, said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftline.runtime.kafka.tail import TailedRecord

_RANKS: Final = {"critical": 0, "warning": 1, "info": 2}
_UNKNOWN_RANK: Final = len(_RANKS)
_FIELDS: Final = (
    ("state", "state"),
    ("severity", "severity"),
    ("cause", "cause"),
    ("since", "since"),
    ("opened_at", "opened"),
    ("updated_at", "updated"),
    ("resolved_at", "resolved"),
    ("notification", "pages"),
    ("revision", "revision"),
    ("incident", "incident"),
)
"""What ``show`` lists: field and word."""
_SAID: Final = frozenset({"by", "at", "text", "comment", "useful", "kind"})
"""Fields of what people said that have a place of their own in its line."""


class Alert(NamedTuple):
    """The latest state of one alert."""

    alert_id: str
    fields: dict[str, Any]

    @property
    def is_open(self) -> bool:
        """Whether it has not been resolved."""
        return self.fields.get("state") != "resolved"

    @property
    def incident(self) -> str:
        """The alert that it follows from, or its own id."""
        return str(self.fields.get("incident") or self.alert_id)

    @property
    def severity(self) -> str:
        """As the record says it."""
        return str(self.fields.get("severity") or "?")

    @property
    def model(self) -> str:
        """The model, and its version where there is one."""
        name, version = self.fields.get("model") or "?", self.fields.get("model_version")
        return f"{name}@{version}" if version else str(name)

    @property
    def order(self) -> tuple[int, str, str]:
        """What puts the most severe first, and of equal ones the latest."""
        return (_RANKS.get(self.severity, _UNKNOWN_RANK), _reversed(self.fields.get("opened_at")), self.alert_id)


def latest(records: Iterable[TailedRecord]) -> list[Alert]:
    """Return the latest state of each alert that is not forgotten; records of one key come in their order."""
    states: dict[str, Alert] = {}
    for record in records:
        key = (record.key or b"").decode(errors="replace")
        fields = None if record.value is None else decoded(record.value)
        if record.value is None:
            states.pop(key, None)
        elif fields is not None:
            states[key] = Alert(str(fields.get("alert_id") or key), fields)
    return list(states.values())


def folded(alerts: Iterable[Alert]) -> Iterator[tuple[Alert, bool]]:
    """Yield alerts, the most severe incident first, each incident's own alert before those that follow from it.

    The flag says that an alert follows from the one before it.
    """
    by_incident: dict[str, list[Alert]] = {}
    for alert in sorted(alerts, key=lambda each: each.order):
        by_incident.setdefault(alert.incident, []).append(alert)
    for incident, together in by_incident.items():
        own = [alert for alert in together if alert.alert_id == incident]
        rest = [alert for alert in together if alert.alert_id != incident]
        yield from ((alert, bool(own) and alert is not own[0]) for alert in [*own, *rest])


def list_line(alert: Alert, *, follows: bool) -> Text:
    """Return an alert as one line: how bad, which model, since when, what, and its id."""
    style = COLOURS.get("resolved" if not alert.is_open else alert.severity, "")
    word = alert.severity if alert.is_open else "resolved"
    text = str(alert.fields.get("sentence") or alert.fields.get("title") or alert.fields.get("cause") or "no title")
    since = as_time(alert.fields.get("since") or alert.fields.get("opened_at") or "?")
    line = Text.assemble("  └ " if follows else "", (f"{word:<8}", style), f"  {alert.model}  since {since}  {text}")
    words = said(alert.fields)
    if words:
        line.append(f"  ({', '.join(words)})")
    line.append(f"  {alert.alert_id}", style="dim")
    return one_line(line)


def detail_lines(alert: Alert) -> Iterator[Text]:
    """Yield an alert in full: what it says, its life, what people said of it, and the evidence of its findings."""
    yield one_line(Text.assemble((f"{alert.model}: {alert.fields.get('title') or 'no title'}", "bold")))
    for field in ("sentence", "message"):
        if alert.fields.get(field):
            yield one_line(Text(str(alert.fields[field])))
    yield Text("")
    for field, word in _FIELDS:
        value = alert.fields.get(field)
        if value is not None:
            shown = as_time(value) if word in {"since", "opened", "updated", "resolved"} else str(value)
            yield one_line(Text.assemble((f"{word:<10}", "dim"), shown))
    yield from _evidence_lines(alert.fields.get("evidence"))
    yield from _said_lines(alert.fields)
    findings = alert.fields.get("findings")
    for finding in findings if isinstance(findings, list) else ():
        if isinstance(finding, dict):
            where = ", ".join(str(finding[name]) for name in ("check", "column") if finding.get(name))
            yield one_line(Text.assemble((f"{'finding':<10}", "dim"), f"{where}: {finding.get('message', '')}"))


def _evidence_lines(evidence: object) -> Iterator[Text]:
    """Yield the e-value of each month, and why findings have none."""
    fields = evidence if isinstance(evidence, dict) else {}
    months, without = fields.get("months"), fields.get("without")
    for each in months if isinstance(months, list) else ():
        if isinstance(each, dict) and isinstance(each.get("e_value"), int | float):
            yield one_line(Text.assemble((f"{'e-value':<10}", "dim"), f"{each['e_value']:.3g} in {each.get('month')}"))
    for each in without if isinstance(without, list) else ():
        yield one_line(Text.assemble((f"{'e-value':<10}", "dim"), f"none: {each}"))


def _said_lines(fields: dict[str, Any]) -> Iterator[Text]:
    """Yield who acknowledged and muted an alert, what was noted, and what stands beside it, each as one line."""
    acknowledged = fields.get("acknowledged")
    if isinstance(acknowledged, dict):
        useful = acknowledged.get("useful")
        useful = "" if useful is None else f"; the page was {'' if useful else 'not '}useful"
        yield _said_line("acked", acknowledged, acknowledged.get("comment"), useful)
    if fields.get("muted_until"):
        by = f" by {fields['muted_by']}" if fields.get("muted_by") else ""
        yield one_line(Text.assemble((f"{'muted':<10}", "dim"), f"until {as_time(fields['muted_until'])}{by}"))
    for field, word in (("notes", "note"), ("beside", "beside")):
        entries = fields.get(field)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                yield _said_line(str(entry.get("kind") or word), entry, entry.get("text") or entry.get("comment"))
            else:
                yield one_line(Text.assemble((f"{word:<10}", "dim"), str(entry)))


def _said_line(word: str, entry: dict[str, Any], text: object, more: str = "") -> Text:
    """Return one line with the fields that are known, and then the others by their names."""
    named = [
        f"{name.replace('_', ' ')} {value}" for name, value in entry.items() if name not in _SAID and value is not None
    ]
    words = "; ".join([", ".join(named)] * bool(named) + [str(text)] * bool(text))
    who = f"by {entry['by']}" if entry.get("by") else ""
    when = as_time(entry["at"]) if entry.get("at") else ""
    head = " ".join(each for each in (when, who) if each)
    shown = ": ".join(each for each in (head, words) if each)
    return one_line(Text.assemble((f"{word:<9} ", "dim"), f"{shown}{more}"))


def _reversed(moment: object) -> str:
    """Return a key by which later moments come first; of unknown ones, last."""
    text = as_time(moment) if moment is not None else ""
    return "".join(chr(0x10FFFF - ord(char)) for char in text) or chr(0x10FFFF)
