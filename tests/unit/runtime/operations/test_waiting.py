from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.real_broker import patient

PROGRAM = """
import ctypes, os, signal, sys, threading
from driftline.runtime.operations.waiting import wait_for

event, began = threading.Event(), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: event.set())


def other() -> None:
    began.set()
    threading.Event().wait()


thread = threading.Thread(target=other, daemon=True)
thread.start()
began.wait()
library = ctypes.CDLL(None, use_errno=True)
threading.Timer(0.5, lambda: library.pthread_kill(ctypes.c_ulong(thread.ident), signal.SIGTERM)).start()
wait_for(event)
print("woken")
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are signalled through the C library")
def test_a_signal_to_another_thread_wakes_the_main_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=patient(20)
    )
    assert (done.returncode, done.stdout) == (0, "woken\n"), done.stderr
