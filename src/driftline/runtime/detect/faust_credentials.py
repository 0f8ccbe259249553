"""Kafka's security settings in the form that Faust and aiokafka take."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

from driftline.errors import BrokerError
from driftline.runtime.detect.aiokafka_options import TLS_PROPERTIES
from driftline.runtime.kafka.client_properties import property_text
from driftline.runtime.kafka.oauth_tokens import TokenSource, token_source
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.kafka_settings import ClientValue, KafkaSettings, SecuritySettings
    from driftline.config.secrets import Credentials

_log = get_logger(__name__)


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka publishes no types
    """Gives aiokafka the same tokens as librdkafka; without one, a connection fails and is tried again."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        """Return a valid token; an endpoint is asked in a thread."""
        try:
            token = await asyncio.to_thread(self._source.token)
        except BrokerError as error:
            _log.warning("no token for Kafka", reason=str(error))
            raise KafkaConnectionError(str(error)) from error
        return token.secret.reveal()

    def extensions(self) -> dict[str, str]:
        """Return the SASL extensions that go with each token."""
        return self._source.extensions


def faust_credentials(
    kafka: KafkaSettings, credentials: Credentials
) -> SASLCredentials | OAuthCredentials | SSLCredentials | None:
    """Return Faust's ``broker_credentials``; None stands for PLAINTEXT.

    Raises
    ------
    OSError
        When a certificate or a key cannot be read.
    """
    security = kafka.security
    if security.protocol == "PLAINTEXT":
        return None
    context = _ssl_context(security, credentials, kafka.client) if security.protocol.endswith("SSL") else None
    if security.protocol == "SSL":
        return SSLCredentials(context)
    source = token_source(security, credentials)
    if source is not None:
        return OAuthCredentials(oauth_cb=TokenProvider(source), ssl_context=context)
    return SASLCredentials(
        username=credentials.username.reveal() if credentials.username else None,
        password=credentials.password.reveal() if credentials.password else None,
        mechanism=security.mechanism,
        ssl_context=context,
    )


def _ssl_context(
    security: SecuritySettings, credentials: Credentials, client: Mapping[str, ClientValue]
) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=security.ca_file)
    if security.certificate_file is not None:
        password = credentials.key_password.reveal() if credentials.key_password else None
        context.load_cert_chain(security.certificate_file, security.key_file, password)
    verification, ciphers, names = (property_text(client.get(name, "")) for name in TLS_PROPERTIES)
    if ciphers:
        context.set_ciphers(ciphers)
    if names == "none":
        context.check_hostname = False
    if verification == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
