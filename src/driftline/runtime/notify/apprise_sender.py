"""Tells chat, SMS and other services through Apprise, an optional dependency."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from driftline.config.secrets import Secret
from driftline.errors import ConfigurationError
from driftline.notify.alert import SEVERITIES
from driftline.notify.escaping import plain
from driftline.runtime.notify.outcome import DELIVERED, Outcome, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.notify.message import Message
    from driftline.notify.words import Wording, Words

_SHOWN: Final = 300
"""Characters of Apprise's own words that a message shows."""
_ALL_URLS_S: Final = 60
"""Begin with no further URL after this long: the consumer must stay in its group."""
_KINDS: Final = dict(zip(SEVERITIES, ("info", "warning", "failure"), strict=True))
_SEPARATORS: Final = re.compile(r"[:/@?&=,\s]+")


class _Warnings(logging.Handler):
    """Keeps what Apprise warns of while it sends."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(record.getMessage())


class _Service:
    """One Apprise URL. A call that does not return in time is awaited before the next begins."""

    def __init__(self, url: str, place: str) -> None:
        apprise = _apprise(place)
        self._apprise = apprise.Apprise()
        self._text_format = apprise.NotifyFormat.TEXT
        self._secrets = [Secret(url), *(Secret(part) for part in _SEPARATORS.split(url))]
        self._thread: threading.Thread | None = None
        self._result: bool | None = None
        if not self._apprise.add(url):
            problem = f"Expected an Apprise URL, got one that Apprise does not take - at `{place}`"
            raise ConfigurationError((problem,), "The configuration of notifications")

    def send(self, words: Words, kind: str, timeout_s: float) -> Outcome:
        """Try once, for a limited time."""
        if self._thread is not None and self._thread.is_alive():
            return Outcome("the attempt before this one has not returned yet")
        warnings, logger = _Warnings(), logging.getLogger("apprise")
        logger.addHandler(warnings)
        try:
            self._thread = threading.Thread(target=self._notify, args=(words, kind), name="apprise", daemon=True)
            self._result = None
            self._thread.start()
            self._thread.join(timeout_s)
        finally:
            logger.removeHandler(warnings)
        if self._thread.is_alive():
            return Outcome(f"no answer within {timeout_s:g} s")
        if self._result:
            return DELIVERED
        reason = "; ".join(warnings.lines) or "no reason given"
        return Outcome(plain(without_secrets(f"Apprise could not deliver it: {reason}", self._secrets), _SHOWN))

    def _notify(self, words: Words, kind: str) -> None:
        self._result = bool(
            self._apprise.notify(title=words.subject, body=words.body, notify_type=kind, body_format=self._text_format)
        )


class AppriseSender:
    """Sends each message to every URL; one that has taken it is left out when the others are tried again.

    Raises
    ------
    ConfigurationError
        When Apprise is not installed, or does not take a URL.
    """

    def __init__(self, urls: Secret, wording: Wording, timeout_s: float, place: str) -> None:
        self._services = [_Service(url, place) for url in urls.reveal().split()]
        self._wording = wording
        self._timeout_s = timeout_s
        self._key = ""
        self._taken: set[int] = set()
        logger = logging.getLogger("apprise")
        logger.propagate = False  # its lines may contain parts of URLs
        logger.addHandler(logging.NullHandler())

    def send(self, message: Message, now_s: float) -> Outcome:  # noqa: ARG002  # of the interface
        """Send one message to the services that have not taken it."""
        if message.key != self._key:
            self._key, self._taken = message.key, set()
        words, kind = self._wording.words(message), _kind(message)
        problems = list(self._problems(words, kind))
        return Outcome("; ".join(problems)) if problems else DELIVERED

    def _problems(self, words: Words, kind: str) -> Iterator[str]:
        end_s = time.monotonic() + _ALL_URLS_S
        for index, service in enumerate(self._services):
            if index in self._taken:
                continue
            if time.monotonic() > end_s:
                yield f"URL {index + 1}: not tried yet"
                return
            problem = service.send(words, kind, self._timeout_s).problem
            if problem is None:
                self._taken.add(index)
            else:
                yield f"URL {index + 1}: {problem}"


def _kind(message: Message) -> str:
    """Return Apprise's type of message, which services show as a colour or symbol."""
    if message.is_over:
        return "success"
    if message.page is not None:
        return _KINDS[message.page.severity]
    worst = max(SEVERITIES.index(entry.alert.severity) for entry in message.entries)
    return _KINDS[SEVERITIES[worst]]


def _apprise(place: str) -> Any:  # noqa: ANN401  # the module itself, which need not be there
    try:
        import apprise  # noqa: PLC0415  # optional
    except ImportError as error:
        problem = f"The sink needs Apprise, which is not installed: `pip install 'driftline[notify]'` - at `{place}`"
        raise ConfigurationError((problem,), "The configuration of notifications") from error
    return apprise
