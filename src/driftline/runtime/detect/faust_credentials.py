"""Kafka security settings, as librdkafka names them, in the form that Faust and aiokafka take."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from faust.auth import SASLCredentials, SSLCredentials

from driftline.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_KNOWN: Final = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
    }
)


def faust_credentials(security: Mapping[str, str]) -> SASLCredentials | SSLCredentials | None:
    """Return Faust's credentials for librdkafka's security settings; None stands for PLAINTEXT.

    Parameters
    ----------
    security : mapping of str to str
        `security.protocol` (PLAINTEXT where absent), `sasl.mechanism` (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512),
        `sasl.username`, `sasl.password`, `ssl.ca.location`, `ssl.certificate.location`, `ssl.key.location`,
        `ssl.key.password`, `ssl.endpoint.identification.algorithm` (https or none).

    Returns
    -------
    SASLCredentials, SSLCredentials or None
        For `broker_credentials`.

    Raises
    ------
    ParameterError
        A setting or one of its values is not known, or one is missing. Values are never shown.
    """
    unknown = sorted(set(security) - _KNOWN)
    if unknown:
        raise ParameterError(f"security settings out of {', '.join(sorted(_KNOWN))}", unknown, "kafka.security")
    protocol = _one_of(security.get("security.protocol", "PLAINTEXT").upper(), _PROTOCOLS, "security.protocol")
    if protocol == "PLAINTEXT":
        return None
    context = _ssl_context(security) if protocol.endswith("SSL") else None
    if protocol == "SSL":
        return SSLCredentials(context)
    mechanism = security.get("sasl.mechanism", security.get("sasl.mechanisms", "PLAIN")).upper()
    return SASLCredentials(
        username=_required(security, "sasl.username"),
        password=_required(security, "sasl.password"),
        mechanism=_one_of(mechanism, _MECHANISMS, "sasl.mechanism"),
        ssl_context=context,
    )


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> str:
    if value not in allowed:
        raise ParameterError(f"one of {', '.join(allowed)}", value, name)
    return value


def _required(security: Mapping[str, str], name: str) -> str:
    value = security.get(name)
    if not value:
        raise ParameterError(f"a value, because {security['security.protocol']} needs one", value, name)
    return value


def _ssl_context(security: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=security.get("ssl.ca.location"))
    verification = security.get("ssl.endpoint.identification.algorithm", "https").lower()
    context.check_hostname = (
        _one_of(verification, ("https", "none"), "ssl.endpoint.identification.algorithm") == "https"
    )
    certificate = security.get("ssl.certificate.location")
    if certificate is not None:
        context.load_cert_chain(certificate, security.get("ssl.key.location"), security.get("ssl.key.password"))
    return context
