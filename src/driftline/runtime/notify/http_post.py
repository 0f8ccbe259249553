"""Posts a document over HTTP: one attempt, bounded in time as a whole, and what its answer means.

aiohttp, which Faust needs too, has a limit of the whole time of a request: a server that answers a byte now and then
holds nobody up. It takes the proxies of the environment.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp

from driftline import __version__
from driftline.notify.escaping import plain
from driftline.runtime.notify.outcome import DELIVERED, Outcome, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from driftline.config.secrets import Secret

_SHOWN: Final = 300
"""Characters of an answer that a message shows."""
_MAX_ANSWER_BYTES: Final = 4_096
_ABOUT_THE_SINK: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.LOCKED,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Refusals that say nothing against the message: the same message may be taken later, or when the sink is mended."""


class HttpPost:
    """Posts documents to one sink.

    Parameters
    ----------
    timeout_s : float
        Limit of one request's whole time.
    ca_file : str or None
        Certificates that verify the server; the system's own without.
    headers : mapping of str to str
        Of every request.
    secrets : iterable of Secret
        What must not be shown.
    """

    def __init__(
        self, timeout_s: float, ca_file: str | None, headers: Mapping[str, str], secrets: Iterable[Secret]
    ) -> None:
        self._timeout_s = timeout_s
        self._context = ssl.create_default_context(cafile=ca_file)
        self._headers = {"Content-Type": "application/json", "User-Agent": f"driftline/{__version__}", **headers}
        self._secrets = tuple(secrets)

    def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Outcome:
        """Post a document; return what became of it."""
        try:
            return asyncio.run(self._post(url, body, {**self._headers, **(headers or {})}))
        except TimeoutError:
            return Outcome(f"no answer within {self._timeout_s:g} s")
        except aiohttp.InvalidURL:
            return Outcome("the URL is not valid")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            text = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
            return Outcome(self._shown(f"{type(error).__name__}: {text}" if text else type(error).__name__))

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        limit = aiohttp.ClientTimeout(total=self._timeout_s)
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=True) as session,
            session.post(url, data=body, headers=headers, ssl=self._context, allow_redirects=False) as response,
        ):
            answer = await response.content.read(_MAX_ANSWER_BYTES)
            return self._meaning(response.status, answer, response.headers.get("Retry-After"))

    def _meaning(self, status: int, answer: bytes, retry_after: str | None) -> Outcome:
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return DELIVERED
        reason = self._shown(f"HTTP {status} {answer.decode(errors='replace')}")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return Outcome(f"{reason} (redirections are not followed)")
        is_client_error = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        lasting = is_client_error and status not in _ABOUT_THE_SINK
        return Outcome(reason, lasting, after_s=seconds_asked_for(retry_after, time.time()))

    def _shown(self, text: str) -> str:
        return plain(without_secrets(text, self._secrets), _SHOWN)


def seconds_asked_for(retry_after: str | None, now_s: float) -> float:
    """Return the seconds of a header ``Retry-After`` (RFC 9110): a number or a date; 0 where it is neither.

    Examples
    --------
    >>> seconds_asked_for("120", 0.0), seconds_asked_for("Thu, 01 Jan 1970 00:01:00 GMT", 0.0)
    (120.0, 60.0)
    >>> seconds_asked_for("soon", 0.0), seconds_asked_for(None, 0.0)
    (0.0, 0.0)
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, OverflowError):
        return 0.0
