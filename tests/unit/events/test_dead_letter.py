"""Dead letters: the raw record, where it stood and why it was refused."""

from __future__ import annotations

import hashlib

import pytest

from driftline.events import dead_letter
from driftline.events.dead_letter import MAX_VALUE_BYTES, REASONS, DeadLetter


def test_a_record_says_all() -> None:
    key, value, headers = DeadLetter("not_json", "Expected JSON, got …", "topic", 3, 41, b"{").record()
    assert (key, value) == (b"topic", b"{")
    assert dict(headers) == {
        "driftline_reason": b"not_json",
        "driftline_message": "Expected JSON, got …".encode(),
        "driftline_topic": b"topic",
        "driftline_partition": b"3",
        "driftline_offset": b"41",
        "driftline_size": b"1",
        "driftline_sha256": hashlib.sha256(b"{").hexdigest().encode(),
    }


@pytest.mark.parametrize("size", [0, MAX_VALUE_BYTES, MAX_VALUE_BYTES + 1, 3 * MAX_VALUE_BYTES])
def test_a_long_record_is_cut_and_its_whole_is_known(size: int) -> None:
    whole = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    _, value, headers = DeadLetter("not_utf8", "", "topic", 0, 0, whole).record()
    assert value == whole[:MAX_VALUE_BYTES]
    assert dict(headers)["driftline_size"] == str(size).encode()
    assert dict(headers)["driftline_sha256"] == hashlib.sha256(whole).hexdigest().encode()


def test_every_reason_is_explained() -> None:
    codes = {value for name, value in vars(dead_letter).items() if name.isupper() and isinstance(value, str)}
    assert codes == REASONS.keys()
