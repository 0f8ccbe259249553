"""docs/late-labels.md is true: its commands, run one after the other, print what stands below them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.real_broker import patient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "late-labels.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
PACE = re.compile(r"in [\d.]+ s, [\d,]+ predictions/s")
"""Of the machine, not of the product."""


class Step(NamedTuple):
    """A command of the page, and what it says it prints."""

    command: str
    printed: str


def steps() -> list[Step]:
    return [Step(*each.groups()) for block in BLOCK.findall(PAGE.read_text()) for each in COMMAND.finditer(block)]


def run(command: str, folder: Path) -> str:
    here = re.sub(r"(^|\s)driftline (?=[a-z])", rf"\1{sys.executable} -m driftline ", command)
    here = re.sub(r"^python ", f"{sys.executable} ", here)
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        ["sh", "-c", here],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=patient(300),
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def test_every_command_prints_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    page = steps()
    assert sum(step.command.startswith("driftline backtest") or " backtest " in step.command for step in page) == 4

    for step in page:
        assert PACE.sub("", run(step.command, tmp_path)) == PACE.sub("", step.printed), step.command
