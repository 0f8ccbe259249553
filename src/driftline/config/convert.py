"""Converts plain values to the configuration's structs, value by value, so that every problem is reported."""

from __future__ import annotations

import difflib
import math
import re
from types import UnionType
from typing import Annotated, Final, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from driftline.config.durations import Duration
from driftline.config.expectations import expectation
from driftline.config.model import Budget
from driftline.config.places import child, item, with_origin
from driftline.errors import ParameterError, describe

INVALID: Final = object()
"""Stands for a value that could not be converted; its problem is recorded already."""

_POWER: Final = re.compile(r"\d+(?:\.\d+)?[eE][+-]?\d+")
_PERCENT: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")
_BUDGET: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s+per\s+(\S+)\s*")


class Converter:
    """Converts values and gathers problems.

    Parameters
    ----------
    origins : dict of str to str
        Where the value at a path came from, for messages.

    Attributes
    ----------
    problems : list of str
        One message per problem, in the order of the configuration.
    broken : set of str
        Paths of the values that could not be converted; a default or the base stands in for each.
    given : set of str
        Paths of all values that came from outside.
    """

    def __init__(self, origins: dict[str, str]) -> None:
        self.origins = origins
        self.problems: list[str] = []
        self.broken: set[str] = set()
        self.given: set[str] = set()

    def report(self, message: str, path: str, hint: str = "") -> None:
        """Record a problem with the value at ``path``."""
        self.problems.append(with_origin(message, path, self.origins) + hint)
        self.broken.add(path)

    def convert(self, annotation: object, value: object, path: str, base: object = None) -> object:
        """Return ``value`` as ``annotation``, overlaid on ``base`` where both have fields; else :data:`INVALID`."""
        self.given.add(path)
        if value is None and isinstance(base, Struct | dict):
            return base  # a section whose lines are all commented out
        if isinstance(annotation, type) and issubclass(annotation, Struct):
            if annotation is Budget and isinstance(value, str):
                return self._budget(value, path)
            return self._struct(annotation, value, path, base)
        return self._plain(annotation, value, path, base)

    def _plain(self, annotation: object, value: object, path: str, base: object) -> object:
        value = _number(annotation, value)
        origin = get_origin(annotation)
        if origin in (Union, UnionType):
            return self._union(annotation, value, path, base)
        if annotation is Duration:
            return self._duration(value, path)
        if origin is tuple:
            return self._list(annotation, value, path)
        if origin is dict:
            return self._names(annotation, value, path, base)
        return self._leaf(annotation, value, path)

    def _leaf(self, annotation: object, value: object, path: str) -> object:
        try:
            return self._finite(annotation, msgspec.convert(value, annotation), path)
        except msgspec.ValidationError:
            return self._refuse(annotation, value, path)

    def _finite(self, annotation: object, value: object, path: str) -> object:
        if isinstance(value, float) and not math.isfinite(value):
            return self._refuse(annotation, value, path)
        return value

    def _refuse(self, annotation: object, value: object, path: str) -> object:
        self.report(describe(expectation(annotation), value, path), path)
        return INVALID

    def _union(self, annotation: object, value: object, path: str, base: object) -> object:
        options = get_args(annotation)
        sections = [option for option in options if _is_section(option)]
        if isinstance(value, dict) and sections:
            meant = _meant(sections, value)
            return self._refuse(annotation, value, path) if meant is None else self.convert(meant, value, path, base)
        if isinstance(value, list) and (option := next((each for each in options if get_origin(each) is tuple), None)):
            return self._list(option, value, path)
        if Duration in options and value is not None:
            return self._duration(value, path)
        plain = tuple(option for option in options if not _is_section(option))
        try:
            return self._finite(annotation, msgspec.convert(value, Union[plain]), path)  # noqa: UP007  # made at run time
        except msgspec.ValidationError:
            return self._refuse(annotation, value, path)

    def _duration(self, value: object, path: str) -> object:
        if isinstance(value, Duration):
            return value
        if not isinstance(value, str):
            return self._refuse(Duration, value, path)
        try:
            return Duration.parse(value, path)
        except ParameterError as error:
            self.report(str(error), path)
            return INVALID

    def _budget(self, value: str, path: str) -> object:
        match = _BUDGET.fullmatch(value)
        if match is None or not 0 < float(match[1]) < math.inf:
            return self._refuse(Budget, value, path)
        horizon = self._duration(match[2], path)
        return INVALID if horizon is INVALID else Budget(pages=float(match[1]), horizon=horizon)  # type: ignore[arg-type]  # INVALID is excluded

    def _list(self, annotation: object, value: object, path: str) -> object:
        if not isinstance(value, list | tuple):
            return self._refuse(annotation, value, path)
        element = get_args(annotation)[0]
        converted = [self.convert(element, each, item(path, index)) for index, each in enumerate(value)]
        if any(each is INVALID for each in converted):
            self.broken.add(path)
            return INVALID
        return tuple(converted)

    def _names(self, annotation: object, value: object, path: str, base: object) -> object:
        if not isinstance(value, dict):
            return self._refuse(annotation, value, path)
        element = get_args(annotation)[1]
        result: dict[object, object] = dict(base) if isinstance(base, dict) else {}
        for key, each in value.items():
            place = child(path, key)
            if not isinstance(key, str):
                self.report(describe("a name in quotes", key, place), place)
                continue
            converted = self.convert(element, each, place, result.get(key))
            if converted is not INVALID:
                result[key] = converted
        return result

    def _struct(self, struct: type[Struct], value: object, path: str, base: object) -> object:
        if not isinstance(value, dict):
            return self._refuse(struct, value, path)
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        self._unknown_keys(value, tuple(fields), path)
        arguments: dict[str, object] = {}
        complete = True
        for key, field in fields.items():
            inherited = getattr(base, field.name) if isinstance(base, struct) else NODEFAULT
            converted = INVALID
            if key in value:
                below = _default(field) if inherited is NODEFAULT else inherited
                converted = self.convert(field.type, value[key], child(path, key), below)
            elif inherited is NODEFAULT and field.required:
                place = child(path, key)
                self.report(describe(expectation(field.type), None, place), place, ": this setting is required")
            if converted is not INVALID:
                arguments[field.name] = converted
            elif inherited is not NODEFAULT:
                arguments[field.name] = inherited
            elif field.required:
                complete = False
        return self._made(struct, arguments, path) if complete else INVALID

    def _made(self, struct: type[Struct], arguments: dict[str, object], path: str) -> object:
        try:
            return struct(**arguments)
        except ParameterError as error:  # a struct that checks its fields together
            self.report(f"{error} - under `{path}`", path)
            return INVALID

    def _unknown_keys(self, value: dict[object, object], known: tuple[str, ...], path: str) -> None:
        for key in value:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.6)
                hint = f"; did you mean `{near[0]}`?" if near else ""
                place = child(path, key)
                expected = "one of " + ", ".join(f"`{name}`" for name in known)
                self.report(describe(expected, key, place), place, hint)


def _number(annotation: object, value: object) -> object:
    """Return texts that mean numbers as these: `5 %` where a number up to 1 is wanted, and `2e9`, which YAML takes for
    a text as it has no point.
    """
    if not isinstance(value, str):
        return value
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    wanted = [get_args(each) for each in options if get_origin(each) is Annotated]
    match = _PERCENT.fullmatch(value)
    if match is not None and any(_is_fraction(*each[:2]) for each in wanted):
        return float(match[1]) / 100
    if _POWER.fullmatch(value) and any(each[0] is float for each in wanted):
        return float(value)
    return value


def _is_fraction(annotation: object, constraint: object) -> bool:
    return annotation is float and isinstance(constraint, Meta) and constraint.le == 1


def _is_section(annotation: object) -> bool:
    return get_origin(annotation) is dict or (isinstance(annotation, type) and issubclass(annotation, Struct))


def _meant(sections: list[object], value: dict[object, object]) -> object | None:
    """Return the kind of section that has most of a mapping's keys, or keys like them; None where none has any."""
    keys: set[object] = set(value)
    if len(sections) == 1 or not keys:
        return sections[0]
    known = {name for section in sections for name in _keys(section)}
    if not known & keys:
        keys = {near for key in keys for near in difflib.get_close_matches(str(key), sorted(known), n=1)}
    return max(sections, key=lambda section: len(_keys(section) & keys)) if keys else None


def _keys(section: object) -> set[str]:
    if not (isinstance(section, type) and issubclass(section, Struct)):
        return set()
    return {field.encode_name for field in msgspec.structs.fields(section)}


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return field.default
