"""The secrets of the sinks of ``driftline notify``, from the variables and files that their settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.config.places import child
from driftline.config.secrets import Secret, check_readable, named_secrets
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from driftline.config.notify_settings import NotifySettings

SinkSecrets = dict[str, Secret]
"""The secrets of one sink by name: ``url``, ``password``, ..."""


def resolve_sinks(notify: NotifySettings, environ: Mapping[str, str], names: Collection[str]) -> dict[str, SinkSecrets]:
    """Read every secret that the sinks of these names need.

    Raises
    ------
    ConfigurationError
        With every variable that is not set and every file that cannot be read.
    """
    problems: list[str] = []
    found: dict[str, SinkSecrets] = {}
    for name in names:
        sink = notify.sinks[name]
        section = getattr(sink, sink.kind)
        at = f"{child('$.notify.sinks', name)}.{sink.kind}"
        ends = (field.removesuffix("_env") for field in section.__struct_fields__ if field.endswith("_env"))
        secrets = named_secrets(section, tuple(ends), at, environ, problems)
        if getattr(section, "ca_file", None) is not None:
            check_readable(section, ("ca_file",), at, problems)
        found[name] = {key: secret for key, secret in secrets.items() if secret is not None}
    if problems:
        raise ConfigurationError(tuple(problems), "The configuration of notifications")
    return found
