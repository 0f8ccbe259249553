"""The section ``notify``: every mistake has its message, and secrets come from variables and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.load import load_settings
from driftline.config.notify_secrets import resolve_sinks
from driftline.errors import ConfigurationError
from driftline.notify.check import notify_problems

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.settings import Settings


def read(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = tmp_path / "driftline.yaml"
    file.write_text(f"notify:\n{text}", encoding="utf-8")
    return load_settings(file, environ or {}, settings_checks=(notify_problems,))


WHOLE = """
  console: https://console.example.com/{model}
  owners: {"credit-*": risk}
  sinks:
    manager: {alertmanager: {url: "http://alertmanager:9093"}}
    hook:
      webhook: {url_env: DRIFTLINE_HOOK__URL, secret_file: hook-secret, body: '{{"text": "{headline}"}}'}
      rate_limit: {messages: 3, every: 1m}
    duty: {pagerduty: {routing_key_env: DUTY_KEY}, template: {subject: "{model}"}}
    mail:
      email: {host: smtp.example.com, to: [a@example.com], sender: d@example.com, port: 25}
      digest: {below: critical, every: 1d, shift: 7h}
    chat: {apprise: {urls_file: chat-urls}}
  routes:
    - {sinks: [duty], severities: [critical], continue: true}
    - {sinks: [mail, chat], owners: [risk], causes: [data drift, labels]}
    - {sinks: [manager, hook], group_by: [model, cause], group_wait: 30s}
"""


def test_a_whole_section_is_read_and_its_secrets_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hook-secret").write_text("correct horse\n", encoding="utf-8")
    (tmp_path / "chat-urls").write_text("json://a\njson://b\n", encoding="utf-8")
    environ = {"DRIFTLINE_HOOK__URL": "https://hook/secret", "DUTY_KEY": "duty"}
    settings = read(tmp_path, WHOLE, environ)
    assert [sink.kind for sink in settings.notify.sinks.values()] == [
        "alertmanager",
        "webhook",
        "pagerduty",
        "email",
        "apprise",
    ]
    assert settings.notify.routes[0].continue_
    secrets = resolve_sinks(settings.notify, environ, settings.notify.sinks)
    assert {name: {key: each.reveal() for key, each in found.items()} for name, found in secrets.items()} == {
        "manager": {},
        "hook": {"url": "https://hook/secret", "secret": "correct horse"},
        "duty": {"routing_key": "duty"},
        "mail": {},
        "chat": {"urls": "json://a\njson://b"},
    }
    assert "secret" not in repr(secrets["hook"]["url"])


def test_missing_secrets_are_reported_together_and_only_those_of_the_sinks_in_use(tmp_path: Path) -> None:
    settings = read(tmp_path, WHOLE)
    with pytest.raises(ConfigurationError) as caught:
        resolve_sinks(settings.notify, {}, ["hook", "duty"])
    assert [problem.rpartition("at ")[2] for problem in caught.value.problems] == [
        "`$.notify.sinks.hook.webhook.url_env`",
        "`$.notify.sinks.hook.webhook.secret_file`",
        "`$.notify.sinks.duty.pagerduty.routing_key_env`",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  sinks: {a: {}}", "Expected exactly one of `alertmanager`"),
        ("  sinks: {a: {webhook: {url: 'http://h'}, pagerduty: {routing_key_env: K}}}", "got ['webhook', 'pagerduty']"),
        ("  sinks: {a: {webhook: {}}}", "Expected `url` or `url_env` or `url_file`"),
        ("  sinks: {a: {webhook: {url: 'http://h', url_env: U}}}", "Expected one of `url`, `url_env`, not several"),
        ("  sinks: {a: {webhook: {url: 'ftp://h'}}}", "Expected a URL with http or https"),
        ("  sinks: {a: {webhook: {url: 'http://u:p4ss@h'}}}", "without user name and password"),
        ("  sinks: {a: {webhook: {url: 'http://h', body: '{title}'}}}", "Expected JSON with placeholders"),
        ("  sinks: {a: {webhook: {url: 'http://h', body: '{{\"a\": \"{titel}\"}}'}}}", "got '{titel}'"),
        ("  sinks: {a: {pagerduty: {}}}", "Expected `routing_key_env` or `routing_key_file`"),
        ("  sinks: {a: {pagerduty: {routing_key_env: K}, digest: {}}}", "Expected no `digest`"),
        ("  sinks: {a: {apprise: {}}}", "Expected `urls_env` or `urls_file`"),
        ("  sinks: {a: {alertmanager: {url: 'http://h'}, rate_limit: {messages: 2}}}", "Expected no `rate_limit`"),
        ("  sinks: {a: {alertmanager: {url: 'http://h', interval: 0s}}}", "`$.notify.sinks.a.alertmanager.interval`"),
        ("  sinks: {a: {alertmanager: {url: 'http://h', username_env: U}}}", "a user name and a password together"),
        ("  sinks: {a: {email: {host: h, to: [], sender: a@b}}}", "Expected at least one address"),
        ('  sinks: {a: {email: {host: h, to: ["a@b\\nBcc: c@d"], sender: a@b}}}', "Expected an address such as"),
        ("  sinks: {a: {email: {host: 'h:25', to: [a@b], sender: a@b}}}", "Expected the name or address of a mail"),
        ("  sinks: {a: {webhook: {url: 'http://h'}, timeout: 5m}}", "Expected at most 2m"),
        ("  sinks: {a: {webhook: {url: 'http://h'}, retry: {first: 2m}}}", "Expected at least `retry.first` (2m)"),
        ("  sinks: {a: {webhook: {url: 'http://h'}, digest: {every: 1h, shift: 2h}}}", "less than `digest.every` (1h)"),
        ("  sinks: {a: {webhook: {url: 'http://h'}, template: {body: 'a } b'}}}", "Expected two braces"),
        ("  sinks: {'a b': {webhook: {url: 'http://h'}}}", "Expected a name of up to 60 letters"),
        ("  routes: [{sinks: [b]}]", "Expected the name of a sink (none is configured), got 'b'"),
        ("  routes: [{sinks: [], owners: [risk]}]", "Expected an owner of `notify.owners` (none is configured)"),
        ("  routes: [{sinks: [], causes: [datadrift]}]", "Expected one of `data drift`"),
        ("  routes: [{sinks: [], group_wait: 2h}]", "Expected at most 1h"),
        (
            "  routes: [{sinks: []}]\n  sinks: {a: {webhook: {url: 'http://h'}}}",
            "Expected a route that names this sink",
        ),
        ("  console: 'http://h/{message}'", "got '{message}' - at `$.notify.console`"),
    ],
)
def test_each_mistake_has_its_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1, caught.value.problems
    assert "p4ss" not in str(caught.value)
