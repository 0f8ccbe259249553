"""Kafka's security settings in the form that Faust and aiokafka take."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from faust.auth import SASLCredentials, SSLCredentials

if TYPE_CHECKING:
    from driftline.config.secrets import Credentials
    from driftline.config.settings import SecuritySettings


def faust_credentials(security: SecuritySettings, credentials: Credentials) -> SASLCredentials | SSLCredentials | None:
    """Return Faust's ``broker_credentials``; None stands for PLAINTEXT.

    Raises
    ------
    OSError
        When a certificate or a key cannot be read.
    """
    if security.protocol == "PLAINTEXT":
        return None
    context = _ssl_context(security, credentials) if security.protocol.endswith("SSL") else None
    if security.protocol == "SSL":
        return SSLCredentials(context)
    return SASLCredentials(
        username=credentials.username.reveal() if credentials.username else None,
        password=credentials.password.reveal() if credentials.password else None,
        mechanism=security.mechanism,
        ssl_context=context,
    )


def _ssl_context(security: SecuritySettings, credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=security.ca_file)
    if security.certificate_file is not None:
        password = credentials.key_password.reveal() if credentials.key_password else None
        context.load_cert_chain(security.certificate_file, security.key_file, password)
    return context
