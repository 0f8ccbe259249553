"""The settings of ``driftline notify``: sinks, and the routes by which alerts reach them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from driftline.config.durations import Duration

AlertSeverity = Literal["info", "warning", "critical"]
GroupField = Literal["model", "model_version", "segment", "cause", "severity", "owner"]


class AlertmanagerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A Prometheus Alertmanager. Open alerts are posted again and again, resolved ones with their end."""

    url: str
    """Base URL, such as `http://alertmanager:9093`; each member of a cluster is a sink of its own."""
    interval: Duration = Duration(60_000)
    """Interval at which open alerts are sent again. Alertmanager resolves an alert after four intervals without it."""
    username_env: str | None = None
    """Environment variable that holds the user name, if Alertmanager asks for one."""
    username_file: str | None = None
    """File that holds the user name."""
    password_env: str | None = None
    """Environment variable that holds the password."""
    password_file: str | None = None
    """File that holds the password."""
    ca_file: str | None = None
    """CA certificates (PEM) that verify the server; the system's own by default."""


class WebhookSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An HTTP endpoint that gets a JSON document, signed if there is a `secret`."""

    url: str | None = None
    """URL; name it in `url_env` or `url_file` if it contains a secret."""
    url_env: str | None = None
    """Environment variable that holds the URL."""
    url_file: str | None = None
    """File that holds the URL."""
    secret_env: str | None = None
    """Environment variable that holds the key of the signature."""
    secret_file: str | None = None
    """File that holds the key of the signature."""
    token_env: str | None = None
    """Environment variable that holds a bearer token for the header `Authorization`."""
    token_file: str | None = None
    """File that holds a bearer token."""
    ca_file: str | None = None
    """CA certificates (PEM) that verify the server; the system's own by default."""
    body: str | None = None
    """JSON to send instead of driftline's own document, with [placeholders](notify.md#templates) inside its texts."""


class PagerDutySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """PagerDuty, or whatever takes events of its Events API v2."""

    routing_key_env: str | None = None
    """Environment variable that holds the integration's routing key."""
    routing_key_file: str | None = None
    """File that holds the integration's routing key."""
    url: str = "https://events.pagerduty.com/v2/enqueue"
    """Where events are posted; `https://events.eu.pagerduty.com/v2/enqueue` in the EU."""
    ca_file: str | None = None
    """CA certificates (PEM) that verify the server; the system's own by default."""


class EmailSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """E-mail by SMTP. Messages about one alert form a thread."""

    host: str
    """Mail server."""
    to: tuple[str, ...]
    """Addresses of the recipients."""
    sender: str
    """Address that the mails come from."""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    """Port of the mail server."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """Encryption; `tls` from the first byte on, usually on port 465."""
    username_env: str | None = None
    """Environment variable that holds the user name, if the server asks for one."""
    username_file: str | None = None
    """File that holds the user name."""
    password_env: str | None = None
    """Environment variable that holds the password."""
    password_file: str | None = None
    """File that holds the password."""
    ca_file: str | None = None
    """CA certificates (PEM) that verify the server; the system's own by default."""


class AppriseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Chat, SMS and other services through [Apprise](https://github.com/caronc/apprise), which is installed with
    `driftline[notify]`.
    """

    urls_env: str | None = None
    """Environment variable that holds one Apprise URL or several, separated by spaces; they contain secrets."""
    urls_file: str | None = None
    """File that holds Apprise URLs, one a line."""


class RetrySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Attempts to deliver one message."""

    first: Duration = Duration(1_000)
    """Longest wait after the first failure; it doubles with each further one. The wait is random up to there."""
    longest: Duration = Duration(60_000)
    """Longest wait between two attempts, unless the sink asks for more (`Retry-After`)."""
    give_up_after: Duration = Duration(3_600_000)
    """Time since the first attempt after which the message becomes a dead letter."""


class RateLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """Maximum number of messages in any span of time; what exceeds it is sent later, as one message."""

    messages: Annotated[int, Meta(ge=1, le=10_000)] = 30
    """Number of messages."""
    every: Duration = Duration(60_000)
    """Span of time."""


class DigestSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is not urgent, collected and sent as one message."""

    below: Literal["warning", "critical"] = "critical"
    """Alerts of a lower severity are collected."""
    every: Duration = Duration(86_400_000)
    """Interval of the digests, counted from midnight UTC."""
    shift: Duration = Duration(0)
    """Shift of the digests' times, such as `7h` for 7:00 UTC."""


class Template(Struct, frozen=True, forbid_unknown_fields=True):
    """Words of the messages for people, with [placeholders](notify.md#templates)."""

    subject: str = "[{severity}] {model_label}: {headline}"
    """Subject of a mail, title of a chat message, summary of an incident."""
    body: str = "{text}"
    """Text of a mail or chat message, description of an alert."""


class SinkSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A place where people or programs are told of alerts; each has one of the sections below."""

    alertmanager: AlertmanagerSettings | None = None
    webhook: WebhookSettings | None = None
    pagerduty: PagerDutySettings | None = None
    email: EmailSettings | None = None
    apprise: AppriseSettings | None = None
    updates: bool = False
    """Whether every change of an alert is sent, not only notifications and resolutions. Alertmanager gets all."""
    fleet: bool = False
    """Whether alerts outside the [fleet's set](fleet.md) are held back, until they are in it or are resolved."""
    timeout: Duration = Duration(10_000)
    """Maximum time of one attempt."""
    retry: RetrySettings = RetrySettings()
    rate_limit: RateLimit = RateLimit()
    digest: DigestSettings | None = None
    template: Template = Template()

    @property
    def kind(self) -> str:
        """Name of the section that says what this sink is; empty where there is none."""
        return next((name for name in SINK_KINDS if getattr(self, name) is not None), "")

    @property
    def of_single_alerts(self) -> bool:
        """Whether the receiver keeps the state of each alert, so that several must not become one message."""
        return self.kind in {"alertmanager", "pagerduty"}


SINK_KINDS = ("alertmanager", "webhook", "pagerduty", "email", "apprise")
"""The sections of which a sink has exactly one."""


class RouteSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule that sends alerts to sinks; the first route that matches an alert takes it."""

    sinks: tuple[str, ...]
    """Names of the sinks; none to send nothing."""
    name: str | None = None
    """Name for the table of `--dry-run`; its number by default."""
    severities: tuple[AlertSeverity, ...] = ()
    """Severities that match; all by default."""
    models: tuple[str, ...] = ()
    """Names of models, with `*` and `?`; all by default."""
    owners: tuple[str, ...] = ()
    """Owners, as `notify.owners` names them; all by default."""
    causes: tuple[str, ...] = ()
    """Causes, such as `data drift`; all by default."""
    continue_: bool = field(name="continue", default=False)
    """Whether later routes are tried too."""
    group_by: tuple[GroupField, ...] = ("model",)
    """Alerts that open at nearly the same time and agree in these fields make one message."""
    group_wait: Duration = Duration(30_000)
    """How long an opening waits for others of its group, and for
    [the same problem at other models](notify.md#one-page-for-many-models); `0s` sends each at once."""


class NotifySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What `driftline notify` sends, and where to ([notifications](notify.md))."""

    sinks: dict[str, SinkSettings] = field(default_factory=dict)
    """Sinks by name."""
    routes: tuple[RouteSettings, ...] = ()
    """Rules, tried in order. Without any, every alert goes to every sink."""
    owners: dict[str, str] = field(default_factory=dict)
    """Owner by the name of a model, with `*` and `?`; the first that matches counts."""
    console: str | None = None
    """URL of a page about an alert, such as `https://grafana.example.com/d/driftline?var-model={model}`."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 9109
    """Port of the notifier's /metrics, /healthz and /readyz, on `telemetry.host`; 0 picks a free one."""
