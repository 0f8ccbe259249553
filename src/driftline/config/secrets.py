"""Secrets, read from the variables and files that the configuration names, and never shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, final

from msgspec import Struct

from driftline.errors import ConfigurationError, describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.kafka_settings import SecuritySettings
    from driftline.config.settings import SchemaRegistrySettings


@final
class Secret:
    """A text that print, log, format, comparison and pickle do not reveal.

    Examples
    --------
    >>> secret = Secret("hunter2")
    >>> print(secret, repr(secret), f"{secret}")
    *** *** ***
    >>> secret.reveal()
    'hunter2'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be pickled or copied")


class Credentials(Struct, frozen=True):
    """The secrets for Kafka, the endpoint of its tokens and the schema registry; all None where none is asked for."""

    username: Secret | None = None
    password: Secret | None = None
    key_password: Secret | None = None
    client_id: Secret | None = None
    client_secret: Secret | None = None
    registry_username: Secret | None = None
    registry_password: Secret | None = None


def resolve_credentials(
    security: SecuritySettings, environ: Mapping[str, str], registry: SchemaRegistrySettings | None = None
) -> Credentials:
    """Read every secret that the security settings and those of the schema registry name.

    Raises
    ------
    ConfigurationError
        With every variable that is not set and every file that cannot be read.
    """
    problems: list[str] = []
    at = "$.kafka.security"
    secrets = named_secrets(security, ("username", "password", "key_password"), at, environ, problems)
    check_readable(security, ("ca_file", "certificate_file", "key_file"), at, problems)
    if security.oauth is not None:
        secrets |= named_secrets(security.oauth, ("client_id", "client_secret"), f"{at}.oauth", environ, problems)
        check_readable(security.oauth, ("ca_file", "token_file"), f"{at}.oauth", problems)
    if registry is not None:
        place = "$.schema_registry"
        of_registry = named_secrets(registry, ("username", "password"), place, environ, problems)
        secrets |= {f"registry_{name}": secret for name, secret in of_registry.items()}
        check_readable(registry, ("ca_file", "certificate_file", "key_file"), place, problems)
    if problems:
        raise ConfigurationError(tuple(problems), "The security configuration")
    return Credentials(**secrets)


def named_secrets(
    settings: Struct, names: tuple[str, ...], at: str, environ: Mapping[str, str], problems: list[str]
) -> dict[str, Secret | None]:
    """Return the secrets that one section names, by their names; what cannot be read is added to the problems."""
    secrets: dict[str, Secret | None] = {}
    for name in names:
        variable, file = getattr(settings, f"{name}_env"), getattr(settings, f"{name}_file")
        secrets[name] = None
        if variable is not None:
            secrets[name] = _from_variable(variable, f"{at}.{name}_env", environ, problems)
        elif file is not None:
            secrets[name] = _from_file(file, f"{at}.{name}_file", problems)
    return secrets


def check_readable(settings: Struct, names: tuple[str, ...], at: str, problems: list[str]) -> None:
    """Add each file to the problems that a section names and that cannot be read."""
    for name in names:
        file = getattr(settings, name)
        if file is not None and not os.access(file, os.R_OK):
            problems.append(describe("a readable file", file, f"{at}.{name}"))


def _from_variable(variable: str, at: str, environ: Mapping[str, str], problems: list[str]) -> Secret | None:
    text = environ.get(variable, "")
    if not text:
        problems.append(describe("an environment variable that is set", variable, at))
        return None
    return Secret(text)


def _from_file(file: str, at: str, problems: list[str]) -> Secret | None:
    try:
        text = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text:
        problems.append(describe("a readable file that contains the secret", file, at))
        return None
    return Secret(text)
