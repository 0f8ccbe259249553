"""How many arenas threads of a process get, as glibc itself reports it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from driftline.runtime.operations import memory_arenas
from driftline.runtime.operations.memory_arenas import MemoryReturn

THREADS_ALLOCATE = """
import ctypes, sys, threading
from driftline.runtime.operations.memory_arenas import limit_arenas

if sys.argv[1] == "limited":
    limit_arenas()
libc = ctypes.CDLL(None)
libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
all_there = threading.Barrier(12)

def allocate():
    libc.malloc(1_000)
    all_there.wait()

threads = [threading.Thread(target=allocate) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


def arenas(how: str, **environment: str) -> int:
    command = [sys.executable, "-c", THREADS_ALLOCATE, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | environment)
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_few_arenas() -> None:
    without = arenas("as it is")
    assert without > 2
    assert arenas("limited") == 2
    assert arenas("limited", MALLOC_ARENA_MAX="1") == 1


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_memory_is_given_back_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(memory_arenas, "time", SimpleNamespace(monotonic=lambda: now[0]))
    memory = MemoryReturn()
    given = []
    for now[0] in (1_001.0, 1_059.0, 1_061.0, 1_062.0, 1_120.0, 1_122.0):
        given.append(memory.when_due())
    assert given == [False, False, True, False, False, True]
