"""Presets: what to configure for known producers, one YAML file each, laid below what the user configures."""

from __future__ import annotations

import difflib
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import yaml

from driftline.config.places import child, with_origin
from driftline.errors import describe

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_FOLDER: Final = "presets"
_SUFFIX: Final = ".yaml"
_TOPICS: Final = ("predictions", "labels")
_PARTLY: Final = ("features", "score", "ts")
"""Fields of which the user may say one thing, such as the names of features, and leave the place to the preset."""
_PLACES: Final = ("pointer", "header")


def preset_names() -> list[str]:
    """Return the names of all presets, in their order."""
    return sorted(file.name.removesuffix(_SUFFIX) for file in _folder().iterdir() if file.name.endswith(_SUFFIX))


def preset_text(name: str) -> str:
    """Return the file of a preset, comments included.

    Raises
    ------
    KeyError
        When there is none of this name.
    """
    if name not in preset_names():
        raise KeyError(name)
    return (_folder() / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def preset_title(name: str) -> str:
    """Return the first sentence of a preset's comment, which says what it is for.

    Examples
    --------
    >>> preset_title("sagemaker")
    'Amazon SageMaker: captured data of endpoints, and ground truth'
    """
    lines = preset_text(name).splitlines()
    comment = " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return comment.partition(". ")[0]


def presets_of(topic: str) -> list[str]:
    """Return the names of the presets that say something of ``predictions`` or ``labels``."""
    return [name for name in preset_names() if topic in _settings(name)]


def unknown_preset(name: str, known: list[str], path: str) -> str:
    """Return the message for a preset that there is none of."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return describe("one of " + ", ".join(f"`{each}`" for each in known), name, path) + hint


def lay_presets_below(values: dict[object, object], origins: dict[str, str]) -> list[str]:
    """Lay the presets that the input topics name below their settings; return what is wrong with the names.

    Parameters
    ----------
    values : dict
        The configuration's values; the sections of topics with a preset are replaced.
    origins : dict of str to str
        Origin by path, for messages; extended in place.
    """
    problems = []
    for topic in _TOPICS:
        section = values.get(topic)
        name = section.get("preset") if isinstance(section, dict) else None
        if not isinstance(section, dict) or not isinstance(name, str):
            continue
        path = f"$.{topic}"
        known = presets_of(topic)
        if name not in known:
            place = child(path, "preset")
            problems.append(with_origin(unknown_preset(name, known, place), place, origins))
            continue
        values[topic] = _laid_below(_settings(name)[topic], section, path, f"preset {name}", origins)
    return problems


def _laid_below(
    preset: dict[str, Any], given: dict[object, Any], path: str, origin: str, origins: dict[str, str]
) -> dict[object, Any]:
    """Return the settings of a section: sections in it are merged, all else that is given replaces the preset's."""
    result = dict(given)
    for key, value in preset.items():
        place = child(path, key)
        if key not in given:
            result[key] = value
            origins.setdefault(place, origin)
        elif key in {"fields", "pair", "avro", "protobuf"} and isinstance(given[key], dict):
            result[key] = _laid_below(value, given[key], place, origin, origins)
        elif key in _PARTLY and isinstance(given[key], dict) and not any(each in given[key] for each in _PLACES):
            result[key] = {**(value if isinstance(value, dict) else {"pointer": value}), **given[key]}
    return result


def _settings(name: str) -> dict[str, dict[str, Any]]:
    settings: dict[str, dict[str, Any]] = yaml.safe_load(preset_text(name))
    return settings


def _folder() -> Traversable:
    return resources.files("driftline.config") / _FOLDER
