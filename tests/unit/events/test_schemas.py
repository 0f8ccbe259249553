"""The published schemas are those of the code, and say what messages look like."""

from __future__ import annotations

import copy
import inspect
import json
import subprocess
import sys
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeAlias

import jsonschema
import pytest

from driftline import events
from driftline.events import cloudevents
from driftline.events.evidence import Event
from tests.support.real_broker import ROOT, patient

Json: TypeAlias = Any

SCHEMAS = ROOT / "schemas"
GOLDEN = ROOT / "tests" / "golden" / "stream.ndjson"
INPUTS = ("command", "label", "prediction")


def event_types() -> set[str]:
    """Return the CloudEvents type of every output event that the package defines."""
    modules = [import_module(f"{events.__name__}.{found.name}") for found in iter_modules(events.__path__)]
    classes = {found for module in modules for _, found in inspect.getmembers(module, inspect.isclass)}
    return {found.TYPE for found in classes if issubclass(found, Event) and found is not Event}


def name_of(event_type: str) -> str:
    """Return the name of an event's schema."""
    organisation, product, name, version = event_type.split(".")
    assert (organisation, product, version) == ("io", "driftline", "v1")
    return name


OUTPUTS = tuple(sorted(map(name_of, event_types())))


def load(*parts: str) -> Json:
    return json.loads(SCHEMAS.joinpath(*parts).read_text(encoding="utf-8"))


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(load(f"{name}.json"), format_checker=jsonschema.FormatChecker())


def messages(name: str) -> list[Any]:
    found = load("examples", f"{name}.json")
    return [each["data"] for each in found] if name in OUTPUTS else list(found)


def test_every_type_of_event_has_a_schema_and_examples() -> None:
    constants = {value for value in vars(cloudevents).values() if str(value).startswith("io.driftline.")}
    assert event_types() == constants
    wanted = sorted([*INPUTS, *OUTPUTS])
    assert sorted(path.stem for path in SCHEMAS.glob("*.json")) == wanted
    assert sorted(path.stem for path in SCHEMAS.joinpath("examples").glob("*.json")) == wanted
    assert [load(f"{name}.json")["$id"] for name in wanted] == [f"urn:driftline:schema:{name}:v1" for name in wanted]


def test_the_golden_stream_validates() -> None:
    validated = set()
    for line in GOLDEN.read_bytes().splitlines():
        event = json.loads(line)
        name = name_of(event["type"])
        validator(name).validate(event["data"])
        validated.add(name)
    assert validated >= {"window", "finding", "performance", "alert"}


@pytest.mark.parametrize("name", OUTPUTS)
def test_examples_have_the_type_of_their_schema(name: str) -> None:
    assert {example["type"] for example in load("examples", f"{name}.json")} == {f"io.driftline.{name}.v1"}


def test_they_are_current() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "generate_schemas.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patient(60))
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
    # the first is only in findings about performance, the second not in alerts of earlier versions
    for field in message.keys() - {"explained", "evidence"}:
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
