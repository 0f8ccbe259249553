"""Loads the configuration: one YAML file, overridden by the environment, overridden by command-line options."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

import msgspec

from driftline.config.convert import INVALID, Converter
from driftline.config.environment import EnvironmentOverrides
from driftline.config.fingerprint import plain, settings_hash
from driftline.config.kafka_settings import OAuthSettings, SecuritySettings
from driftline.config.model import LabelSettings, ModelSettings
from driftline.config.places import child, with_origin
from driftline.config.preset_files import lay_presets_below
from driftline.config.rules import (
    ModelCheck,
    SettingsCheck,
    known_detectors,
    known_distances,
    model_problems,
    settings_problems,
)
from driftline.config.settings import SchemaRegistrySettings, Settings
from driftline.config.yaml_file import YamlFile, read_yaml
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from driftline.config.problem import Problem

__all__ = [
    "ModelCheck",
    "SettingsCheck",
    "known_detectors",
    "known_distances",
    "load_settings",
    "plain",
    "settings_hash",
]

_ELEMENT: Final = re.compile(r"\[\d+\]$")
_NO_OVERRIDES: Final[Mapping[str, object]] = MappingProxyType({})


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] = _NO_OVERRIDES,
    *,
    model_checks: Sequence[ModelCheck] = (),
    settings_checks: Sequence[SettingsCheck] = (),
) -> Settings:
    """Read, overlay and validate the configuration.

    Parameters
    ----------
    path : pathlib.Path, optional
        The YAML file; without one, the defaults are where environment and options start from.
    environ : mapping of str to str
        The environment; see :mod:`driftline.config.environment` for the names.
    overrides : mapping of str to object
        Values by dotted path (``kafka.brokers``), stronger than file and environment.
    model_checks : sequence of ModelCheck
        Further checks of each model's settings, for what this layer cannot know (:func:`known_detectors`).
    settings_checks : sequence of SettingsCheck
        Further checks of the settings outside the models, likewise.

    Raises
    ------
    ConfigurationError
        With every problem there is, each with its path, what was expected, what came and from which line or variable.
    """
    source = str(path) if path is not None else "The configuration"
    document = YamlFile("") if path is None else read_yaml(path)
    if isinstance(document, str):
        raise ConfigurationError((document,), "The configuration")
    overlay = EnvironmentOverrides(document.values, document.origins)
    overlay.environment(environ, except_names=_secret_variables(document.values))
    for dotted, value in overrides.items():
        overlay.option(dotted, value)
    preset_problems = lay_presets_below(overlay.values, overlay.origins)
    converter = Converter(overlay.origins)
    settings = _convert(converter, overlay.values)
    problems = [*document.problems, *overlay.problems, *preset_problems, *converter.problems]
    problems += _broken_rules(settings, converter, model_checks, settings_checks)
    if problems:
        raise ConfigurationError(tuple(dict.fromkeys(problems)), source)
    return settings


def _secret_variables(values: dict[object, object]) -> list[str]:
    kafka = values.get("kafka")
    security = kafka.get("security") if isinstance(kafka, dict) else None
    sections = {
        SecuritySettings: security,
        OAuthSettings: security.get("oauth") if isinstance(security, dict) else None,
        SchemaRegistrySettings: values.get("schema_registry"),
    }
    of_sections = [
        str(section[name])
        for struct, section in sections.items()
        if isinstance(section, dict)
        for name in struct.__struct_fields__
        if name.endswith("_env") and name in section
    ]
    return [*of_sections, *_variables_of_sinks(values.get("notify"))]


def _variables_of_sinks(notify: object) -> Iterator[str]:
    """Yield the variables that hold secrets of sinks; the values are not checked yet."""
    sinks = notify.get("sinks") if isinstance(notify, dict) else None
    for sink in sinks.values() if isinstance(sinks, dict) else ():
        for section in sink.values() if isinstance(sink, dict) else ():
            if isinstance(section, dict):
                yield from (str(value) for name, value in section.items() if str(name).endswith("_env"))


def _convert(converter: Converter, values: dict[object, object]) -> Settings:
    """Convert the defaults first: each model's section overrides them."""
    defaults = ModelSettings()
    if "defaults" in values:
        converted = converter.convert(ModelSettings, values["defaults"], "$.defaults", defaults)
        defaults = defaults if converted is INVALID else cast("ModelSettings", converted)
    defaults = _within_horizon(defaults, converter, "$.defaults", "$.defaults")
    models = {}
    sections = values.get("models")
    if isinstance(sections, dict):
        for name, section in sections.items():
            place = child("$.models", name)
            converted = converter.convert(ModelSettings, {} if section is None else section, place, defaults)
            if converted is not INVALID and isinstance(name, str):
                models[name] = _within_horizon(cast("ModelSettings", converted), converter, place, "$.defaults")
    rest = {key: value for key, value in values.items() if key != "defaults"}
    if isinstance(sections, dict):
        # Their values are converted above; here only their names are looked at.
        rest["models"] = {name: {} for name in sections}
    settings = cast("Settings", converter.convert(Settings, rest, "$", Settings()))
    return msgspec.structs.replace(settings, defaults=defaults, models=models)


def _within_horizon(model: ModelSettings, converter: Converter, path: str, inherited: str) -> ModelSettings:
    """Drop default revisions beyond the configured horizon, unless revisions were configured too."""
    labels = model.labels
    if {f"{path}.labels.revisions", f"{inherited}.labels.revisions"} & converter.given:
        return model
    ages = tuple(age for age in LabelSettings().revisions if age <= labels.horizon)
    return model.replace(labels=msgspec.structs.replace(labels, revisions=ages))


def _broken_rules(
    settings: Settings, converter: Converter, checks: Sequence[ModelCheck], settings_checks: Sequence[SettingsCheck]
) -> Iterator[str]:
    """Yield the problems between settings, except those that follow from a value that is wrong by itself."""
    sections = {"$.defaults": settings.defaults}
    sections |= {child("$.models", name): model for name, model in settings.models.items()}
    found: list[Problem] = list(settings_problems(settings))
    found += (problem for settings_check in settings_checks for problem in settings_check(settings))
    for place, model in sections.items():
        found += model_problems(model, settings.time.pane, place)
        found += ((message, path, (path,)) for check in checks for path, message in check(model, place))
    for message, path, depends in found:
        place = next((each for each in sections if path.startswith(each)), "")
        if _is_news(place, depends, converter):
            yield with_origin(message, path, converter.origins)


def _is_news(section: str, depends: Sequence[str], converter: Converter) -> bool:
    if section in ("", "$.defaults"):
        return not converter.broken.intersection(depends)
    inherited = [path.replace(section, "$.defaults", 1) for path in depends]
    if converter.broken.intersection((*depends, *inherited)):
        return False
    return any(_touches(path, converter.given) for path in depends if path.startswith(section))


def _touches(path: str, given: set[str]) -> bool:
    """Whether a setting, or the list that an element stands in, was written in the model's own section."""
    return path in given or _ELEMENT.sub("", path) in given
