"""Everything driftline says of one small stream, as it was said before.

A change of ``stream.ndjson`` is a change that users see: it needs a line in CHANGELOG.md. ``scripts/golden.py`` writes
the file anew. Numbers with a fraction may differ in their last digits, as logarithms and tails do between builds of
NumPy and SciPy; all else is compared exactly.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import pytest

from tests.golden.stream import write_stream
from tests.support.native import BOTH, run_as

STORED = Path(__file__).with_name("stream.ndjson")
PRECISION = 1e-12


def differences(expected: object, got: object, at: str = "$") -> list[str]:
    """Return where two documents differ."""
    if isinstance(expected, float) and isinstance(got, float):
        same = math.isclose(expected, got, rel_tol=PRECISION, abs_tol=PRECISION)
        return [] if same else [f"{at}: {expected!r} became {got!r}"]
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        return [line for key in expected for line in differences(expected[key], got[key], f"{at}.{key}")]
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = enumerate(zip(expected, got, strict=True))
        return [line for i, (one, other) in pairs for line in differences(one, other, f"{at}[{i}]")]
    same = type(expected) is type(got) and expected == got
    return [] if same else [f"{at}: {expected!r} became {got!r}"]


@pytest.mark.parametrize("way", BOTH)
def test_the_stream_says_what_it_said_before(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_as(way, monkeypatch)
    out = tmp_path / "stream.ndjson"
    write_stream(out, tmp_path)
    expected = [json.loads(line) for line in STORED.read_bytes().splitlines()]
    got = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert len(got) == len(expected)
    found = [line for n, pair in enumerate(zip(expected, got, strict=True)) for line in differences(*pair, f"{n}")]
    assert not found, "\n".join(found[:20])


def test_the_stored_stream_shows_every_type_of_event_and_is_small() -> None:
    events = [json.loads(line) for line in STORED.read_bytes().splitlines()]
    types = Counter(event["type"].split(".")[2] for event in events)
    assert set(types) == {"window", "finding", "performance", "alert"}
    states = Counter(event["data"]["state"] for event in events if event["type"].split(".")[2] == "alert")
    assert states["open"] > 0
    assert states["resolved"] > 0
    assert {event["data"]["revision"] for event in events if "performance.v" in event["type"]} == {0, 1}
    assert STORED.stat().st_size < 116 * 1024


@pytest.mark.parametrize(
    ("one", "other", "at"),
    [
        ({"a": [1, 2]}, {"a": [1, 3]}, "$.a[1]"),
        ({"a": 1}, {"a": 1.0}, "$.a"),
        ({"a": 1.0}, {"a": 1.0 + 1e-9}, "$.a"),
        ({"a": 1}, {"b": 1}, "$"),
        ([1], [1, 1], "$"),
        ("x", "y", "$"),
    ],
)
def test_differences_are_found(one: object, other: object, at: str) -> None:
    (line,) = differences(one, other)
    assert line.startswith(f"{at}: ")
    assert differences(one, one) == []


def test_last_digits_of_fractions_may_differ() -> None:
    assert differences({"p": 0.1 + 0.2}, {"p": 0.3}) == []
