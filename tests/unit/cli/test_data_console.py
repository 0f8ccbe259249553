from __future__ import annotations

import io
import json

import pytest
from rich.table import Table
from rich.text import Text

from driftline.cli.data_console import DataConsole

HOSTILE = "a\x1b[31m\x9b2J\u202eb\u061c\x7f\U000e0041"


def printed(what: object, *, terminal: bool = False) -> str:
    file = io.StringIO()
    DataConsole(file=file, soft_wrap=True, highlight=False, force_terminal=terminal, width=200).print(
        what, markup=False
    )
    return file.getvalue()


@pytest.mark.parametrize("how", [{"terminal": False}, {"terminal": True}])
def test_nothing_that_is_printed_commands_a_terminal(how: dict[str, bool]) -> None:
    table = Table("model")
    table.add_row(Text(HOSTILE))
    for what in (HOSTILE, Text(HOSTILE), table):
        shown = printed(what, **how)
        assert "a\\x1b[31" in shown
        assert not {"\x9b", "\u202e", "\u061c", "\x7f"} & set(shown)
        assert "\x1b[31m" not in shown
    assert printed(HOSTILE, **how) == "a\\x1b[31m\\u009b2J\\u202eb\\u061c\\u007f\\udb40\\udc41\n"


def test_colours_and_lines_are_kept() -> None:
    assert printed(Text("bad", style="red"), terminal=True) == "\x1b[31mbad\x1b[0m\n"
    assert printed("two\nlines → ä") == "two\nlines → ä\n"


def test_json_keeps_its_content() -> None:
    shown = printed(json.dumps({"name": HOSTILE}, ensure_ascii=False))
    assert json.loads(shown) == {"name": HOSTILE}
    assert "\u202e" not in shown
