from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from driftline.runtime.operations.shelf_file import ShelfFile

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_put_is_read_back(tmp_path: Path) -> None:
    pages = ShelfFile(tmp_path)
    values = [bytes([number]) * (number * 3_000) for number in range(5)]
    places = [pages.put(value) for value in values]
    assert [pages.get(place) for place in places] == values
    assert list(tmp_path.iterdir()) == [], "the file has no name, and goes with the process"


def test_the_place_of_what_was_freed_is_used_again(tmp_path: Path) -> None:
    pages = ShelfFile(tmp_path)
    small, large = pages.put(b"a" * 100), pages.put(b"b" * 10_000)
    pages.put(b"c" * 5_000)
    pages.free(small)
    pages.free(large)
    assert pages.put(b"d" * 9_000) == large
    assert pages.put(b"e" * 1_024) == small
    assert pages.get(large) == b"d" * 9_000


def test_what_the_disk_does_not_take_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = ShelfFile(tmp_path)
    before = pages.put(b"before")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with capture_logs() as logs:
        places = [pages.put(b"x" * 5_000), pages.put(b"y")]
    monkeypatch.undo()
    assert [pages.get(place) for place in places] == [b"x" * 5_000, b"y"]
    assert pages.get(before) == b"before"
    (said,) = logs
    assert "No space left on device" in said["reason"]
    pages.free(places[0])
    assert pages.get(pages.put(b"after")) == b"after"


def test_a_file_that_was_cut_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = ShelfFile(tmp_path)
    place = pages.put(b"some bytes")
    monkeypatch.setattr(os, "pread", lambda *_: b"")
    with pytest.raises(OSError, match="Expected 10 more bytes, got the end of the file"):
        pages.get(place)


def test_short_reads_and_writes_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages, write, read = ShelfFile(tmp_path), os.pwrite, os.pread
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:7], at))
    monkeypatch.setattr(os, "pread", lambda file, n, at: read(file, min(n, 5), at))
    assert pages.get(pages.put(bytes(range(40)))) == bytes(range(40))
