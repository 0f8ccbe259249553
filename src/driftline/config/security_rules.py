"""Rules of the security settings: each mechanism with its credentials, and nothing that would have no effect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from driftline.config.problem import Problem, one
from driftline.errors import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.kafka_settings import OAuthSettings, SecuritySettings

_AT: Final = "$.kafka.security"
_OAUTH: Final = f"{_AT}.oauth"
_URL: Final = re.compile(r"https?://[^\s/?#]+[^\s#]*", re.ASCII)
_EXTENSION_NAME: Final = re.compile(r"[A-Za-z]+")
_EXTENSION_VALUE: Final = re.compile(r"[\x21-\x7e \t\r\n]+")


def security_problems(security: SecuritySettings) -> Iterator[Problem]:
    """Yield what is wrong between the security settings."""
    yield from _either(security, ("username", "password", "key_password"), _AT)
    yield from _sasl(security)
    yield from _certificates(security)
    if security.oauth is not None:
        yield from _oauth(security.oauth)


def _either(settings: SecuritySettings | OAuthSettings, names: tuple[str, ...], at: str) -> Iterator[Problem]:
    for name in names:
        variable, file = _places(settings, name)
        if variable is not None and file is not None:
            yield one(f"either `{name}_env` or `{name}_file`, not both", file, f"{at}.{name}_file", f"{at}.{name}_env")


def _places(settings: SecuritySettings | OAuthSettings, name: str) -> tuple[str | None, str | None]:
    return getattr(settings, f"{name}_env"), getattr(settings, f"{name}_file")


def _sasl(security: SecuritySettings) -> Iterator[Problem]:
    protocol, mechanism = f"{_AT}.protocol", f"{_AT}.mechanism"
    sasl = security.protocol.startswith("SASL")
    with_tokens = sasl and security.mechanism == "OAUTHBEARER"
    for name in ("username", "password"):
        given = _places(security, name) != (None, None)
        depends = (protocol, mechanism, f"{_AT}.{name}_env", f"{_AT}.{name}_file")
        if sasl and not with_tokens and not given:
            wanted = f"`{name}_env` or `{name}_file` with the protocol {security.protocol}"
            yield describe(wanted, None, _AT), _AT, depends
        elif not sasl and given:
            wanted = f"SASL_SSL or SASL_PLAINTEXT, as `{name}` is set"
            yield describe(wanted, security.protocol, protocol), protocol, depends
        elif with_tokens and given:
            wanted = f"no `{name}`, as OAUTHBEARER takes tokens"
            yield describe(wanted, f"{name}_env or {name}_file", _AT), _AT, depends
    if with_tokens and security.oauth is None:
        wanted = "`oauth` with `token_endpoint` or `token_file`, as the mechanism is OAUTHBEARER"
        yield describe(wanted, None, _AT), _AT, (protocol, mechanism, _OAUTH)
    elif security.oauth is not None and not sasl:
        yield one("SASL_SSL or SASL_PLAINTEXT, as `oauth` is set", security.protocol, protocol, _OAUTH)
    elif security.oauth is not None and not with_tokens:
        yield one("OAUTHBEARER, as `oauth` is set", security.mechanism, mechanism, _OAUTH)


def _certificates(security: SecuritySettings) -> Iterator[Problem]:
    certificate, key = security.certificate_file, security.key_file
    if (certificate is None) != (key is None):
        wanted = "`certificate_file` and `key_file` together"
        yield one(wanted, certificate or key, _AT, f"{_AT}.certificate_file", f"{_AT}.key_file")
    if not security.protocol.endswith("SSL"):
        for name in ("ca_file", "certificate_file", "key_file"):
            if getattr(security, name) is not None:
                wanted = f"SSL or SASL_SSL, as `{name}` is set"
                yield one(wanted, security.protocol, f"{_AT}.protocol", f"{_AT}.{name}")


def _oauth(oauth: OAuthSettings) -> Iterator[Problem]:
    yield from _either(oauth, ("client_id", "client_secret"), _OAUTH)
    endpoint, file = oauth.token_endpoint, oauth.token_file
    sources = (f"{_OAUTH}.token_endpoint", f"{_OAUTH}.token_file")
    if endpoint is None and file is None:
        yield describe("`token_endpoint` or `token_file`", None, _OAUTH), _OAUTH, (_OAUTH, *sources)
    elif endpoint is not None and file is not None:
        yield one("either `token_endpoint` or `token_file`, not both", file, sources[1], sources[0])
    if endpoint is not None:
        yield from _endpoint(oauth, endpoint)
    elif file is not None:
        for name in ("client_id_env", "client_id_file", "client_secret_env", "client_secret_file", "scope", "ca_file"):
            if getattr(oauth, name) is not None:
                wanted = f"no `{name}`, which is for a `token_endpoint`"
                yield one(wanted, getattr(oauth, name), f"{_OAUTH}.{name}", *sources)
    for name, value in oauth.extensions.items():
        path = f"{_OAUTH}.extensions"
        if _EXTENSION_NAME.fullmatch(name) is None or name == "auth":
            yield one("names of letters alone, other than `auth`", name, path)
        elif _EXTENSION_VALUE.fullmatch(value) is None:
            yield one(f"printable ASCII as the value of `{name}`", value, path)


def _endpoint(oauth: OAuthSettings, endpoint: str) -> Iterator[Problem]:
    place = f"{_OAUTH}.token_endpoint"
    host = endpoint.partition("://")[2].partition("/")[0]
    if "@" in host:
        message = f"The URL must not contain a name or password: set `client_id_env` and so on - at `{place}`"
        yield message, place, (place,)
    elif _URL.fullmatch(endpoint) is None:
        yield one("a URL with http or https", endpoint, place)
    for name in ("client_id", "client_secret"):
        if _places(oauth, name) == (None, None):
            wanted = f"`{name}_env` or `{name}_file` with `token_endpoint`"
            yield describe(wanted, None, _OAUTH), _OAUTH, (place, f"{_OAUTH}.{name}_env", f"{_OAUTH}.{name}_file")
