"""The example of what commands leave behind."""

from __future__ import annotations

from typing import Any

from driftline.monitoring.control.control_book import ControlBook
from tests.support.commands import entries
from tests.support.state_examples.example import Example, of
from tests.support.state_examples.operations import OPERATIONS


def _command(part: ControlBook, i: int) -> object:
    """Mute, unmute, deploy and note at some steps; models come, settings change, and old commands are forgotten."""
    start_ms = 10_000 * i + 86_400_000 * 60 * (i // 20)
    part.reached_ms = start_ms
    part.see(f"m{i % 7}", start_ms)
    part.configured("m1", str(i // 10))
    said: list[dict[str, Any]] = [
        {"command": "mute", "model": f"m{i % 9}", "until": start_ms + 90_000},
        {"command": "unmute", "mute": f"{i - 1}"},
        {"command": "deploy", "model": "m1", "model_version": str(i)},
        {"command": "acknowledge", "model": "m1", "alert": "a"},
    ]
    outputs = part.take(entries([{"by": "ann", "id": str(i), "at": start_ms + 5_000, **said[i % 4]}]))
    outputs += part.answers()
    for command in [*part.undecided][:-1]:
        outputs += part.settle(command, None)
    part.expire(start_ms)
    return outputs, len(part), part.changes("m1"), [each.over_ms for each in part.mutes]


EXAMPLES: list[Example[Any]] = [
    of(ControlBook, lambda: ControlBook(OPERATIONS, 10_000), _command, 45),
]
