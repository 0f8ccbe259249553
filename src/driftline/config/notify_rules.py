"""Rules of the section ``notify``: each sink is one thing and complete, and each route leads somewhere."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from driftline.config.durations import Duration
from driftline.config.notify_settings import SINK_KINDS, RateLimit
from driftline.config.places import child, item
from driftline.config.problem import Problem, one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct

    from driftline.config.notify_settings import EmailSettings, NotifySettings, SinkSettings

AT: Final = "$.notify"
LONGEST_ATTEMPT: Final = Duration(120_000)
"""The consumer must read on between two attempts, or else Kafka takes its partitions away after five minutes."""
LONGEST_GROUP_WAIT: Final = Duration(3_600_000)

_SINK_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")
_URL: Final = re.compile(r"https?://[^\s/?#]+[^\s]*", re.ASCII)
_USER: Final = re.compile(r"//[^/]*@")
_ADDRESS: Final = re.compile(r"[^\s@<>,;\x00-\x1f\x7f]+@[^\s@<>,;\x00-\x1f\x7f]+")
_PAIRS: Final = {
    "alertmanager": ("username", "password"),
    "webhook": ("url", "secret", "token"),
    "pagerduty": ("routing_key",),
    "email": ("username", "password"),
    "apprise": ("urls",),
}
"""What each kind of sink reads from a variable or a file."""


def notify_rule_problems(notify: NotifySettings) -> Iterator[Problem]:
    """Yield what is wrong between the settings of ``driftline notify``."""
    for name, sink in notify.sinks.items():
        place = child(f"{AT}.sinks", name)
        if _SINK_NAME.fullmatch(name) is None:
            yield one("a name of up to 60 letters, digits, `.`, `_` or `-`", name, place)
        yield from _sink(sink, place)
    yield from _routes(notify)
    if notify.console is not None:
        yield from url_problems(notify.console, f"{AT}.console")


def url_problems(url: str, path: str) -> Iterator[Problem]:
    """Yield what is wrong with an address."""
    if _USER.search(url.partition("?")[0]):
        shown = _USER.sub("//***@", url)
        yield one("a URL without user name and password, which belong into variables or files", shown, path)
    elif _URL.fullmatch(url) is None:
        yield one("a URL with http or https", url, path)


def _sink(sink: SinkSettings, at: str) -> Iterator[Problem]:
    kinds = [name for name in SINK_KINDS if getattr(sink, name) is not None]
    if len(kinds) != 1:
        wanted = "exactly one of " + ", ".join(f"`{name}`" for name in SINK_KINDS)
        yield one(wanted, kinds, at, *(f"{at}.{name}" for name in SINK_KINDS))
        return
    (kind,) = kinds
    place = f"{at}.{kind}"
    yield from _secrets(getattr(sink, kind), _PAIRS[kind], place)
    url = getattr(getattr(sink, kind), "url", None)
    if url is not None:
        yield from url_problems(url, f"{place}.url")
    if sink.email is not None:
        yield from _email(sink.email, place)
    if sink.alertmanager is not None and sink.alertmanager.interval <= 0:
        yield one("a duration above zero", str(sink.alertmanager.interval), f"{place}.interval")
    if sink.of_single_alerts and sink.digest is not None:
        yield one("no `digest`, as the receiver keeps the state of each alert by itself", kind, f"{at}.digest", place)
    if sink.alertmanager is not None and sink.rate_limit != RateLimit():
        yield one("no `rate_limit`: Alertmanager limits what it sends itself", kind, f"{at}.rate_limit", place)
    yield from _times(sink, at)


def _times(sink: SinkSettings, at: str) -> Iterator[Problem]:
    durations = {
        "timeout": sink.timeout,
        "retry.first": sink.retry.first,
        "retry.longest": sink.retry.longest,
        "rate_limit.every": sink.rate_limit.every,
    }
    if sink.digest is not None:
        durations["digest.every"] = sink.digest.every
    for name, duration in durations.items():
        if duration <= 0:
            yield one("a duration above zero", str(duration), f"{at}.{name}")
    if sink.timeout > LONGEST_ATTEMPT:
        yield one(f"at most {LONGEST_ATTEMPT}", str(sink.timeout), f"{at}.timeout")
    if sink.retry.longest < sink.retry.first:
        expected = f"at least `retry.first` ({sink.retry.first})"
        yield one(expected, str(sink.retry.longest), f"{at}.retry.longest", f"{at}.retry.first")
    if sink.digest is not None and sink.digest.shift >= sink.digest.every > 0:
        expected = f"less than `digest.every` ({sink.digest.every})"
        yield one(expected, str(sink.digest.shift), f"{at}.digest.shift", f"{at}.digest.every")


def _secrets(section: Struct, names: tuple[str, ...], at: str) -> Iterator[Problem]:
    given = {name: _places(section, name, at) for name in names}
    for places in given.values():
        if len(places) > 1:
            named = [f"`{place.rpartition('.')[2]}`" for place in places]
            wanted = f"one of {', '.join(named)}, not several"
            yield one(wanted, len(places), at, *places)
    for name, needed in (("url", "webhook"), ("routing_key", "pagerduty"), ("urls", "apprise")):
        if at.endswith(f".{needed}") and not given[name]:
            ways = [f"`{field}`" for field in section.__struct_fields__ if field in _fields(name)]
            yield one(" or ".join(ways), None, at, *(f"{at}.{field}" for field in _fields(name)))
    if "username" in given and bool(given["username"]) != bool(given["password"]):
        places = [*given["username"], *given["password"]]
        yield one("a user name and a password together, or neither", places[0].rpartition(".")[2], at, *places)


def _fields(name: str) -> tuple[str, str, str]:
    return name, f"{name}_env", f"{name}_file"


def _places(section: Struct, name: str, at: str) -> list[str]:
    return [f"{at}.{field}" for field in _fields(name) if getattr(section, field, None) is not None]


def _email(email: EmailSettings, at: str) -> Iterator[Problem]:
    if not email.to:
        yield one("at least one address", [], f"{at}.to")
    places = chain(
        ((address, item(f"{at}.to", index)) for index, address in enumerate(email.to)),
        [(email.sender, f"{at}.sender")],
    )
    for address, place in places:
        if _ADDRESS.fullmatch(address) is None:
            yield one("an address such as `ml-team@example.com`", address, place, f"{at}.to")
    if not email.host or re.search(r"[\s/:]", email.host):
        yield one("the name or address of a mail server, without port", email.host, f"{at}.host")


def _routes(notify: NotifySettings) -> Iterator[Problem]:
    owners = set(notify.owners.values())
    for index, route in enumerate(notify.routes):
        at = item(f"{AT}.routes", index)
        for name in route.sinks:
            if name not in notify.sinks:
                known = ", ".join(f"`{each}`" for each in notify.sinks) or "none is configured"
                yield one(f"the name of a sink ({known})", name, f"{at}.sinks", f"{AT}.sinks")
        for owner in route.owners:
            if owner not in owners:
                known = ", ".join(f"`{each}`" for each in sorted(owners)) or "none is configured"
                yield one(f"an owner of `notify.owners` ({known})", owner, f"{at}.owners", f"{AT}.owners")
        if route.group_wait > LONGEST_GROUP_WAIT:
            yield one(f"at most {LONGEST_GROUP_WAIT}", str(route.group_wait), f"{at}.group_wait")
    if notify.routes:
        used = {name for route in notify.routes for name in route.sinks}
        for name in notify.sinks:
            if name not in used:
                place = child(f"{AT}.sinks", name)
                yield one("a route that names this sink", name, place, f"{AT}.routes")
