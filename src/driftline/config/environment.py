"""Settings from ``DRIFTLINE_...`` variables and from command-line options, laid over those of the file.

``DRIFTLINE_KAFKA__BROKERS=kafka:9092`` sets ``$.kafka.brokers``: two underscores go one level down, and the value is
read as YAML, so ``[1h, 1d]`` is a list. Names that a shell does not allow are found by their letters and digits:
``DRIFTLINE_MODELS__CREDIT_RISK__TASK`` sets the task of the model ``credit-risk`` that the file names. librdkafka's
properties have dots for the single underscores: ``DRIFTLINE_KAFKA__CLIENT__CLIENT_RACK`` sets ``client.rack``.

Variables without two underscores are left alone (an orchestrator sets some of its own, such as
``DRIFTLINE_SERVICE_HOST``), unless they look like a setting whose second underscore was forgotten.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, get_args

import msgspec
import yaml
from msgspec import Struct

from driftline.config.places import child
from driftline.config.settings import Settings
from driftline.errors import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PREFIX: Final = "DRIFTLINE_"
_DOTTED_NAMES: Final = ["kafka", "client"]
"""The section whose names have dots, and none of them an underscore."""
_NO_SHELL_LETTER: Final = re.compile(r"[^A-Z0-9]")


def _shell_name(key: object) -> str:
    return _NO_SHELL_LETTER.sub("_", str(key).upper())


def setting_paths(struct: type[Struct] = Settings) -> Iterator[tuple[str, ...]]:
    """Yield the path of every setting that has a fixed name."""
    for field in msgspec.structs.fields(struct):
        options = (field.type, *get_args(field.type))
        below = next((each for each in options if isinstance(each, type) and issubclass(each, Struct)), None)
        yield (field.encode_name,)
        if below is not None:
            for path in setting_paths(below):
                yield (field.encode_name, *path)


class EnvironmentOverrides:
    """Lays single settings over a file's values.

    Parameters
    ----------
    values : dict
        The file's values; changed in place.
    origins : dict of str to str
        Origin by path, for messages; extended in place.
    """

    def __init__(self, values: dict[object, object], origins: dict[str, str]) -> None:
        self.values = values
        self.origins = origins
        self.problems: list[str] = []

    def environment(self, environ: Mapping[str, str], except_names: Iterable[str] = ()) -> None:
        """Lay every ``DRIFTLINE_SECTION__NAME`` over the values, in the order of their names."""
        skipped = set(except_names)
        forgotten = {"_".join(map(_shell_name, path)): path for path in setting_paths() if len(path) > 1}
        for name in sorted(environ):
            tail = name.removeprefix(PREFIX)
            if not name.startswith(PREFIX) or name in skipped:
                continue
            if "__" in tail:
                self._variable(name, tail.split("__"), environ[name])
            elif tail in forgotten:
                meant = PREFIX + "__".join(map(_shell_name, forgotten[tail]))
                self.problems.append(describe(f"two underscores between the names, as in `{meant}`", name, name))

    def _variable(self, name: str, parts: list[str], text: str) -> None:
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            self.problems.append(describe("a value in YAML", text, name))
            return
        path: list[str] = []
        level: object = self.values
        for part in parts:
            same = [key for key in level if _shell_name(key) == part.upper()] if isinstance(level, dict) else []
            if len(same) > 1:
                names = ", ".join(f"`{key}`" for key in same)
                self.problems.append(describe(f"a variable that means one of {names}", name, name))
                return
            new = part.lower().replace("_", ".") if path == _DOTTED_NAMES else part.lower()
            path.append(str(same[0]) if same else new)
            level = level.get(path[-1]) if isinstance(level, dict) else None
        self.set(path, value, name)

    def option(self, dotted: str, value: object) -> None:
        """Lay one setting, named by its dotted path, over the values."""
        self.set(dotted.split("."), value, "from the command line")

    def set(self, path: list[str], value: object, origin: str) -> None:
        """Put ``value`` at ``path``, making the sections on the way."""
        level = self.values
        place = "$"
        for key in path[:-1]:
            place = child(place, key)
            below = level.get(key)
            if below is None:
                below = level[key] = {}
                self.origins[place] = origin
            if not isinstance(below, dict):
                message = describe("a mapping", below, place)
                self.problems.append(f"{message}, which `{path[-1]}` ({origin}) cannot be added to")
                return
            level = below
        level[path[-1]] = value
        self.origins[child(place, path[-1])] = origin
