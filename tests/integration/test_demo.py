"""The demo as a newcomer sees it: what it promises at the beginning is what it tells in the end."""

from __future__ import annotations

import re

import pytest

from tests.support.command import driftline

KINDS = ("data drift", "performance")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_keeps_its_promise() -> None:
    done = driftline("demo", "--speed", 1000, deadline_s=220)
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.sub(r"\s+", " ", done.stdout)

    began, ended = _all(r"At (\d\d:\d\d) incomes grow .* at (\d\d:\d\d) both changes end", said)[0]
    for kind in KINDS:
        ((opened, after_min, since, resolved),) = _all(
            rf"{kind}: opened at (\S+), (\d+) minutes? of event time after the drift began at (\S+); resolved at (\S+)",
            said,
        )
        assert since == began
        assert _minutes(began, opened) == int(after_min) <= 40, "within minutes, and the wait for labels"
        assert 30 <= _minutes(ended, resolved) <= 55, "after two clean windows and the wait for labels"
    assert "alerts before the drift: 0" in said
    assert "incidents: 1; notifications: 1" in said, "one problem, one notification"

    lines = done.stdout.splitlines()
    of_drift, of_performance = [line for line in lines if "ALERT open" in line and re.search(r"update 1\b", line)]
    assert len([line for line in lines if "ALERT resolved" in line]) == len(KINDS), "nothing but what was announced"
    assert re.search(r"update 1, notifies\): income: mean \d\d,\d00 → \d\d,\d00, since", of_drift)
    assert re.search(r"update 1, of the same incident\): accuracy [\d.]+ % → [\d.]+ %, since", of_performance)
    assert re.search(r"Since between .* `income` has moved .* Look first at `income`", said)


def _all(pattern: str, text: str) -> list[tuple[str, ...]]:
    return [match.groups() for match in re.finditer(pattern, text)]


def _minutes(since: str, until: str) -> int:
    """Return the minutes between two times of the clock, past midnight too."""
    hours, minutes = (int(b) - int(a) for a, b in zip(since.split(":"), until.split(":"), strict=True))
    return (60 * hours + minutes) % (24 * 60)
