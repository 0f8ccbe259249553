"""Asks a token endpoint for an access token by the client credentials grant (RFC 6749, section 4.4)."""

from __future__ import annotations

import base64
import http.client
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from driftline.errors import BrokerError
from driftline.runtime.kafka.bearer_token import Token, bearer_token

if TYPE_CHECKING:
    from driftline.config.kafka_settings import OAuthSettings
    from driftline.config.secrets import Secret

_TIMEOUT_S: Final = 10.0
_UNKNOWN_LIFETIME_S: Final = 300.0
"""Life of a token whose endpoint does not say for how long it is valid."""
_MAX_ANSWER_BYTES: Final = 1 << 20
_SHOWN: Final = 200
"""Characters of an answer that a message shows."""


class _Grant(Struct):
    """What an endpoint answers that grants a token (RFC 6749, section 5.1)."""

    access_token: str
    expires_in: float | str | None = None


class _Refusal(Struct):
    """What an endpoint answers that grants none (RFC 6749, section 5.2)."""

    error: str
    error_description: str = ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected request would carry the client's secret to another place."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing: the redirection is then the answer."""


def request_token(oauth: OAuthSettings, client_id: Secret | None, client_secret: Secret | None) -> Token:
    """Return a new token.

    The client authenticates by HTTP Basic, its id and secret as they are, as Kafka's own clients do. Proxies of the
    environment are used.

    Raises
    ------
    BrokerError
        With what the endpoint answered, or why there was no answer.
    """
    if oauth.token_endpoint is None or client_id is None or client_secret is None:
        raise BrokerError("`kafka.security.oauth` needs `token_endpoint`, a client id and a client secret")
    endpoint, asked_at_s = oauth.token_endpoint, time.time()
    client = base64.b64encode(f"{client_id.reveal()}:{client_secret.reveal()}".encode()).decode()
    status, answer = _post(oauth, endpoint, client)
    if status != http.client.OK:
        reason = f"{status} {_refusal(answer, (client, client_secret.reveal()))}".rstrip()
        raise BrokerError(f"The token endpoint granted no token, it answered {reason} - at `{endpoint}`. {_CHECK}")
    try:
        grant = msgspec.json.decode(answer, type=_Grant)
        lifetime_s = None if grant.expires_in is None else float(grant.expires_in)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise BrokerError(
            f"The token endpoint's answer is no grant of a token ({error}) - at `{endpoint}`. {_CHECK}"
        ) from error
    token = bearer_token(grant.access_token, asked_at_s, _UNKNOWN_LIFETIME_S)
    if token is None:
        raise BrokerError(f"The token endpoint's `access_token` is no bearer token - at `{endpoint}`. {_CHECK}")
    if lifetime_s is not None:  # counted by our own clock
        token = Token(token.secret, asked_at_s + lifetime_s)
    if token.expires_at_s <= asked_at_s:
        raise BrokerError(f"The token endpoint granted a token that has expired already - at `{endpoint}`. {_CHECK}")
    return token


_CHECK: Final = "Check `kafka.security.oauth`"


def _post(oauth: OAuthSettings, endpoint: str, client: str) -> tuple[int, bytes]:
    form = {"grant_type": "client_credentials"} | ({} if oauth.scope is None else {"scope": oauth.scope})
    request = urllib.request.Request(  # noqa: S310 - the configuration's rules let http and https through only
        endpoint,
        urllib.parse.urlencode(form).encode(),
        {
            "Accept": "application/json",
            "Authorization": f"Basic {client}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    try:
        context = ssl.create_default_context(cafile=oauth.ca_file)
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=_TIMEOUT_S) as response:
            return int(response.status), response.read(_MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise BrokerError(f"The token endpoint gave no answer: {reason} - at `{endpoint}`. {_CHECK}") from error


def _refusal(answer: bytes, secrets: tuple[str, ...]) -> str:
    """Return an endpoint's own words, in a line, without secrets that it may have repeated."""
    try:
        refusal = msgspec.json.decode(answer, type=_Refusal)
        text = refusal.error + (f" ({refusal.error_description})" if refusal.error_description else "")
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = answer.decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, "***")
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
