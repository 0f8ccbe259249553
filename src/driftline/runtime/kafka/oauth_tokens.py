"""Tokens for the mechanism OAUTHBEARER: one source for all clients of a process, renewed before a token expires.

librdkafka asks for a new token after four fifths of a token's life, in a thread of its own; aiokafka asks with each new
connection. Both are given the same token until three quarters of its life have passed.
"""

from __future__ import annotations

import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.config.kafka_settings import OAuthSettings
from driftline.errors import BrokerError
from driftline.runtime.kafka.bearer_token import Token, bearer_token
from driftline.runtime.kafka.token_endpoint import request_token
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.config.kafka_settings import SecuritySettings
    from driftline.config.secrets import Credentials, Secret

_RENEW_RATIO: Final = 0.75
"""Part of a token's life after which it is renewed: before librdkafka asks, at 0.8."""
_RETRY_RATIO: Final = 0.1
"""Part of the remaining life after which a renewal that failed is tried again."""
_RETRY_S: Final = 1.0
_FILE_LIFETIME_S: Final = 60.0
"""After this, a file is read again whose token does not say when it expires."""

_log = get_logger(__name__)

LibrdkafkaToken = tuple[str, float, str, dict[str, str]]
"""Token, time of expiry (epoch seconds), principal and extensions, as confluent-kafka takes them."""


class TokenSource:
    """Gives a token that has not expired, and renews it early; may be used from several threads.

    Parameters
    ----------
    obtain : callable
        Returns a new token; raises BrokerError where there is none.
    extensions : dict of str to str
        SASL extensions that go with each token.
    now : callable
        Epoch seconds.
    """

    def __init__(
        self, obtain: Callable[[], Token], extensions: dict[str, str], now: Callable[[], float] = time.time
    ) -> None:
        self.extensions = extensions
        self._obtain = obtain
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at_s = 0.0

    def token(self) -> Token:
        """Return a valid token.

        Raises
        ------
        BrokerError
            There is none to be had, and the last one has expired.
        """
        with self._lock:
            if self._token is None or self._now() >= self._renew_at_s:
                self._token = self._renewed(self._token)
            return self._token

    def _renewed(self, last: Token | None) -> Token:
        try:
            token = self._obtain()
        except BrokerError as error:
            now = self._now()
            if last is None or now >= last.expires_at_s:
                raise
            left_s = last.expires_at_s - now
            self._renew_at_s = now + max(_RETRY_S, _RETRY_RATIO * left_s)
            _log.warning("the token for Kafka could not be renewed", reason=str(error), expires_in_s=round(left_s))
            return last
        now = self._now()
        self._renew_at_s = now + _RENEW_RATIO * (token.expires_at_s - now)
        return token


def token_source(security: SecuritySettings, credentials: Credentials) -> TokenSource | None:
    """Return the source of tokens for the brokers, the same for the same credentials; None without OAUTHBEARER."""
    if not security.protocol.startswith("SASL") or security.mechanism != "OAUTHBEARER" or security.oauth is None:
        return None
    canonical = msgspec.json.encode(security.oauth, order="sorted")
    return _shared_source(canonical, credentials.client_id, credentials.client_secret)


@lru_cache(maxsize=8)
def _shared_source(canonical: bytes, client_id: Secret | None, client_secret: Secret | None) -> TokenSource:
    oauth = msgspec.json.decode(canonical, type=OAuthSettings)
    if oauth.token_file is not None:
        file = Path(oauth.token_file)
        return TokenSource(lambda: _from_file(file), oauth.extensions)
    return TokenSource(lambda: request_token(oauth, client_id, client_secret), oauth.extensions)


def _from_file(file: Path) -> Token:
    try:
        text = file.read_text(encoding="ascii")
    except OSError as error:
        raise BrokerError(
            f"The file with the token for Kafka cannot be read: {error.strerror} - at `{file}`. "
            "Check `kafka.security.oauth.token_file` and the program that writes the file"
        ) from error
    except UnicodeDecodeError as error:
        raise BrokerError(f"The file has no token for Kafka: it is not ASCII - at `{file}`") from error
    token = bearer_token(text, time.time(), _FILE_LIFETIME_S)
    if token is None:
        raise BrokerError(
            f"The file has no token for Kafka: expected one line of letters, digits and `-._~+/=` - at `{file}`"
        )
    late_s = time.time() - token.expires_at_s
    if late_s >= 0:
        raise BrokerError(
            f"The token for Kafka expired {late_s:.0f} s ago - at `{file}`. "
            "Check that the program which renews the file still runs"
        )
    return token


def librdkafka_callback(source: TokenSource) -> Callable[[str], LibrdkafkaToken]:
    """Return the ``oauth_cb`` of a confluent-kafka client; where it raises, librdkafka asks again after ten seconds."""

    def oauth_cb(_: str) -> LibrdkafkaToken:
        try:
            token = source.token()
        except BrokerError as error:
            _log.warning("no token for Kafka", reason=str(error))
            raise
        return token.secret.reveal(), token.expires_at_s, "", source.extensions

    return oauth_cb
