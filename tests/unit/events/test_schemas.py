"""The published schemas are those of the code, and say what messages look like."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[3]
INPUTS = ("prediction", "label")
OUTPUTS = ("window", "finding", "performance", "alert")


Json: TypeAlias = Any


def load(*parts: str) -> Json:
    return json.loads(ROOT.joinpath("schemas", *parts).read_text(encoding="utf-8"))


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(load(f"{name}.json"), format_checker=jsonschema.FormatChecker())


def messages(name: str) -> list[Any]:
    found = load("examples", f"{name}.json")
    return [each["data"] for each in found] if name in OUTPUTS else list(found)


def test_they_are_current() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "generate_schemas.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", INPUTS + OUTPUTS)
def test_each_is_a_schema_of_draft_2020_12(name: str) -> None:
    schema = load(f"{name}.json")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", INPUTS + OUTPUTS)
def test_the_examples_validate(name: str) -> None:
    found = messages(name)
    assert found
    for message in found:
        validator(name).validate(message)


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_field_of_an_output_event_is_required_and_may_get_company(name: str) -> None:
    schema, message = validator(name), messages(name)[0]
    for field in message:
        lacking = {key: value for key, value in message.items() if key != field}
        assert not schema.is_valid(lacking), field
    assert schema.is_valid({**message, "a_field_of_a_later_version": 1})


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_wrong_type_does_not_validate(name: str) -> None:
    message = copy.deepcopy(messages(name)[0])
    message["window"]["size_ms"] = "an hour"
    assert not validator(name).is_valid(message)


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_field_is_described(name: str) -> None:
    assert [field for field, schema in load(f"{name}.json")["properties"].items() if "description" not in schema] == []


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_page_for_consumers_names_every_type_and_cause(name: str) -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert f"io.driftline.{name}.v1" in page
    for cause in load("alert.json")["properties"]["cause"]["enum"]:
        assert f"`{cause}`" in page
