"""The words of a message for people: subject, text and link, made of an alert's fields by the operator's template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.notify.alert import SEVERITIES
from driftline.notify.escaping import for_url, one_line, plain, unchanged
from driftline.notify.template import fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.config.notify_settings import Template
    from driftline.notify.alert import Alert
    from driftline.notify.message import Entry, Message, News
    from driftline.notify.page import PageView
    from driftline.notify.routing import Router

MAX_SUBJECT: Final = 200
"""Characters of a subject."""
MAX_NAME: Final = 200
"""Characters of a name: models, segments, owners."""
_MAX_LINE: Final = 1_000
"""Characters of an alert's sentence in a message about several alerts."""
_SHOWN_MODELS: Final = 3
_VERBS: Final = {"group": "opened", "burst": "held back by the rate limit", "digest": "in the digest"}


class Words(NamedTuple):
    """What people read; ``url`` is empty where no console is configured."""

    subject: str
    body: str
    url: str


class Wording:
    """Finds the words for messages.

    Parameters
    ----------
    template : Template
    router : Router
        Knows the owners.
    console : str or None
        Template of the address of a page about an alert.
    escape : callable
        Makes a value harmless where it will be shown; see :mod:`driftline.notify.escaping`.
    max_alerts : int
        Alerts that a message about several lists; it says how many more there are.
    """

    def __init__(
        self,
        template: Template,
        router: Router,
        console: str | None,
        escape: Callable[[str], str] = unchanged,
        max_alerts: int = 200,
    ) -> None:
        self._template = template
        self._router = router
        self._console = console
        self._escape = escape
        self._max_alerts = max_alerts

    def words(self, message: Message) -> Words:
        """Return the words for a message."""
        if message.kind in {"single", "page"}:
            return self._filled(self.message_values(message))
        return Words(self._subject_of_several(message), self._body_of_several(message), "")

    def of_entry(self, entry: Entry) -> Words:
        """Return the words for one entry."""
        return self._filled(self.values(entry))

    def message_values(self, message: Message) -> dict[str, str]:
        """Return what placeholders stand for in a message of one alert or of one page; of several, in the latest."""
        entry, page = message.entries[-1], message.page
        if page is None:
            return self.values(entry)
        values = self.values(message.entries[0]) | {
            "severity": page.severity,
            "state": "resolved" if message.is_over else "open",
            "title": self._escape(plain(page.title)),
            "since": self._escape(plain(page.since, MAX_NAME)),
            "model_label": _n_models(page),
            "models": self._models(page),
            "group": self._escape(plain(page.page_id, MAX_NAME)),
            "key": self._escape(plain(message.key, MAX_NAME)),
        }
        values["headline"] = self._page_headline(message, page, values)
        values["text"] = self._page_text(message, page, values)
        return values

    def _filled(self, values: dict[str, str]) -> Words:
        subject = fill(self._template.subject, values, unchanged)
        return Words(one_line(subject, MAX_SUBJECT), fill(self._template.body, values, unchanged), values["url"])

    def values(self, entry: Entry) -> dict[str, str]:
        """Return what the placeholders of a template stand for; each value is escaped."""
        alert = entry.alert
        raw = {
            "model": plain(alert.model, MAX_NAME) or "the label stream",
            "model_version": plain(alert.model_version, MAX_NAME),
            "segment": plain(alert.segment, MAX_NAME),
            "owner": plain(self._router.owner(alert.model), MAX_NAME),
            "cause": plain(alert.cause, MAX_NAME),
            "severity": alert.severity,
            "state": alert.state,
            "news": entry.news,
            "reason": "" if alert.notified_for == "none" else plain(alert.notified_for, MAX_NAME),
            "title": plain(alert.title),
            "sentence": plain(alert.sentence or alert.message),
            "message": plain(alert.message),
            "opened_at": plain(alert.opened_at, MAX_NAME),
            "updated_at": plain(alert.updated_at, MAX_NAME),
            "resolved_at": plain(alert.resolved_at or "", MAX_NAME),
            "since": plain(alert.since, MAX_NAME),
            "alert_id": plain(alert.alert_id, MAX_NAME),
            "group": plain(entry.page or alert.alert_id, MAX_NAME),
            "models": plain(f"{alert.model} {alert.model_version}".rstrip(), MAX_NAME),
            "key": plain(entry.key, MAX_NAME),
        }
        values = {name: self._escape(value) for name, value in raw.items()}
        values["model_label"] = f"{values['model']} {values['model_version']}".rstrip()
        values["headline"] = _headline(entry, values)
        values["url"] = self.url(alert)
        values["text"] = self._text(entry, values)
        return values

    def url(self, alert: Alert) -> str:
        """Return the address of the page about an alert; empty where none is configured."""
        return console_url(self._console, alert, self._router)

    def _models(self, page: PageView) -> str:
        """Return the models of a page in one line."""
        names = ", ".join(self._escape(plain(name, MAX_NAME)) for name in page.models)
        return f"{names} and {page.n_more} more" if page.n_more else names

    def _page_headline(self, message: Message, page: PageView, values: dict[str, str]) -> str:
        news, words = message.entries[-1].news, f"{values['title']}, since {values['since']}"
        if message.is_over:
            return f"resolved: {words}"
        if news == "resolved":
            return f"{page.n_alerts - page.n_open} of {page.n_alerts} resolved: {words}"
        if news == "again" and message.entries[-1].joins:
            return f"more severe: {words}"
        return _prefixed(news, values | {"title": words})

    def _page_text(self, message: Message, page: PageView, values: dict[str, str]) -> str:
        """Return the text about a page: what the worst alert of the message says, then the facts."""
        own = self.values(max(message.entries, key=lambda each: SEVERITIES.index(each.alert.severity)))
        facts = {
            "Models": values["models"],
            "Open": f"{page.n_open} of {page.n_alerts} alerts",
            "Cause": values["cause"],
            "Severity": values["severity"],
            "Since": values["since"],
            "Console": values["url"],
            "Group": values["group"],
            "Alert": values["key"],
        }
        return "\n".join(
            [
                f"{values['model_label']}: {values['headline']}",
                "",
                f"{own['model_label']}: {own['sentence']}",
                *([own["message"]] if own["message"] != own["sentence"] else ()),
                "",
                *(f"{name}: {value}" for name, value in facts.items() if value),
            ]
        )

    def _text(self, entry: Entry, values: dict[str, str]) -> str:
        alert = entry.alert
        found = [self._escape(plain(finding.message)) for finding in alert.findings if finding.message]
        evidence = found if alert.is_open and found else [values["message"]]
        lines = [values["sentence"], "", *evidence] if alert.sentence else evidence
        facts = {
            "Model": values["model_label"],
            "Segment": values["segment"] if alert.segment != "all" else "",
            "Owner": values["owner"],
            "Cause": values["cause"],
            "Severity": values["severity"],
            "Since": values["since"],
            "Opened": values["opened_at"],
            "Resolved": values["resolved_at"],
            "Console": values["url"],
            "Alert": values["key"],
        }
        return "\n".join([*lines, "", *(f"{name}: {value}" for name, value in facts.items() if value)])

    def _subject_of_several(self, message: Message) -> str:
        alerts = [entry.alert for entry in message.entries]
        worst = SEVERITIES[max(SEVERITIES.index(alert.severity) for alert in alerts)]
        models = list(dict.fromkeys(self._escape(plain(alert.model, MAX_NAME)) for alert in alerts))
        names = ", ".join(models[:_SHOWN_MODELS])
        more = f" and {len(models) - _SHOWN_MODELS} more" if len(models) > _SHOWN_MODELS else ""
        return one_line(f"[{worst}] {_n_alerts(message)} {_VERBS[message.kind]}: {names}{more}", MAX_SUBJECT)

    def _body_of_several(self, message: Message) -> str:
        lines = [f"{_n_alerts(message)} {_VERBS[message.kind]}, {len(message.entries)} messages in one:", ""]
        if len({entry.alert.alert_id for entry in message.entries}) == len(message.entries):
            lines[0] = f"{_n_alerts(message)} {_VERBS[message.kind]}:"
        for entry in message.entries[: self._max_alerts]:
            words = self.of_entry(entry)
            lines += [
                f"- {words.subject}",
                f"  {self._escape(plain(entry.alert.sentence or entry.alert.message, _MAX_LINE))}",
            ]
            if words.url:
                lines.append(f"  {words.url}")
        n_more = len(message.entries) - self._max_alerts
        if n_more > 0:
            lines += ["", f"and {n_more} more: `driftline notify --dry-run` lists the open ones"]
        return "\n".join(lines)


def console_url(console: str | None, alert: Alert, router: Router) -> str:
    """Return the address of the page about an alert; empty where none is configured."""
    if console is None:
        return ""
    values = {
        "model": alert.model,
        "model_version": alert.model_version,
        "segment": alert.segment,
        "cause": alert.cause,
        "alert_id": alert.alert_id,
        "owner": router.owner(alert.model),
        "severity": alert.severity,
    }
    return fill(console, {name: plain(value, MAX_NAME) for name, value in values.items()}, for_url)


def _headline(entry: Entry, values: dict[str, str]) -> str:
    if entry.news == "resolved":
        return f"resolved: {values['title'].removesuffix(' (resolved)')}"
    return _prefixed(entry.news, values)


def _prefixed(news: News, values: dict[str, str]) -> str:
    """Return the title of what is open, with what happened to it."""
    words = {"again": values["reason"] or None, "updated": "changed", "joined": "further model"}.get(news)
    return values["title"] if words is None else f"{words}: {values['title']}"


def _n_models(page: PageView) -> str:
    """Return how many models a page is about; of one model, how many alerts."""
    return f"{page.n_models} models" if page.n_models > 1 else f"{page.n_alerts} alerts of {page.models[0]}"


def _n_alerts(message: Message) -> str:
    n = len({entry.alert.alert_id for entry in message.entries})
    return f"{n} alert{'s' if n != 1 else ''}"
