"""One YAML file, read with the line of every key, and with keys that occur twice reported instead of overwritten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import yaml

from driftline.config.places import child, item
from driftline.errors import describe

if TYPE_CHECKING:
    from pathlib import Path

_MERGE_TAG: Final = "tag:yaml.org,2002:merge"


class YamlFile:
    """A YAML document as plain values, and what is wrong with it.

    Parameters
    ----------
    text : str
        The document. An empty one, or one of comments only, is an empty mapping.

    Attributes
    ----------
    values : dict
        The document's mapping; empty where there are problems that leave nothing to read.
    origins : dict of str to str
        ``line 7`` by path, for every key.
    problems : list of str
        What was expected, what came, where.
    """

    def __init__(self, text: str) -> None:
        self.values: dict[object, object] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []
        self._seen: set[int] = set()
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return
            self._walk(node, "$", ())
            if self.problems and not self._readable:
                return
            value = loader.construct_document(node)
        except yaml.YAMLError as error:
            self.problems.append(_syntax_problem(error))
            return
        finally:
            loader.dispose()
        if isinstance(value, dict):
            self.values = value
        elif value is not None:
            self.problems.append(describe("a mapping of sections such as `kafka` and `models`", value, "$"))

    @property
    def _readable(self) -> bool:
        return not any("anchor" in problem for problem in self.problems)

    def _walk(self, node: yaml.Node, path: str, above: tuple[int, ...]) -> None:
        if id(node) in above:
            self.problems.append(describe("no anchor that contains itself", _value(node), path))
            return
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for index, element in enumerate(node.value):
                self._walk(element, item(path, index), (*above, id(node)))
        elif isinstance(node, yaml.MappingNode):
            self._walk_mapping(node, path, (*above, id(node)))

    def _walk_mapping(self, node: yaml.MappingNode, path: str, above: tuple[int, ...]) -> None:
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(_value(key))
            line = key.start_mark.line + 1
            place = child(path, name)
            if key.tag != _MERGE_TAG:
                if name in lines:
                    message = describe(f"each key once (first on line {lines[name]})", name, place)
                    self.problems.append(f"{message} (line {line})")
                lines.setdefault(name, line)
                self.origins[place] = f"line {line}"
            self._walk(value, place, above)


def _value(node: yaml.Node) -> object:
    return node.value if isinstance(node, yaml.ScalarNode) else node.tag.rpartition(":")[2]


def _syntax_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        return f"Expected YAML, got a syntax error: {what} - at `$` (line {mark.line + 1}, column {mark.column + 1})"
    return f"Expected YAML, got a syntax error: {error} - at `$`"


def read_yaml(path: Path) -> YamlFile | str:
    """Read a file; return the problem as text where it cannot be read at all."""
    try:
        return YamlFile(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"{path}: no such file"
    except UnicodeDecodeError as error:
        return f"{path}: not UTF-8, at byte {error.start}"
    except OSError as error:
        return f"{path}: {(error.strerror or str(error)).lower()}"
