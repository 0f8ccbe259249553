"""Decoding by pointers: one pass, typed, and a reason for everything that is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from driftline.errors import EventError, ParameterError
from driftline.events import dead_letter as reasons
from driftline.events.mapping import MappedDecoder, pointer_parts

FIELDS = {"id": ("/id", str, True), "x": ("/deep/x", float, False), "raw": ("/deep/raw", msgspec.Raw, False)}
DECODE = MappedDecoder(FIELDS)


def refused(value: bytes | None) -> tuple[str, str]:
    with pytest.raises(EventError) as caught:
        DECODE(value)
    return caught.value.reason, str(caught.value)


def test_values_come_in_the_order_of_the_fields() -> None:
    assert plain(DECODE(b'{"deep": {"raw": [1], "x": 2, "more": {}}, "other": 1, "id": "a"}')) == ("a", 2.0, b"[1]")
    assert plain(DECODE(b'{"id": "a"}')) == ("a", None, None)
    assert plain(DECODE(b'{"id": "a", "deep": null}')) == ("a", None, None)


def plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(bytes(value) if isinstance(value, msgspec.Raw) else value for value in values)


def test_flat_fields_keep_their_order_whatever_the_structs() -> None:
    decode = MappedDecoder({"a": ("/a", int, False), "b": ("/b", int, True), "c": ("/c", int, False)})
    assert decode(b'{"c": 3, "b": 2, "a": 1}') == (1, 2, 3)
    assert decode(b'{"b": 2}') == (None, 2, None)


def test_the_last_of_duplicate_keys_counts() -> None:
    assert DECODE(b'{"id": "a", "id": "b"}')[0] == "b"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, reasons.EMPTY),
        (b"", reasons.EMPTY),
        (b" ", reasons.NOT_JSON),
        (b"{", reasons.NOT_JSON),
        (b'{"id": "a"} {}', reasons.NOT_JSON),
        (b'{"id": "\xc3"}', reasons.NOT_UTF8),
        (b'{"id": "a", "other": "\xff"}', reasons.NOT_UTF8),
        ('{"id": "a"}'.encode("utf-16"), reasons.NOT_UTF8),
        ('{"id": "a"}'.encode("utf-16-le"), reasons.NOT_JSON),
        (b'{"id": "\\ud800"}', reasons.NOT_JSON),
        (b'{"id": "a", "other": "\\udfff"}', reasons.NOT_JSON),
        (b"[" * 100_000, reasons.INVALID_TYPE),
        (b'{"id": "a", "other": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", reasons.NOT_JSON),
        (b"[]", reasons.INVALID_TYPE),
        (b"null", reasons.INVALID_TYPE),
        (b"{}", reasons.MISSING_FIELD),
        (b'{"x": NaN}', reasons.MISSING_FIELD),
        (b'{"id": 1, "x": NaN}', reasons.INVALID_TYPE),
        (b'{"id": "a", "deep": {"x": "NaN"}}', reasons.INVALID_TYPE),
        (b'{"id": "a", "deep": {"x": 1e999}}', reasons.INVALID_VALUE),
        (b'{"id": "a", "deep": {"x": 1' + b"0" * 400 + b"}}", reasons.INVALID_VALUE),
        (b'{"id": "a", "deep": {"x": 1' + b"0" * 400 + b', "y": NaN}}', reasons.INVALID_VALUE),
    ],
)
def test_every_refusal_has_a_reason_and_a_place(value: bytes | None, reason: str) -> None:
    found, message = refused(value)
    assert found == reason
    assert " - at `$" in message
    message.encode()  # it becomes a header
    assert len(message) < 400


def test_nan_and_infinity_are_read_though_they_are_no_json() -> None:
    values = DECODE(b'{"id": "a", "deep": {"x": -Infinity, "raw": {"y": NaN}}}')
    assert values[1] == float("-inf")
    assert bytes(values[2]) == b'{"y": NaN}'


def test_a_byte_order_mark_is_passed_over() -> None:
    assert DECODE(b'\xef\xbb\xbf{"id": "a"}')[0] == "a"


@pytest.mark.parametrize("depth", range(880, 1_010, 3))
def test_nesting_near_the_limit_never_raises_anything_else(depth: int) -> None:
    value = b'{"id": "a", "deep": {"raw": ' + b"[" * depth + b"NaN" + b"]" * depth + b"}}"
    try:
        assert DECODE(value)[0] == "a"
    except EventError as error:
        assert error.reason == reasons.NOT_JSON  # noqa: PT017  # either is right, nothing else


@pytest.mark.parametrize("pointers", [("/a", "/a"), ("/a", "/a/b"), ("/a/b", "/a")])
def test_pointers_must_not_lead_through_each_other(pointers: tuple[str, str]) -> None:
    with pytest.raises(ParameterError, match="pointers that do not lead through each other"):
        MappedDecoder({str(i): (pointer, int, False) for i, pointer in enumerate(pointers)})


@pytest.mark.parametrize(("pointer", "parts"), [("", ()), ("/", ("",)), ("/a~1b/~0", ("a/b", "~"))])
def test_pointer_parts(pointer: str, parts: tuple[str, ...]) -> None:
    assert pointer_parts(pointer) == parts
