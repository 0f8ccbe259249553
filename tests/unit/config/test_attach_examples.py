"""The examples of docs/attach.md are configurations that `check-config` takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from driftline.config.load import load_settings
from driftline.events.mapping_check import mapping_problems

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "attach.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
LINES = sorted(
    set(re.findall(r"`((?:model|model_version|prediction_id|ts|features|score|segments|order): [^`]+)`", PAGE))
)


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 4
    assert len(LINES) >= 20


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks(block: str) -> None:
    values = yaml.safe_load(block)
    whole = {"predictions": values} if "fields" in values else values
    load_settings(None, {}, whole, settings_checks=[mapping_problems])
    assert len(block.splitlines()) <= 10


@pytest.mark.parametrize("line", LINES)
def test_lines(line: str) -> None:
    fields = yaml.safe_load(line)
    if "order" in fields:
        fields = {"score": {"pointer": "/p", **fields}}
    load_settings(None, {}, {"predictions": {"fields": fields}}, settings_checks=[mapping_problems])
