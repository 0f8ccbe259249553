"""The shortest configuration that says what differs from the defaults, with a comment where a line is not obvious."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from driftline.config.fingerprint import plain
from driftline.config.input_settings import LabelInput
from driftline.config.settings import SchemaRegistrySettings, Settings
from driftline.events.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIDTH: Final = 100_000


def as_yaml(settings: Settings, comments: Mapping[str, str]) -> str:
    """Return the settings that differ from the defaults, as YAML that loads to the same settings.

    Parameters
    ----------
    settings : Settings
    comments : mapping of str to str
        What to say behind a line, by the dotted path of its setting.
    """
    lines = ["# Written by `driftline doctor`; what is not here has its default (docs/configuration.md)."]
    values = differences(settings)
    lines += _lines(values, "", comments, 0)
    return "\n".join(lines) + "\n"


def differences(settings: Settings) -> dict[str, Any]:
    """Return the settings that differ from the defaults, nested as in the file; both topics are always among them."""
    whole, usual = plain(settings), plain(Settings())
    found: dict[str, Any] = _different(whole, usual)  # type: ignore[arg-type]  # settings are dictionaries
    found["predictions"] = {"topic": plain(settings.predictions.topic)} | found.get("predictions", {})
    found.pop("labels", None)
    if settings.labels is not None:
        other = _different(plain(settings.labels), plain(LabelInput()))  # type: ignore[arg-type]  # as above
        found["labels"] = {"topic": plain(settings.labels.topic)} | other
    if settings.schema_registry is not None:
        registry, bare = settings.schema_registry, SchemaRegistrySettings(url="")
        found["schema_registry"] = _different(plain(registry), plain(bare))  # type: ignore[arg-type]  # as above
    order = ["kafka", "schema_registry", "predictions", "labels"]
    return {name: found[name] for name in sorted(found, key=lambda name: [*order, name].index(name))}


def _different(value: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, each in value.items():
        if name == "models":
            models = {model: _different(section, plain_defaults(value)) for model, section in each.items()}
            if models:
                found[name] = models
        elif name not in usual or each != usual[name]:
            inner = usual.get(name)
            sections = isinstance(each, dict) and isinstance(inner, dict) and inner
            found[name] = _different(each, inner) if sections else _bare(each)  # type: ignore[arg-type]  # dictionaries
    return found


def plain_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults of models in plain settings."""
    defaults: dict[str, Any] = settings["defaults"]
    return defaults


_UNSAID: Final[dict[str, object]] = {
    "pointer": None,
    "header": None,
    "unit": "ms",
    "format": None,
    "scale": "probability",
    "without": [],
    "of": [],
    "raw": None,
    "higher": "riskier",
    "order": [],
    "names": [],
    "text": None,
    "field": None,
    "equals": None,
    "importance": None,
    "thresholds": {},
}
"""Defaults of the forms of a place and of a column, which plain values name though nobody wrote them."""


def _bare(value: Any) -> Any:  # noqa: ANN401  # plain values
    """Return a value without what nobody said in it."""
    if isinstance(value, list | tuple):
        return [_bare(each) for each in value]
    if not isinstance(value, dict):
        return value
    inner = {name: _bare(each) for name, each in value.items()}
    return {name: each for name, each in inner.items() if name not in _UNSAID or each != _UNSAID[name]}


def _lines(values: Mapping[str, Any], path: str, comments: Mapping[str, str], depth: int) -> list[str]:
    lines = []
    for name, value in values.items():
        place = f"{path}.{name}" if path else name
        is_section = isinstance(value, dict) and (
            name in _SECTIONS or any(each.startswith(f"{place}.") for each in comments)
        )
        key = flow(name)
        if is_section and value:
            lines.append(f"{'  ' * depth}{key}:")
            lines += _lines(value, place, comments, depth + 1)
            continue
        comment = f"  # {printable(comments[place])}" if place in comments else ""
        lines.append(f"{'  ' * depth}{key}: {flow(value)}{comment}")
    return lines


_SECTIONS: Final = frozenset(("predictions", "labels", "fields", "defaults", "models", "kafka", "schema_registry"))


def flow(value: Any) -> str:  # noqa: ANN401  # plain values
    """Return a plain value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=_WIDTH, allow_unicode=True, sort_keys=False)
    return text.rstrip("\n").removesuffix("...").rstrip("\n ")
