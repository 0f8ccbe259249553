"""The demo as a newcomer sees it: what it promises at the beginning is what it tells in the end."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.real_broker import ROOT

CAUSES = ("data drift", "performance")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_keeps_its_promise() -> None:
    command = [sys.executable, "-m", "driftline", "demo", "--speed", "1000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=220)
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.sub(r"\s+", " ", done.stdout)

    began, ended = _all(r"At (\d\d:\d\d) incomes grow .* at (\d\d:\d\d) both changes end", said)[0]
    for cause in CAUSES:
        ((opened, after_min, since, resolved),) = _all(
            rf"{cause}: opened at (\S+), (\d+) minutes of event time after the drift began at (\S+); resolved at (\S+)",
            said,
        )
        assert since == began
        assert _minutes(began, opened) == int(after_min) <= 40, "within a window or two and the wait for labels"
        assert 30 <= _minutes(ended, resolved) <= 55, "after two clean windows and the wait for labels"
    assert "alerts before the drift: 0" in said

    lines = done.stdout.splitlines()
    opened_as = [line for line in lines if "ALERT open" in line and "update 1)" in line]
    resolved_as = [line for line in lines if "ALERT resolved" in line]
    assert len(opened_as) == len(resolved_as) == len(CAUSES), "nothing but what was announced"
    assert "income" in opened_as[0]


def _all(pattern: str, text: str) -> list[tuple[str, ...]]:
    return [match.groups() for match in re.finditer(pattern, text)]


def _minutes(since: str, until: str) -> int:
    """Return the minutes between two times of the clock, past midnight too."""
    hours, minutes = (int(b) - int(a) for a, b in zip(since.split(":"), until.split(":"), strict=True))
    return (60 * hours + minutes) % (24 * 60)
