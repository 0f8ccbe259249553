"""Writes the source of a Python function that reads the values of one Avro schema.

A general reader looks at the schema for each value anew; the function written here has done so once. Numbers of fixed
width that stand side by side, with or without a null beside each, are unpacked together.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from driftline.runtime.encodings.avro_logical import CONVERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Schema = Any
"""A schema as ``fastavro.parse_schema`` returns it."""

_FIXED: Final = {"float": ("f", 4), "double": ("d", 8)}
"""Types of fixed width: their code for :mod:`struct` and their bytes."""
_MAX_DEPTH: Final = 6
"""Nesting inside one function; Python allows 20 loops in each other."""
_ONE_BYTE: Final = 64
"""Branches of a union whose index is one byte."""
_NAMED: Final = frozenset({"record", "error", "enum", "fixed"})


class ReaderSource:
    """Collects the functions for a schema; :attr:`text` defines ``read`` and what it calls.

    Parameters
    ----------
    schema : object
        Parsed.
    named : mapping of str to object
        The named types that it uses, by full name.
    """

    def __init__(self, schema: Schema, named: Mapping[str, Schema]) -> None:
        self._named = named
        self._uses: Counter[str] = Counter()
        self._count(schema, set())
        self._functions: dict[str, str] = {}
        self._texts: list[str] = []
        self._n_names = 0
        lines = [*self._value(schema, "v", 0)]
        body = ["p = 0", "e = len(b)", *lines, "if p != e:", " raise ValueError(left(p, e))", "return v"]
        self._texts.append("def read(b):\n" + "".join(f" {line}\n" for line in body))

    @property
    def text(self) -> str:
        """The source."""
        return "".join(self._texts)

    def _count(self, schema: Schema, seen: set[str]) -> None:
        """Count how often each record is used; one that is used once needs no function of its own."""
        kind, schema = resolved(schema, self._named)
        if kind == "union":
            below = schema
        elif kind in {"record", "error"}:
            self._uses[schema["name"]] += 1
            if schema["name"] in seen:
                return
            seen.add(schema["name"])
            below = [field["type"] for field in schema["fields"]]
        else:
            below = [schema[key] for key in ("items", "values") if kind in {"array", "map"} and key in schema]
        for each in below:
            self._count(each, seen)

    def _new(self, prefix: str = "v") -> str:
        self._n_names += 1
        return f"{prefix}{self._n_names}"

    # --- one value ----------------------------------------------------------------------------------------------------

    def _value(self, schema: Schema, to: str, depth: int) -> Iterator[str]:
        """Yield the lines that read a value from position ``p`` of the bytes ``b`` into the variable ``to``."""
        kind, schema = resolved(schema, self._named)
        if kind in {"record", "error"}:
            if self._uses[schema["name"]] > 1 or depth > _MAX_DEPTH:
                yield f"{to}, p = {self._function(schema['name'], schema)}(b, p, e)"
            else:
                yield from self._record(schema, to, depth)
        elif kind in {"union", "array", "map"} and depth > _MAX_DEPTH:
            yield f"{to}, p = {self._function(f'#{len(self._functions)}', schema)}(b, p, e)"
        elif kind == "union":
            yield from self._union(schema, to, depth)
        elif kind in {"array", "map"}:
            yield from self._blocks(kind, schema, to, depth)
        else:
            yield from self._scalar(kind, schema, to)

    def _function(self, key: str, schema: Schema) -> str:
        """Return the name of a function for a schema, which is written where there is none yet."""
        if key not in self._functions:
            name = self._functions[key] = self._new("read_")
            kind, schema = resolved(schema, self._named)
            lines = self._record(schema, "v", 0) if kind in {"record", "error"} else self._value(schema, "v", 0)
            body = [*lines, "return v, p"]
            self._texts.append(f"def {name}(b, p, e):\n" + "".join(f" {line}\n" for line in body))
        return self._functions[key]

    def _scalar(self, kind: str, schema: Schema, to: str) -> Iterator[str]:
        if kind == "null":
            yield f"{to} = None"
        elif kind == "boolean":
            yield from (f"{to} = booleans[b[p]]", "p += 1")
        elif kind in {"int", "long"}:
            yield from _varint("x")
            yield f"{to} = (x >> 1) ^ -(x & 1)"
        elif kind in _FIXED:
            code, width = _FIXED[kind]
            yield from (f"({to},) = unpack_{code}(b, p)", f"p += {width}")
        elif kind == "string":
            yield from (*_length(), f"{to} = b[p:q].decode()", "p = q")
        elif kind == "bytes":
            yield from (*_length(), f"{to} = b[p:q]", "p = q")
        elif kind == "fixed":
            yield from (f"q = p + {int(schema['size'])}", f"{to} = b[p:q]", "p = q")
        elif kind == "enum":
            symbols = tuple(map(str, schema["symbols"]))
            yield from (*_varint("x"), "if x & 1:", " raise ValueError(negative)", f"{to} = {symbols!r}[x >> 1]")
        else:
            raise ValueError(f"unknown Avro type {kind!r}")
        conversion = CONVERSIONS.get((schema.get("logicalType"), kind)) or CONVERSIONS.get((None, kind))
        if conversion is not None:
            yield f"{to} = {conversion(schema, to)}"

    def _union(self, branches: Sequence[Schema], to: str, depth: int) -> Iterator[str]:
        yield from _varint("x") if len(branches) > _ONE_BYTE else ("x = b[p]", "p += 1")
        rare_last = sorted(range(len(branches)), key=lambda i: resolved(branches[i], self._named)[0] == "null")
        for position, index in enumerate(rare_last):
            yield f"{'elif' if position else 'if'} x == {2 * index}:"
            yield from _indented(self._value(branches[index], to, depth + 1))
        yield from ("else:", " raise ValueError(no_branch)")

    def _blocks(self, kind: str, schema: Schema, to: str, depth: int) -> Iterator[str]:
        count, value = self._new("n"), self._new()
        yield f"{to} = {'[]' if kind == 'array' else '{}'}"
        yield "while True:"
        yield from _indented([*_varint("x"), f"{count} = (x >> 1) ^ -(x & 1)", f"if not {count}:", " break"])
        yield from (f" if {count} < 0:", f"  {count} = -{count}", *_indented(_varint("x"), "  "))
        yield from (f" if {count} > e + empty_items:", "  raise ValueError(too_many)", f" for _ in range({count}):")
        if kind == "array":
            yield from _indented(self._value(schema["items"], value, depth + 1), "  ")
            yield f"  {to}.append({value})"
        else:
            key = self._new("k")
            yield from _indented([*_length(), f"{key} = b[p:q].decode()", "p = q"], "  ")
            yield from _indented(self._value(schema["values"], value, depth + 1), "  ")
            yield f"  {to}[{key}] = {value}"

    # --- records ------------------------------------------------------------------------------------------------------

    def _record(self, schema: Schema, to: str, depth: int) -> Iterator[str]:
        fields = [(str(field["name"]), field["type"], self._new()) for field in schema["fields"]]
        start = 0
        while start < len(fields):
            run = start
            while run < len(fields) and self._fixed(fields[run][1]) is not None:
                run += 1
            if run - start > 1:
                yield from self._together(fields[start:run], depth)
                start = run
            else:
                yield from self._value(fields[start][1], fields[start][2], depth + 1)
                start += 1
        entries = ", ".join(f"{name!r}: {variable}" for name, _, variable in fields)
        yield f"{to} = {{{entries}}}"

    def _fixed(self, schema: Schema) -> tuple[str, int, int | None] | None:
        """Return code and bytes of a number of fixed width, and the union index before it where null is allowed."""
        kind, schema = resolved(schema, self._named)
        tag = None
        if kind == "union":
            kinds = [resolved(branch, self._named)[0] for branch in schema]
            numbers = [each for each in kinds if each != "null"]
            if len(kinds) != 2 or len(numbers) != 1:  # noqa: PLR2004  # null and one more
                return None
            tag = 2 * kinds.index(numbers[0])
            kind = numbers[0]
        return None if kind not in _FIXED else (*_FIXED[kind], tag)

    def _together(self, fields: Sequence[tuple[str, Schema, str]], depth: int) -> Iterator[str]:
        """Read numbers of fixed width at once where none of them is null, else one by one."""
        codes, names, tests, width = "", [], [], 0
        for _, schema, variable in fields:
            code, n_bytes, tag = self._fixed(schema) or ("", 0, None)
            if tag is not None:
                codes += "B"
                names.append(f"t{variable}")
                tests.append(f"t{variable} == {tag}")
                width += 1
            codes += code
            names.append(variable)
            width += n_bytes
        yield "whole = False"
        yield f"if p + {width} <= e:"
        yield f" {', '.join(names)} = unpack('<{codes}', b, p)"
        yield f" whole = {' and '.join(tests) or 'True'}"
        yield from ("if whole:", f" p += {width}", "else:")
        for _, schema, variable in fields:
            yield from _indented(self._value(schema, variable, depth + 1))


def resolved(schema: Schema, named: Mapping[str, Schema]) -> tuple[str, Schema]:
    """Return a schema's kind, and the schema as a dictionary or as the list of a union's branches."""
    while True:
        if isinstance(schema, list):
            return "union", schema
        if isinstance(schema, str):
            if schema not in named:
                return schema, {"type": schema}
            schema = named[schema]
        elif isinstance(schema["type"], str) and (schema["type"] in _NAMED or schema["type"] not in named):
            return schema["type"], schema
        else:
            schema = schema["type"]


def _varint(to: str) -> tuple[str, ...]:
    return (f"{to} = b[p]", "p += 1", f"if {to} > 127:", f" {to}, p = more(b, p, {to})")


def _length() -> tuple[str, ...]:
    """Return the lines that set ``p`` and ``q`` to beginning and end of a text or of bytes.

    Most lengths are of one byte, whose highest and lowest bits are clear.
    """
    return ("x = b[p]", "if x & 129:", " p, q = bounds(b, p)", "else:", " p += 1", " q = p + (x >> 1)")


def _indented(lines: Iterator[str] | Sequence[str], by: str = " ") -> Iterator[str]:
    return (by + line for line in lines)
