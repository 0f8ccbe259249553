#!/usr/bin/env python3
"""Write docs/configuration.md from the configuration's structs, or say with --check whether it is current."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import textwrap
from types import NoneType
from typing import TYPE_CHECKING, Final, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct
from written_files import ROOT, write_or_check

from driftline.config.durations import Duration
from driftline.config.expectations import expectation
from driftline.config.fingerprint import plain
from driftline.config.model import Budget
from driftline.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET: Final = ROOT / "docs" / "configuration.md"

HEAD: Final = """\
# Configuration

<!-- Written by scripts/configuration_reference.py from the structs in driftline.config; change those. -->

Configuration is one YAML file, given by `--config` or `DRIFTLINE_CONFIG`. Everything in it is optional.
[deploy/driftline.yaml](../deploy/driftline.yaml) is a commented example. `driftline check-config FILE` reports every
problem at once with its path and line, and `driftline check-config FILE --effective` prints the effective settings.
The [glossary](glossary.md) explains the terms.

**Environment.** `DRIFTLINE_KAFKA__BROKERS=kafka:9092` sets `kafka.brokers`: two underscores go one level down, and the
value is read as YAML (`DRIFTLINE_DEFAULTS__WINDOWS__VERDICT='[1h, 1d]'`). If a name has characters that a shell does
not allow, its letters and digits identify it: `DRIFTLINE_MODELS__CREDIT_RISK__TASK` means the model `credit-risk` of
the file. The environment overrides the file, and command-line options override both.

**Models.** A section `models.<name>` needs only the settings that differ from `defaults`. Sections are merged at every
depth; lists are replaced. A model without a section uses the defaults.

**Durations** are a number and a unit: `ms`, `s`, `m`, `h`, `d` or `w`. **Secrets** are never in the file: it names the
environment variable (`..._env`) or the file (`..._file`) that holds them.

**Gates** are thresholds for practical significance: the smallest effects that become findings.

**Constraints.** Evaluation and performance windows, the hop, the label horizon and the revisions are multiples of the
pane. The display window is a multiple of the hop, and at most 24 hops. Revisions ascend, and none exceeds the horizon
(if only the horizon is shortened, built-in revisions beyond it are dropped). Predictions and labels are in different
topics, or `labels.where` tells labels. Shares of the budget add up to at most 1, and leave something for every spender
without a share of its own.
`open_after` needs at most as many findings as windows. [`driftline explain-budget`](budget.md) shows the resulting
significance levels.
"""


def described(struct: type[Struct]) -> dict[str, str]:
    """Return the text that stands below each field of a struct in its source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    texts: dict[str, str] = {}
    for field, below in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            text = below.value.value if isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                texts[field.target.id] = " ".join(text.replace("``", "`").split())
    return texts


def nested(annotation: object) -> type[Struct] | None:
    """Return the struct that a field is, also where it may be absent; a budget is written as one value."""
    options = [each for each in (get_args(annotation) or (annotation,)) if each is not NoneType]
    if get_origin(annotation) is not dict and len(options) == 1:
        return as_section(options[0])
    return None


def as_section(annotation: object) -> type[Struct] | None:
    """Return a struct that has a table of its own."""
    if isinstance(annotation, type) and issubclass(annotation, Struct) and annotation is not Budget:
        return annotation
    return None


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """Return a field's default as it would be written in the file."""
    value = field.default_factory() if field.default_factory is not NODEFAULT else field.default
    if value is NODEFAULT:
        return "required"
    if isinstance(value, Budget):
        return f"`{value.pages:g} per {value.horizon}`"
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return "`[" + ", ".join(str(each) for each in value) + "]`"
    if isinstance(value, Duration | str | Struct):
        return f"`{value}`" if value != "" else '`""`'
    return f"`{msgspec.json.encode(plain(value)).decode()}`"


def sections(struct: type[Struct], path: str = "", remark: str = "") -> Iterator[str]:
    """Yield the table of a struct, then those of the structs in it."""
    rows: list[str] = []
    below: list[str] = []
    texts = described(struct)
    for field in msgspec.structs.fields(struct):
        place = f"{path}.{field.encode_name}".removeprefix(".")
        section = nested(field.type)
        if section is not None:
            below += sections(section, place, " Absent by default." if field.default is None else "")
            continue
        if place == "models":
            continue  # the same tables as those of `defaults`
        words = expectation(field.type).replace("|", "\\|")
        rows.append(f"| `{field.encode_name}` | {words} | {default_of(field)} | {texts.get(field.name, '')} |\n")
        if get_origin(field.type) is dict and (each := as_section(get_args(field.type)[1])) is not None:
            below += sections(each, f"{place}.<name>")
        if get_origin(field.type) is tuple and (each := as_section(get_args(field.type)[0])) is not None:
            below += sections(each, f"{place}[]")
    if rows:
        lead = (inspect.getdoc(struct) or "").partition("\n\n")[0].replace("``", "`")
        yield f"\n## `{path}`\n\n{lead}{remark}\n\n| setting | expected | default | |\n| --- | --- | --- | --- |\n"
        yield from rows
    yield from below


def reference() -> str:
    """Return the whole page."""
    return HEAD + "".join(sections(Settings))


def main() -> int:
    """Write the page, or check it."""
    return write_or_check(__doc__, lambda: {TARGET: reference()})


if __name__ == "__main__":
    sys.exit(main())
