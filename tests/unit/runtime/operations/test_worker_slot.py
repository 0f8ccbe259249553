"""Names of workers to which nobody gave one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from driftline.errors import BrokerError
from driftline.runtime.operations import worker_slot as module
from driftline.runtime.operations.worker_slot import worker_slot
from tests.support.real_broker import patient

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from driftline.runtime.operations.worker_slot import worker_slot
with worker_slot("p", Path(sys.argv[1])) as name:
    print(name, flush=True)
    sys.stdin.read()
"""


def named(slot: int) -> str:
    return f"{socket.gethostname()}-{os.getuid()}-{slot}"


def test_slots_of_one_host_differ_and_the_lowest_free_one_is_taken(tmp_path: Path) -> None:
    with worker_slot("p", tmp_path) as first:
        with worker_slot("p", tmp_path) as second, worker_slot("other", tmp_path) as other:
            assert [first, second, other] == [named(0), named(1), named(0)]
        with worker_slot("p", tmp_path) as again:
            assert again == named(1)
    with worker_slot("p", tmp_path) as restarted:
        assert restarted == named(0)


def test_a_killed_process_leaves_its_slot_to_its_successor(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == named(0)
        with worker_slot("p", tmp_path) as beside:
            assert beside == named(1)
        process.kill()
        process.wait(patient(10))
    with worker_slot("p", tmp_path) as successor:
        assert successor == named(0)


def test_the_temporary_folder_serves_where_home_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("a file, no folder")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    with worker_slot("p") as name:
        assert name == named(0)
    assert [file.name for file in (tmp_path / "tmp" / f"driftline-{os.getuid()}").iterdir()] == ["p-0.lock"]


def test_all_slots_taken_and_no_folder_ask_for_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SLOTS", 1)
    with worker_slot("p", tmp_path), pytest.raises(BrokerError, match=r"All 1 slots for workers are in use.*--name"):
        worker_slot("p", tmp_path).__enter__()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BrokerError, match=r"no writable folder.*--name"):
        worker_slot("p", tmp_path / "file").__enter__()
