"""What people read, and that names of alerts stay names wherever they are shown."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from driftline.config.notify_settings import EmailSettings, NotifySettings, Template
from driftline.notify.escaping import for_chat, plain, unchanged
from driftline.notify.message import Message, restated, single
from driftline.notify.payloads.alertmanager import Times, labels, news_body, open_body
from driftline.notify.payloads.mail import mail
from driftline.notify.payloads.pagerduty import event_body
from driftline.notify.payloads.webhook import document, from_template
from driftline.notify.routing import Router
from driftline.notify.words import Wording
from tests.support.alerts import HOSTILE, alert, alert_fields, entry, resolved, updated

if TYPE_CHECKING:
    from collections.abc import Callable

CONSOLE = "https://console.example.com/{model}?alert={alert_id}"
EMAIL = EmailSettings(host="localhost", to=("a@example.com", "b@example.com"), sender="driftline@example.com")
NOW_S = 1_800_000_000.0


def wording(
    template: Template | None = None, escape: Callable[[str], str] = unchanged, *, console: str | None = CONSOLE
) -> Wording:
    router = Router(NotifySettings(owners={"credit-*": "risk team"}))
    return Wording(template or Template(), router, console, escape, max_alerts=3)


def hostile(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any field of an alert
    names = dict.fromkeys(
        ("model", "model_version", "segment", "title", "sentence", "message", "notified_for"), HOSTILE
    )
    return alert_fields(**{**names, "findings": [{"message": HOSTILE}], **changes})


def test_the_words_of_one_alert() -> None:
    words = wording().words(single(entry()))
    assert words.subject == "[critical] credit-risk 3: data drift in income"
    assert words.url == "https://console.example.com/credit-risk?alert=a1"
    assert words.body.splitlines() == [
        "income: PSI 0.84",
        "",
        "Model: credit-risk 3",
        "Owner: risk team",
        "Cause: data drift",
        "Severity: critical",
        "Since: 2026-03-01T12:00:00.000Z",
        "Opened: 2026-03-01T13:00:00.000Z",
        "Console: https://console.example.com/credit-risk?alert=a1",
        "Alert: a1/notification-1",
    ]


def test_the_sentence_comes_first_and_the_evidence_after_it() -> None:
    said = "Since between 12:00 and 13:00, `income` has moved. Look first at `income`."
    words = wording().words(single(entry(fields=alert_fields(sentence=said))))
    assert words.body.splitlines()[:4] == [said, "", "income: PSI 0.84", ""]
    group = wording().words(Message("group", (entry(fields=alert_fields(sentence=said)),) * 2))
    assert f"  {said}" in group.body.splitlines()
    own = wording(Template(body="{sentence}")).words(single(entry(fields=alert_fields(sentence=said))))
    assert own.body == said


def test_a_sink_that_hears_late_of_an_alert_that_notified_nobody_is_told_no_reason() -> None:
    late = updated(notified_for="none", notification=1)
    assert wording().words(single(entry("again", fields=late))).subject == (
        "[critical] credit-risk 3: data drift in income"
    )


def test_a_subject_says_what_happened() -> None:
    worse = alert_fields(notification=2, revision=2, notified_for="more severe")
    subjects = [
        wording().words(single(each)).subject.partition(": ")[2]
        for each in (entry("again", worse), entry("updated", updated()), entry("resolved", resolved()))
    ]
    assert subjects == [
        "more severe: data drift in income",
        "changed: data drift in income",
        "resolved: data drift in income",
    ]


def test_a_message_about_several_alerts_says_how_many_and_which() -> None:
    entries = tuple(
        entry(fields=alert_fields(f"a{number}", model=f"model-{number}", severity=severity))
        for number, severity in enumerate(["info", "warning", "critical", "info"])
    )
    words = wording().words(Message("group", entries))
    assert words.subject == "[critical] 4 alerts opened: model-0, model-1, model-2 and 1 more"
    lines = words.body.splitlines()
    assert lines[:5] == [
        "4 alerts opened:",
        "",
        "- [info] model-0 3: data drift in income",
        "  income: PSI 0.84",
        "  https://console.example.com/model-0?alert=a0",
    ]
    assert lines[-1] == "and 1 more: `driftline notify --dry-run` lists the open ones"
    burst = wording().words(Message("burst", (entry(), entry("resolved", resolved()))))
    assert burst.subject == "[critical] 1 alert held back by the rate limit: credit-risk"
    assert burst.body.startswith("1 alert held back by the rate limit, 2 messages in one:")


def test_an_operators_template() -> None:
    template = Template("{{{owner}}} {model}", "{title} / {resolved_at} / {news} / {reason}")
    words = wording(template).words(single(entry("resolved", resolved())))
    assert words[:2] == (
        "{risk team} credit-risk",
        "data drift in income (resolved) / 2026-03-01T15:00:00.000Z / resolved / opened",
    )


def test_a_hostile_name_is_one_line_of_visible_characters() -> None:
    shown = plain(HOSTILE)
    assert shown == "<!channel> <b>x</b> Bcc: evil@example.com @here [y](http://evil) `z` gnp"
    assert shown.isprintable()
    assert plain("\x1b]0;title\x07a\x9b31mb\u2028c\ud800") == "a 31mb c"
    words = wording(console=None).words(single(entry(fields=hostile())))
    assert words.subject.isprintable()
    assert all(line.isprintable() for line in words.body.split("\n"))


def test_a_hostile_name_is_no_markup_in_chat() -> None:
    words = wording(escape=for_chat).words(single(entry(fields=hostile())))
    group = wording(escape=for_chat).words(Message("group", (entry(fields=hostile()),) * 2))
    for text in (words.subject, words.body, group.subject, group.body):
        without_links = text.replace(words.url, "")
        assert not set("<>`") & set(without_links.replace("`driftline notify --dry-run`", ""))
        assert "](" not in text
        assert all(after.startswith("\u200b") for after in without_links.split("@")[1:])


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


def test_a_hostile_name_is_neither_header_nor_html_in_a_mail() -> None:
    result = mail(single(entry(fields=hostile(alert_id=HOSTILE))), wording(), EMAIL, NOW_S)
    head = bytes(result).partition(b"\r\n\r\n")[0]
    assert b"\nBcc" not in head
    assert result["To"] == "a@example.com, b@example.com"
    assert HOSTILE.partition("\r")[0] in str(result["Subject"])
    html = result.get_body(("html",))
    assert html is not None
    tags = _Tags()
    tags.feed(html.get_content())
    assert [tag for tag, _ in tags.found] == ["div", "p", "a"]
    (link,) = [value for tag, attributes in tags.found for name, value in attributes if name == "href"]
    assert link is not None
    assert link.startswith("https://console.example.com/%3C%21channel%3E")


def test_mails_about_one_alert_are_a_thread() -> None:
    news = [entry(), entry("again", alert_fields(notification=2, revision=2)), entry("resolved", resolved())]
    mails = [mail(single(each), wording(), EMAIL, NOW_S) for each in news]
    assert [each["Message-ID"] for each in mails] == [
        "<a1.notification-1@example.com>",
        "<a1.notification-2@example.com>",
        "<a1.resolved@example.com>",
    ]
    assert [each["In-Reply-To"] for each in mails] == [None, mails[0]["Message-ID"], mails[0]["Message-ID"]]
    assert [each["References"] for each in mails] == [each["In-Reply-To"] for each in mails]


def test_an_open_alert_as_alertmanager_takes_it() -> None:
    times = Times(NOW_S, NOW_S + 240)
    (posted,) = json.loads(news_body(entry(), wording(), times))
    assert posted["labels"] == {
        "alertname": "DriftlineDataDrift",
        "alert_id": "a1",
        "model": "credit-risk",
        "version": "3",
        "segment": "all",
        "cause": "data drift",
        "severity": "critical",
        "group": "a1",
    }
    assert posted["startsAt"] == "2026-03-01T13:00:00.000Z"
    assert posted["endsAt"] == "2027-01-15T08:04:00.000Z"
    assert posted["generatorURL"] == "https://console.example.com/credit-risk?alert=a1"
    assert posted["annotations"]["summary"] == "[critical] credit-risk 3: data drift in income"
    assert json.loads(open_body([restated(alert())], wording(), times)) == [posted]
    assert "version" not in labels(alert(model_version=""), "info")


def test_alertmanager_hears_of_an_end_and_of_the_end_of_lower_severities() -> None:
    posted = json.loads(news_body(entry("resolved", resolved()), wording(console=None), Times(NOW_S, NOW_S + 240)))
    assert [each["labels"]["severity"] for each in posted] == ["critical", "info", "warning"]
    assert [each["endsAt"] for each in posted] == ["2026-03-01T15:00:00.000Z", *["2027-01-15T08:00:00.000Z"] * 2]
    assert "generatorURL" not in posted[0]
    early = Times(0.0, 240.0)
    (start,) = json.loads(open_body([restated(alert())], wording(), early))
    assert (start["startsAt"], start["endsAt"]) == ("1970-01-01T00:00:00.000Z", "1970-01-01T00:04:00.000Z")
    whenever = restated(alert(opened_at="whenever"))
    assert json.loads(open_body([whenever], wording(), early))[0]["startsAt"] == start["startsAt"]


def test_an_incident_is_triggered_and_resolved_by_the_alerts_id() -> None:
    opened, ended = (
        json.loads(event_body(single(each), wording(), "key")) for each in (entry(), entry("resolved", resolved()))
    )
    assert [each["event_action"] for each in (opened, ended)] == ["trigger", "resolve"]
    assert {each["dedup_key"] for each in (opened, ended)} == {"a1"}
    assert opened["routing_key"] == "key"
    assert opened["payload"]["severity"] == "critical"
    assert opened["payload"]["class"] == "data drift"
    assert opened["payload"]["custom_details"]["findings"] == ["income: PSI 0.84"]
    assert opened["links"] == [{"href": opened["client_url"], "text": "driftline"}]
    assert "links" not in json.loads(event_body(single(entry()), wording(console=None), "key"))


def test_a_webhook_gets_the_words_and_the_alert_as_it_is() -> None:
    found = json.loads(document(single(entry(fields=hostile())), wording()))
    assert found["version"] == 1
    assert (found["kind"], found["key"]) == ("single", "a1/notification-1")
    assert found["alerts"][0]["alert"] == hostile()
    assert found["alerts"][0]["news"] == "opened"


@pytest.mark.parametrize("kind", ["single", "group"])
def test_an_operators_json_stays_json_whatever_the_names_are(kind: str) -> None:
    template = '{{"text": "{model}: {headline}", "long": "{text}", "key": "{key}"}}'
    nasty = hostile(model='a"b\\', title='"}], "x": [{"')
    message = Message("group", (entry(fields=nasty),) * 2) if kind == "group" else single(entry(fields=nasty))
    found = json.loads(from_template(template, message, wording()))
    assert found.keys() == {"text", "long", "key"}
    assert found["text"].startswith('a"b\\: ')
    assert found["key"] == message.key


def test_an_alert_that_is_stated_again_has_the_key_of_its_notification() -> None:
    assert restated(alert()).key == "a1/notification-1"
    assert restated(alert(notification=3)).news == "again"


def test_the_alert_of_the_label_stream_has_no_model_and_still_a_subject() -> None:
    fields = alert_fields(model="", model_version="", cause="labels", title="no labels come")
    assert wording().words(single(entry(fields=fields))).subject == "[critical] the label stream: no labels come"
