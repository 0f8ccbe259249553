#!/usr/bin/env python3
"""Write schemas/*.json, their examples and schemas/avro/*.avsc from the event structs, and the examples in
docs/events.md from those.

With --check, write nothing and say whether they are current: exit code 1 if not.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import math
import re
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent))

from schema_examples import examples
from written_files import ROOT, write_or_check

from driftline.events.control import COMMANDS, ControlCommand
from driftline.events.label import LabelEvent
from driftline.events.output_types import OUTPUT_EVENTS
from driftline.events.prediction import PredictionEvent
from driftline.runtime.encodings.event_schemas import avro_schema

SCHEMAS: Final = ROOT / "schemas"
PAGE: Final = ROOT / "docs" / "events.md"
TYPES: Final[dict[str, type[msgspec.Struct]]] = {
    "prediction": PredictionEvent,
    "label": LabelEvent,
    **OUTPUT_EVENTS,
}
COMMAND: Final = "command"
"""Name of the schema of a record of the control topic, which is one of several types."""
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_BLOCK: Final = re.compile(r"(<!-- example: (\w+) -->\n```json\n)(.*?)(\n```)", re.DOTALL)
_PRECISION: Final = 1e-9
"""Relative; logarithms differ in their last digits from one processor to another."""


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a type of event, with the docstrings of its fields."""
    kinds: tuple[type[msgspec.Struct], ...] = COMMANDS if name == COMMAND else (TYPES[name],)
    asked: Any = ControlCommand if name == COMMAND else TYPES[name]
    (reference,), definitions = msgspec.json.schema_components([asked], ref_template="#/$defs/{name}")
    structs = {each.__name__: each for kind in kinds for each in _structs_of(kind)}
    for title, definition in definitions.items():
        definition["description"] = _text(definition.get("description", ""))
        texts = _field_texts(structs[title])
        for field, schema in definition.get("properties", {}).items():
            if field in texts:
                schema["description"] = texts[field]
    top = definitions.pop(reference["$ref"].rsplit("/", 1)[1]) if "$ref" in reference else dict(reference)
    schema = {"$schema": DIALECT, "$id": f"urn:driftline:schema:{name}:v1", **top}
    return {**schema, "$defs": definitions} if definitions else schema


def _structs_of(struct: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    found: dict[type[msgspec.Struct], None] = {struct: None}
    waiting: list[Any] = [msgspec.inspect.type_info(struct)]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            found[info.cls] = None
            waiting += [field.type for field in info.fields]
        for part in ("types", "item_types"):
            waiting += getattr(info, part, ())
        waiting += [getattr(info, part) for part in ("item_type", "value_type", "type") if hasattr(info, part)]
    return list(found)


def _field_texts(struct: type[msgspec.Struct]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
            for field, below in itertools.pairwise(tree.body if isinstance(tree, ast.ClassDef) else []):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    text = ast.get_docstring(ast.Module([below], [])) if isinstance(below, ast.Expr) else None
                    if text:
                        texts[field.target.id] = _text(text)
    return texts


def _text(docstring: str) -> str:
    return " ".join(docstring.replace("``", "`").split())


def written() -> dict[Path, str]:
    """Return every generated file's text."""
    files = {SCHEMAS / f"{name}.json": _dump(schema_of(name)) for name in (*TYPES, COMMAND)}
    files |= {SCHEMAS / "avro" / f"{name}.avsc": _dump(avro_schema(event)) for name, event in OUTPUT_EVENTS.items()}
    shown = examples()
    for name, messages in shown.items():
        files[SCHEMAS / "examples" / f"{name}.json"] = _dump(messages)
    page = PAGE.read_text(encoding="utf-8")
    files[PAGE] = _BLOCK.sub(lambda match: match[1] + _dump(shown[match[2]][0]["data"]).rstrip() + match[4], page)
    return files


def _dump(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def same(path: Path, text: str) -> bool:
    """Whether a file holds a text; examples may differ in the last digits of numbers."""
    if not path.is_file():
        return False
    current = path.read_text(encoding="utf-8")
    if path == PAGE:
        shown, wanted = ([json.loads(match[3]) for match in _BLOCK.finditer(page)] for page in (current, text))
        return _BLOCK.sub("", current) == _BLOCK.sub("", text) and _alike(shown, wanted)
    return _alike(json.loads(current), json.loads(text)) if path.parent.name == "examples" else current == text


def _alike(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_PRECISION, abs_tol=_PRECISION)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_alike(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    return one == other


def main() -> int:
    """Write the files, or check them."""
    return write_or_check(__doc__, written, same=same)


if __name__ == "__main__":
    sys.exit(main())
